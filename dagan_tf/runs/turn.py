"""Photos in, their faces from other sides out: simulated and refined, one call or one command."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dagan_tf.core.files import writing_to
from dagan_tf.core.memory import without_collections
from dagan_tf.core.names import file_name
from dagan_tf.errors import DaganError
from dagan_tf.faces.photo_io import read_photo, write_png
from dagan_tf.faces.weights import LANDMARK_SOURCES
from dagan_tf.folders.processes import jobs_beside, one_ahead, run_jobs
from dagan_tf.folders.views import View, all_views
from dagan_tf.pretrained.card import PRETRAINED, read_card
from dagan_tf.runs.contact_sheet import Row, contact_sheet, in_square
from dagan_tf.simulator.angles import read_angles, yaw_refusal

if TYPE_CHECKING:  # They load TensorFlow and numba.
    from dagan_tf.export.refiner import Refiner
    from dagan_tf.simulator.simulator import Simulator
    from dagan_tf.simulator.view import SimulatedView

YAWS = (-60.0, -30.0, 30.0, 60.0)
SHEET_NAME = "contact_sheet.png"
# What is compiled at the first use on a machine: half by the process that draws, in the order in
# which it is needed, and meanwhile half by another one.
_COMPILED_FIRST = (
    "dagan_tf.simulator.render.rasterizer",
    "dagan_tf.simulator.fitting.kernel",
)
_COMPILED_LAST = ("dagan_tf.simulator.render.shading", "dagan_tf.simulator.scene.grain")


@dataclass(frozen=True, eq=False)
class TurnedFace:
    """A face from another side.

    Attributes:
        view: As the simulator draws it, with mask, landmarks and pose.
        refined: (S, S, 3) uint8 RGB, the same view refined.
    """

    view: SimulatedView
    refined: np.ndarray

    @property
    def simulated(self) -> np.ndarray:
        """(S, S, 3) uint8 RGB, not refined."""
        return self.view.image


def turn(
    photo: np.ndarray | str | os.PathLike[str],
    yaws: Iterable[float] = YAWS,
    *,
    model: str | os.PathLike[str] = "pretrained",
    image_size: int | None = None,
    landmarks: str = LANDMARK_SOURCES[0],
) -> list[TurnedFace]:
    """Shows a photo's face from other sides, simulated and refined.

    Args:
        photo: (H, W, 3) uint8 RGB, or a file.
        yaws: Degrees in [-90, 90], > 0 turns the face to its own left.
        model: What refines: `pretrained`, the refiner in the box, or what `serving.export` wrote.
        image_size: Side of the views, pixels; that of the model's training if None.
        landmarks: Where they come from, of `LANDMARK_SOURCES`.

    Returns:
        One face a yaw, in their order; yaws of a side that the photo does not show are left out.

    Raises:
        PhotoError: The file is not a photo.
        FaceNotFoundError: No face in it, or several and none clearly the main one.
        DaganError: A yaw is out of range, the photo shows the side of none, or no model is there.
    """
    refiner = _refiner(os.fspath(model))
    size = image_size or _trained_size(os.fspath(model))
    pixels = photo if isinstance(photo, np.ndarray) else read_photo(photo)
    views = _simulator(size, landmarks).simulate(pixels, yaws=yaws)
    refined = refiner(np.stack([view.image for view in views]))
    return [TurnedFace(view, image) for view, image in zip(views, refined, strict=True)]


def turn_files(
    photos: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    yaws: Iterable[float] = YAWS,
    *,
    model: str | os.PathLike[str] = "pretrained",
    image_size: int | None = None,
    landmarks: str = LANDMARK_SOURCES[0],
    meanwhile: Callable[[], object] | None = None,
) -> dict[Path, str]:
    """Turns the faces of files; writes simulated/, refined/ and a contact sheet.

    Args:
        photos: Files.
        output: Folder, made if absent. `refined/STEM_yaw+030.png` (see `picture_name`) and the
            same in `simulated/`; files of an earlier call with the same names are replaced.
        yaws: See `turn`, like the three below.
        model: What refines.
        image_size: Side of the views, pixels.
        landmarks: Where they come from.
        meanwhile: If given, views are drawn by a process of their own, and this is called while it
            starts, or before, to load TensorFlow. A script needs the usual guard of its main
            module.

    Returns:
        Why a photo, or some of its views, were left out, one line, by file; empty if none was.

    Raises:
        DaganError: Two photos have one stem, a yaw is out of range or finer than 0.1 degrees, or
            the model cannot be had.
        OSError: `output` cannot be written.
    """
    files = [Path(photo) for photo in photos]
    stems = [file.stem for file in files]
    for place, stem in enumerate(stems):
        if stem in stems[:place]:
            raise DaganError(
                f"{files[place]}: has the same name as {files[stems.index(stem)]}; expected"
                " different ones, which name the pictures made of them"
            )
    yaws = read_angles("yaws", yaws)
    all_views(yaws, None)  # Refuses angles that cannot be shown, or named.
    model = os.fspath(model)
    if meanwhile is not None and model != PRETRAINED:
        meanwhile()  # Of others not even the size is known without TensorFlow.
    size = image_size or _trained_size(model)
    with _drawn(files, (size, landmarks, yaws), meanwhile is not None) as drawn:
        if meanwhile is not None and model == PRETRAINED:
            meanwhile()
        refiner = _refiner(model)
        if meanwhile is not None:
            refiner.warm_up()  # Else the first views would wait for it, and not it for them.
        with writing_to(output) as folder:
            for kind in ("simulated", "refined"):
                (folder / kind).mkdir(parents=True, exist_ok=True)
            left_out: dict[Path, str] = {}
            rows = []
            for file, views in zip(files, drawn, strict=True):
                if isinstance(views, str):
                    left_out[file] = views
                    continue
                row = Row(views.photo, views.yaws, views.images, refiner(views.images))
                for yaw, simulated, refined in zip(*row[1:], strict=True):
                    name = picture_name(file, yaw)
                    write_png(folder / "simulated" / name, simulated)
                    write_png(folder / "refined" / name, refined)
                rows.append(row)
                if views.refusals:
                    left_out[file] = f"{file}: {'; '.join(views.refusals)}"
            if rows:
                write_png(folder / SHEET_NAME, contact_sheet(rows))
            return left_out


def picture_name(photo: Path, yaw: float) -> str:
    """File name of a photo's view at a yaw, degrees, in simulated/ and refined/."""
    return f"{file_name(photo.stem)}_yaw{View(yaw).name}.png"


class _Views(NamedTuple):
    """What one photo gives: small, since it may come from another process."""

    photo: np.ndarray
    yaws: list[float]
    images: np.ndarray
    refusals: list[str]


@contextmanager
def _drawn(
    files: Sequence[Path], settings: tuple[int, str, list[float]], apart: bool
) -> Iterator[Iterator[_Views | str]]:
    """The views of each file, or why there are none."""
    if apart:
        with jobs_beside(files, _draw, _start_apart, settings) as results:
            yield results
    else:
        yield one_ahead(run_jobs(files, _draw, _start_drawing, settings, workers=1))


class _Drawing(NamedTuple):
    """What draws photos: `ready` is called when a face was found, before it is fitted."""

    simulator: Simulator
    yaws: list[float]
    ready: Callable[[], object]


def _start_drawing(image_size: int, landmarks: str, yaws: list[float]) -> _Drawing:
    return _Drawing(_simulator(image_size, landmarks), yaws, lambda: None)


def _start_apart(image_size: int, landmarks: str, yaws: list[float]) -> _Drawing:
    """As `_start_drawing`, in a process of its own."""
    with without_collections():
        from dagan_tf.core.compiled import compile_modules, must_compile

        ready: Callable[[], object] = lambda: None  # noqa: E731
        if must_compile(_COMPILED_LAST[0]):
            ready = _compiling_beside()
            compile_modules(_COMPILED_FIRST)
        return _Drawing(_simulator(image_size, landmarks), yaws, ready)


def _compiling_beside() -> Callable[[], object]:
    """Starts to compile `_COMPILED_LAST` in another process; what it returns waits for that."""
    stack = ExitStack()
    done = stack.enter_context(jobs_beside([_COMPILED_LAST], _compile, _no_context, ()))

    def ready() -> None:
        # What it failed to compile is compiled at its first use.
        with stack, suppress(DaganError):
            list(done)

    return ready


def _no_context() -> None:
    pass


def _compile(context: None, modules: tuple[str, ...]) -> None:
    del context
    from dagan_tf.core.compiled import compile_modules

    compile_modules(modules)


def _draw(drawing: _Drawing, file: Path) -> _Views | str:
    simulator, yaws, ready = drawing
    try:
        photo = read_photo(file)
        face = simulator.find(photo)
        ready()
        views = simulator.simulate(photo, yaws=yaws, face=face)
    except DaganError as error:
        said = str(error)
        return said if str(file) in said else f"{file}: {said}"
    own = views[0].source_pose.yaw
    return _Views(
        in_square(photo, simulator.image_size),
        [view.pose.yaw for view in views],
        np.stack([view.image for view in views]),
        [reason for yaw in yaws if (reason := yaw_refusal(own, yaw))],
    )


def _trained_size(model: str) -> int:
    """Of the refiner in the box without TensorFlow, which it would take seconds to load."""
    size = read_card().image_size if model == PRETRAINED else _refiner(model).image_size
    return size or 224


@functools.lru_cache(maxsize=2)
def _refiner(model: str) -> Refiner:
    from dagan_tf.export.refiner import Refiner

    return Refiner.load(model)


@functools.lru_cache(maxsize=2)
def _simulator(image_size: int, landmarks: str) -> Simulator:
    from dagan_tf.faces.face import FaceFinder
    from dagan_tf.simulator.simulator import Simulator

    return Simulator(image_size=image_size, finder=FaceFinder(landmarks=landmarks))
