"""From a job, a few photos and the views wanted of them, to images on disk and rows about them.

What a worker does, in this process, in another or in a Beam pipeline: OUT/IDENTITY/
STEM_yaw+060.png, ..._yaw+060_mask.png and, if asked for, ..._yaw+060_depth.png and
..._yaw+060_head.png.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from dagan_tf.data.manifest import ManifestRow, SkippedRow, landmarks_text
from dagan_tf.data.photos import PhotoItem
from dagan_tf.errors import DaganError
from dagan_tf.faces.face import FaceFinder
from dagan_tf.faces.photo_io import read_photo, write_png
from dagan_tf.faces.weights import LANDMARK_SOURCES
from dagan_tf.folders.head_images import write_head
from dagan_tf.folders.views import View, jittered_pitch, jittered_yaw, view_path
from dagan_tf.simulator.acceptance import MIN_FACE
from dagan_tf.simulator.angles import MAX_PITCH, MAX_YAW
from dagan_tf.simulator.fitting.fit import FaceFit
from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.render.camera import Pose, turned_upright
from dagan_tf.simulator.simulator import Simulator
from dagan_tf.simulator.view import SimulatedView

# Photos of a person that are kept from finding their faces to drawing them, bytes; the others of
# one who has more are decoded twice.
KEPT_BYTES = 512_000_000
# Depth images hold round(32768 + 32 * depth in pixels); 0 is no depth.
DEPTH_ZERO, DEPTH_STEPS = 32768, 32


@dataclass(frozen=True)
class SimulationSettings:
    """What decides the files of a view.

    Attributes:
        image_size: side of the views, pixels.
        background: "keep", "blur" or "none".
        face_model: file or folder of the 3D head, None for the packaged one.
        yaw_jitter: degrees; each view's yaw is the asked one plus a uniform draw from
            [-yaw_jitter, yaw_jitter], kept in [-90, 90].
        pitch_jitter: degrees, likewise for the pitch, kept in [-30, 30].
        seed: of the draws.
        depth: also write each view's depth.
        head: also write how far each pixel is head, and bare skin.
        share_identity: fit all photos of a person together, with one shape of the head.
        min_face: width, pixels, of faces that are just large enough.
        landmarks: where they come from, of `LANDMARK_SOURCES`.
    """

    image_size: int = 224
    background: str = "keep"
    face_model: str | None = None
    yaw_jitter: float = 0.0
    pitch_jitter: float = 0.0
    seed: int = 0
    depth: bool = False
    head: bool = False
    share_identity: bool = False
    min_face: float = MIN_FACE
    landmarks: str = LANDMARK_SOURCES[0]

    def simulator(self) -> Simulator:
        """The simulator, the same at every call; raises DaganError on a bad setting."""
        return _simulator(self)


@lru_cache(maxsize=1)
def _simulator(settings: SimulationSettings) -> Simulator:
    """Made once: the head's mesh and the detectors' weights take a while to load."""
    for name, limit in (("yaw_jitter", MAX_YAW), ("pitch_jitter", MAX_PITCH)):
        value = getattr(settings, name)
        if not 0 <= value <= limit:
            raise DaganError(f"{name}: got {value}, expected degrees in [0, {limit:g}]")
    model = MorphableModel.load(settings.face_model) if settings.face_model else None
    return Simulator(
        model=model,
        image_size=settings.image_size,
        background=settings.background,
        min_face=settings.min_face,
        finder=FaceFinder(landmarks=settings.landmarks),
    )


# Photos that are fitted together (one, or all of a person), each with the views that are missing.
Job = list[tuple[PhotoItem, list[View]]]
Result = list[ManifestRow | SkippedRow]


Context = tuple[Simulator, SimulationSettings, Path]


def start_maker(settings: SimulationSettings, output: Path) -> Context:
    """What `make_views` needs, made once a worker."""
    return settings.simulator(), settings, output


def make_views(context: Context, job: Job) -> Result:
    """The views of the photos of a job, or why there are none."""
    simulator, settings, output = context
    rows: Result = []
    for photo, views, fit, kept in _fitted(simulator, job, rows):
        source = photo.source
        allowed: list[tuple[View, Pose]] = []
        for view in views:
            yaw = jittered_yaw(photo, view, settings.yaw_jitter, settings.seed)
            reason = simulator.refusal(fit, yaw)
            if reason is not None:
                rows.append(SkippedRow(source=source, reason=reason, yaw=view.name))
                continue
            own = turned_upright(fit.pose, yaw).pitch
            pitch = jittered_pitch(photo, view, own, settings.pitch_jitter, settings.seed)
            allowed.append((view, Pose(yaw, pitch)))
        if not allowed:
            continue
        try:
            pixels = read_photo(photo.path) if kept is None else kept
            prepared = simulator.prepare(pixels, fit)
        except DaganError as error:
            rows.append(SkippedRow(source=source, reason=str(error)))
            continue
        for view, pose in allowed:
            drawn = simulator.render(prepared, pose, identity=photo.identity)
            rows.append(_write(output, photo, view, drawn, settings))
    return rows


def _fitted(
    simulator: Simulator, job: Job, rows: Result
) -> Iterable[tuple[PhotoItem, list[View], FaceFit, np.ndarray | None]]:
    """Photos with their fits and pixels; those without a face or a good fit become rows."""
    found = []
    room = KEPT_BYTES
    for photo, views in job:
        try:
            pixels = read_photo(photo.path)
            face = simulator.find(pixels, photo.yaw)
        except DaganError as error:
            rows.append(SkippedRow(source=photo.source, reason=str(error)))
            continue
        keep = bool(views) and pixels.nbytes <= room
        room -= keep * pixels.nbytes
        found.append((photo, views, face, pixels if keep else None))
    fits = simulator.fit_person([face for _, _, face, _ in found]) if found else []
    for (photo, views, face, kept), fit in zip(found, fits, strict=True):
        try:
            simulator.check_fit(fit, face, photo.yaw)
        except DaganError as error:
            rows.append(SkippedRow(source=photo.source, reason=str(error)))
        else:
            yield photo, views, fit, kept


def _write(
    output: Path,
    photo: PhotoItem,
    view: View,
    drawn: SimulatedView,
    settings: SimulationSettings,
) -> ManifestRow:
    path = view_path(photo, view)
    mask_path = path.removesuffix(".png") + "_mask.png"
    depth_path = path.removesuffix(".png") + "_depth.png" if settings.depth else ""
    head_path = path.removesuffix(".png") + "_head.png" if settings.head else ""
    (output / path).parent.mkdir(parents=True, exist_ok=True)
    write_png(output / mask_path, drawn.mask)
    if depth_path:
        write_png(output / depth_path, encode_depth(drawn.depth))
    if head_path:
        write_head(output / head_path, drawn.head, drawn.skin)
    write_png(output / path, drawn.image)
    return ManifestRow(
        path=path,
        mask_path=mask_path,
        source=photo.source,
        identity=photo.identity,
        yaw=drawn.pose.yaw,
        pitch=drawn.pose.pitch,
        roll=drawn.pose.roll,
        fit_error=drawn.fit_error,
        depth_path=depth_path,
        landmarks=landmarks_text(drawn.landmarks),
        head_path=head_path,
        source_pose=pose_text(drawn.source_pose),
    )


def pose_text(pose: Pose) -> str:
    """Yaw, pitch and roll of a photo, degrees, as manifests have them."""
    return f"{pose.yaw:.1f} {pose.pitch:.1f} {pose.roll:.1f}"


def encode_depth(depth: np.ndarray) -> np.ndarray:
    """(S, S) float32 pixels, NaN for none, as (S, S) uint16: 32768 + 32 a pixel, 0 for none."""
    steps = np.clip(np.rint(DEPTH_ZERO + DEPTH_STEPS * depth.astype(np.float64)), 1, 65535)
    return np.where(np.isnan(depth), 0, steps).astype(np.uint16)
