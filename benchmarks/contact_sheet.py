"""Draws the simulator's contact sheet: each photo, its views, and the real views where there are.

python -m benchmarks.contact_sheet --output=docs/images/simulator-sheet.png
python -m benchmarks.contact_sheet --photos=DIR [--layout=frll] [--people=3] --output=SHEET.png

Without --photos it shows the public-domain NASA portrait of Eileen Collins that scikit-image ships,
and heads drawn from the packaged CC0 model alone.
"""

import os
from pathlib import Path

import cv2
import numpy as np
from absl import flags

from benchmarks.frll import real_photos
from benchmarks.labels import labelled
from dagan_tf.core.program import run_app
from dagan_tf.data.photos import list_photos
from dagan_tf.errors import DaganError
from dagan_tf.faces.photo_io import read_photo, write_png
from dagan_tf.simulator.fitting.fit import FaceFit
from dagan_tf.simulator.fitting.framing import frame_camera
from dagan_tf.simulator.head.mesh import Mesh
from dagan_tf.simulator.render.camera import Camera, Pose, rotation_matrix, turned_upright
from dagan_tf.simulator.render.rasterizer import interpolate, rasterize
from dagan_tf.simulator.simulator import Simulator

FLAGS = flags.FLAGS
flags.DEFINE_string("output", None, "PNG to write.", required=True)
flags.DEFINE_string("photos", None, "Folder of photos.")
flags.DEFINE_string("layout", "folder", "How --photos is laid out; frll adds real views.")
flags.DEFINE_integer("people", 4, "Photos to show, the first ones.")
flags.DEFINE_integer("image_size", 160, "Side of a picture.")
flags.DEFINE_enum("background", "keep", ["keep", "blur", "none"], "The photo's surroundings.")

YAWS = (-90, -60, -30, 0, 30, 60, 90)
REAL = {-90: "left_profile", -45: "left_3quarter", 45: "right_3quarter", 90: "right_profile"}


def photo_row(simulator: Simulator, photo: np.ndarray) -> list[np.ndarray]:
    fit = simulator.fit(photo)
    aligned = simulator.align(photo).image
    prepared = simulator.prepare(photo, fit)
    row = [labelled(aligned, f"photo {fit.pose.yaw:+.0f}")]
    for yaw in YAWS:
        if simulator.refusal(fit, yaw) is None:
            view = simulator.render(prepared, turned_upright(fit.pose, yaw))
            row.append(labelled(view.image, f"{yaw:+d}"))
        else:
            row.append(np.full_like(aligned, 255))
    return row


def head_row(simulator: Simulator, seed: int) -> list[np.ndarray]:
    """Heads of the model: the mean for seed 0, else a draw of its identities."""
    model = simulator.model
    draws = np.random.default_rng(seed).standard_normal(len(model.identity_modes))
    # Full draws of all modes are rarely plausible together.
    identity = (0.6 * draws if seed else 0.0 * draws).astype(np.float32)
    fit = FaceFit(
        camera=Camera(1.0, rotation_matrix(Pose(0)), np.zeros(2)),
        pose=Pose(0),
        identity=identity,
        expression=np.zeros(len(model.expression_modes), np.float32),
        error=0.0,
    )
    vertices = model.vertices(identity)
    mesh = Mesh(model.mean, model.triangles)
    size, row = simulator.image_size, []
    for yaw in (0, *YAWS):
        camera = frame_camera(model, fit, Pose(yaw), 2 * size)
        normals = mesh.normals(vertices) @ camera.rotation.T.astype(np.float32)
        light = np.clip(normals @ np.array([-0.3, 0.4, 0.85], np.float32), 0.1, 1.0)
        colours = light[:, None] * np.array([205.0, 190.0, 180.0], np.float32)
        raster = rasterize(camera.project(vertices), model.triangles, 2 * size, 2 * size)
        image = interpolate(raster, model.triangles, colours)
        image[raster.triangle_ids < 0] = 255
        small = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA).astype(np.uint8)
        row.append(labelled(small, "model" if not row else f"{yaw:+d}"))
    return row


def real_row(simulator: Simulator, folder: str, person: str) -> list[np.ndarray]:
    size = simulator.image_size
    row = [np.full((size, size, 3), 255, np.uint8)] * (len(YAWS) + 1)
    for place, (yaw, name) in zip((1, 3, 5, 7), REAL.items(), strict=True):
        items = real_photos(folder, f"neutral_{name}")
        if person in items:
            try:
                aligned = simulator.align(read_photo(items[person].path)).image
            except DaganError:
                continue
            row[place] = labelled(aligned, f"real {yaw:+d}")
    return row


def main(argv: list[str]) -> None:
    del argv
    simulator = Simulator(image_size=FLAGS.image_size, background=FLAGS.background)
    rows = []
    if FLAGS.photos:
        include = "neutral_front/*" if FLAGS.layout == "frll" else None
        for item in list_photos(FLAGS.photos, FLAGS.layout, include=include)[: FLAGS.people]:
            rows.append(photo_row(simulator, read_photo(item.path)))
            if FLAGS.layout == "frll":
                rows.append(real_row(simulator, FLAGS.photos, item.identity))
    else:
        from skimage.data import astronaut

        rows.append(photo_row(simulator, astronaut()))
        rows += [head_row(simulator, seed) for seed in (0, 1, 2)]
    sheet = np.concatenate([np.concatenate(row, axis=1) for row in rows])
    Path(FLAGS.output).parent.mkdir(parents=True, exist_ok=True)
    write_png(Path(FLAGS.output), sheet)
    print(f"{len(rows)} rows in {os.path.abspath(FLAGS.output)}")


if __name__ == "__main__":
    run_app(main)
