"""How long the simulator's steps take on one core: medians, milliseconds of processor time.

python -m benchmarks.simulator_speed [--photos=DIR]

Without --photos it reads the public-domain NASA portrait that scikit-image ships, cut to the size
of a portrait photo. "a photo with 6 views" is everything from the decoded photo on: detection by
HOG, landmarks, fit, reading the photo, six views.
"""

import os
import time
from collections.abc import Callable

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import cv2
import numpy as np
from absl import flags

from dagan_tf.core.program import run_app
from dagan_tf.data.photos import list_photos
from dagan_tf.faces.photo_io import read_photo
from dagan_tf.simulator.fitting import fit as fitting
from dagan_tf.simulator.render.camera import Pose
from dagan_tf.simulator.simulator import Simulator

FLAGS = flags.FLAGS
flags.DEFINE_string("photos", None, "Folder of photos, flat or one folder a person.")
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


def main(argv: list[str]) -> None:
    del argv
    cv2.setNumThreads(1)
    if FLAGS.photos:
        items = list_photos(FLAGS.photos, "folder")[: FLAGS.count]
        photos = [read_photo(item.path) for item in items]
    else:
        from skimage.data import astronaut

        photos = [astronaut()[:400, 60:400]]
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
        if face.box.detector != "hog":
            continue
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
                pose = Pose(yaw, fit.pose.pitch)
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
