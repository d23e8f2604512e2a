"""How long the simulator's steps take on one core: medians, milliseconds of processor time.

python -m benchmarks.simulator_speed [--photos=DIR] [--files]

Without --photos it reads the public-domain NASA portrait that scikit-image ships, cut to the size
of a portrait photo. "a photo with 6 views" is everything from the decoded photo on: detection,
landmarks, fit, reading the photo, six views.

With --camera it measures photos as a camera gives them, JPEGs of --camera_side pixels, and prints
for six views of each (detection, fit, drawing), and for the packing of --profiles, each stage's
share and the sum in times of reading the JPEG: that ratio depends less on the machine, and on what
else runs on it, than the milliseconds do.

With --files it measures the way of `trainer.simulate` instead, from photos on disk to views on
disk, with all threads, side by side: as it is, and as it was while each photo was decoded twice and
the fit left BLAS its threads. Both do all photos in turn, --rounds times.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
from absl import flags
from threadpoolctl import threadpool_limits

from benchmarks.stages import Stages
from dagan_tf.core.program import run_app
from dagan_tf.data.photos import PhotoItem, list_photos
from dagan_tf.faces.photo_io import encode_png, read_photo, write_png
from dagan_tf.folders import view_maker
from dagan_tf.folders.views import all_views
from dagan_tf.simulator.acceptance import profile_side
from dagan_tf.simulator.fitting import fit as fitting
from dagan_tf.simulator.render.camera import turned_upright
from dagan_tf.simulator.simulator import Simulator

FLAGS = flags.FLAGS
flags.DEFINE_string("photos", None, "Folder of photos, flat or one folder a person.")
flags.DEFINE_bool("files", False, "From photos on disk to views on disk, as it is and as it was.")
flags.DEFINE_bool("camera", False, "Share of each stage, and the ratio to reading a large JPEG.")
flags.DEFINE_integer("camera_side", 1600, "The longer side of those JPEGs, pixels.")
flags.DEFINE_string("profiles", None, "Folder of profile photos, *.jpg, for --camera.")
flags.DEFINE_integer("count", 12, "Photos to take, the first ones.")
flags.DEFINE_integer("image_size", 224, "Side of the views, pixels.")
flags.DEFINE_integer("rounds", 5, "Times each photo is measured.")

YAWS = (-90.0, -60.0, -30.0, 30.0, 60.0, 90.0)


def milliseconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return 1e3 * (time.process_time() - began)


def five_iterations(simulator: Simulator, landmarks: np.ndarray) -> None:
    """A fit that stops after five of its rounds."""
    rounds, fitting.ROUNDS = fitting.ROUNDS, 5
    try:
        fitting.fit_landmarks(simulator.model, landmarks)
    finally:
        fitting.ROUNDS = rounds


def portrait() -> np.ndarray:
    """NASA's, cut to the size of a portrait photo."""
    from skimage.data import astronaut

    return np.ascontiguousarray(astronaut()[:400, 60:400])


def files_to_files() -> None:
    """Prints photos a second, as it is and as it was."""
    settings = view_maker.SimulationSettings(image_size=FLAGS.image_size, head=True)
    views = all_views(YAWS, None)
    unheld = mock.patch.object(fitting, "_fit", fitting._fit.__wrapped__)
    times: dict[str, list[tuple[float, float]]] = {"as it was": [], "as it is": []}
    with tempfile.TemporaryDirectory() as scratch:
        context = view_maker.start_maker(settings, Path(scratch))
        if FLAGS.photos:
            items = list_photos(FLAGS.photos, "folder")[: FLAGS.count]
        else:
            items = [PhotoItem(Path(scratch) / "portrait.png", "portrait", "portrait", None)]
            write_png(items[0].path, portrait())

        def all_photos() -> None:
            for item in items:
                view_maker.make_views(context, [(item, views)])

        all_photos()
        for _ in range(FLAGS.rounds):
            with unheld, mock.patch.object(view_maker, "KEPT_BYTES", 0):
                times["as it was"].append(both_clocks(all_photos))
            times["as it is"].append(both_clocks(all_photos))
    print(f"{len(items)} photos, {len(YAWS)} views of {FLAGS.image_size} px each, files to files")
    for name, values in times.items():
        wall, processor = len(items) / np.median(values, axis=0)
        print(f"{name:10} {wall:6.2f} photos a second, {processor:6.2f} a second of the processor")


def print_camera(stages: Stages, title: str) -> None:
    """Median processor time and share of all but the first stage, reading the JPEG."""
    times = {name: 1e3 * float(np.median(t)) for name, t in stages.processor.items()}
    reading = times.pop("read")
    whole = sum(times.values())
    print(f"{title}: {whole:.1f} ms, {whole / reading:.1f} times reading the JPEG, {reading:.1f}")
    for name, spent in times.items():
        print(f"| {name} | {spent:.1f} ms | {spent / whole:.0%} |")


def read_in_turn(files: list[Path], stages: Stages) -> Iterator[np.ndarray]:
    """The photos, --rounds times, the first of them once more to warm up."""
    for file in files[:1] + files * FLAGS.rounds:
        yield stages.run("read", read_photo, file)


def camera_files(files: list[Path] | None, folder: Path) -> list[Path]:
    """JPEGs of --camera_side pixels of the photos, or of the portrait."""
    folder.mkdir()
    made = []
    for number, photo in enumerate([read_photo(f) for f in files] if files else [portrait()]):
        scale = FLAGS.camera_side / max(photo.shape[:2])
        large = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        made.append(folder / f"{number}.jpg")
        cv2.imwrite(str(made[-1]), large[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    return made


def stages_of_views(files: list[Path]) -> Stages:
    """A photo to six views."""
    simulator = Simulator(image_size=FLAGS.image_size)
    stages = Stages()
    for photo in read_in_turn(files, stages):
        face = stages.run("find the face", simulator.find, photo)
        fit = stages.run("fit", lambda of, face: simulator.fit(of, face=face), photo, face)
        prepared = stages.run("take apart", simulator.prepare, photo, fit)
        poses = [turned_upright(fit.pose, yaw) for yaw in YAWS]
        stages.run(
            "six views", lambda of, at: [simulator.render(of, p) for p in at], prepared, poses
        )
    return stages


def stages_of_packing(files: list[Path]) -> Stages:
    """A profile to the PNGs of its record, as `frame_real` makes them."""
    simulator = Simulator(image_size=FLAGS.image_size)
    stages = Stages()
    for photo in read_in_turn(files, stages):
        box = stages.run("find the face", simulator.finder.find_box, photo)
        if profile_side(box, None) is None:
            continue
        with mock.patch.object(simulator.finder, "find_box", lambda _, box=box: box):
            aligned = stages.run("frame", simulator.align, photo)
        stages.run("encode", lambda of: [encode_png(of.image), encode_png(of.mask)], aligned)
    return stages


def both_clocks(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the wall's clock and of all threads together."""
    began = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began[0], time.process_time() - began[1]


def main(argv: list[str]) -> None:
    del argv
    if FLAGS.files:
        files_to_files()
        return
    cv2.setNumThreads(1)
    with threadpool_limits(1):
        (camera if FLAGS.camera else steps)()


def camera() -> None:
    """Prints the share of each stage for photos as a camera gives them."""
    size = f"{FLAGS.image_size} px"
    with tempfile.TemporaryDirectory() as scratch:
        photos = None
        if FLAGS.photos:
            photos = [item.path for item in list_photos(FLAGS.photos, "folder")][: FLAGS.count]
        files = camera_files(photos, Path(scratch) / "photos")
        print_camera(stages_of_views(files), f"a photo with six views of {size}")
        if FLAGS.profiles:
            profiles = sorted(Path(FLAGS.profiles).glob("*.jpg"))[: FLAGS.count]
            files = camera_files(profiles, Path(scratch) / "profiles")
            print_camera(stages_of_packing(files), f"a profile packed at {size}")


def steps() -> None:
    """Prints the time of each step, on one core."""
    if FLAGS.photos:
        items = list_photos(FLAGS.photos, "folder")[: FLAGS.count]
        photos = [read_photo(item.path) for item in items]
    else:
        photos = [portrait()]
    simulator = Simulator(image_size=FLAGS.image_size)
    simulator.simulate(photos[0], YAWS)  # compiles, and loads the detectors
    times: dict[str, list[float]] = {
        name: []
        for name in (
            "detect and landmarks",
            "fit",
            "five iterations",
            "read the photo",
            "view",
            "6 views",
        )
    }
    for photo in photos:
        face = simulator.finder.find_one(photo)
        fit = simulator.fit(photo, face=face)
        prepared = simulator.prepare(photo, fit)
        for _ in range(FLAGS.rounds):
            times["detect and landmarks"].append(
                milliseconds(lambda photo=photo: simulator.finder.find_one(photo))
            )
            times["fit"].append(
                milliseconds(
                    lambda face=face: fitting.fit_landmarks(simulator.model, face.landmarks)
                )
            )
            times["five iterations"].append(
                milliseconds(lambda face=face: five_iterations(simulator, face.landmarks))
            )
            times["read the photo"].append(
                milliseconds(lambda photo=photo, fit=fit: simulator.prepare(photo, fit))
            )
            for yaw in YAWS:
                pose = turned_upright(fit.pose, yaw)
                times["view"].append(
                    milliseconds(
                        lambda prepared=prepared, pose=pose: simulator.render(prepared, pose)
                    )
                )
            times["6 views"].append(
                milliseconds(lambda photo=photo: simulator.simulate(photo, YAWS))
            )
    shapes = {f"{photo.shape[1]}x{photo.shape[0]}" for photo in photos}
    print(f"photos of {', '.join(sorted(shapes))}, views of {FLAGS.image_size} px, one core")
    for name, values in times.items():
        low, middle, high = np.percentile(values, [10, 50, 90])
        label = "a photo with 6 views" if name == "6 views" else name
        print(f"{label:22} {middle:8.2f} ms   (10 % {low:.2f}, 90 % {high:.2f}, n {len(values)})")
    print(f"{1e3 / np.median(times['6 views']):.1f} photos a second a core")


if __name__ == "__main__":
    run_app(main)
