"""Bakes the packaged ear, dagan_tf/simulator/head/assets/ear.npz, from ICT-FaceKit's dense one.

    python scripts/bake_ear.py --face_model=ict_facekit_light.npz

ICT-FaceKit is (c) 2020 USC Institute for Creative Technologies, MIT licence (docs/face-models.md).
The left ear of its mean head is cut out, measured from the skin around it, laid where the ears of
the Face Research Lab London Set are in the mean (118 profiles of 59 people on views of the same
people at 82 degrees, which is how far they are turned), and lit from all around.
"""

import argparse
from pathlib import Path

import numpy as np

from dagan_tf.simulator.head.formats.npz import read_npz
from dagan_tf.simulator.head.mesh import Mesh
from dagan_tf.simulator.head.regions import smoothstep
from dagan_tf.simulator.render.occlusion import directions, light_from

ASSET = Path(__file__).resolve().parents[1] / "dagan_tf/simulator/head/assets/ear.npz"
# Where that ear is, in profile: behind the jaw's upper end and below the brow, half axes, and how
# far it leans back, radians; in face heights (brow to chin).
CENTRE, AXES, LEAN = np.array([0.25, 0.4]), np.array([0.165, 0.265]), 0.3
# What is measured from: a parabola through the skin between these multiples of the axes.
SKIN = (1.0, 1.35)
# Where it is laid: what stands off the skin by more than the first ends at the second behind the
# jaw's upper end, has its middle at the third below the brow and this height; turned forwards by
# the last, radians.
STANDS_OFF, BACK, MIDDLE, HEIGHT, TURNED = 0.03, 0.497, 0.367, 0.43, -0.14
# It dives under the skin around it by the first, between the second of its radii; within the third
# its hollows end so far above the skin, which is not hollow under them: how dark they are tells
# their depth.
UNDER, DIVES, HOLLOWS, FLOOR = 0.025, (0.74, 0.96), 0.72, 0.012
# How much of the broad shade is drawn and of that of the finest folds, and over how many rounds
# of smoothing these are told apart: lamps draw folds harder than an even sky does.
BROAD, CRISP, FINE = 0.95, 2.0, 8
# Least light outside the hollows, as the skin below a lobe is bright itself.
LEAST = 0.6
# Gloss: how much light, from where (behind, below, out), and how narrow.
GLOSS, LAMP, NARROW = 0.12, (-0.25, -0.5, 0.83), 14.0
# Directions of light, side of the drawing from each, pixels, and how far behind the nearest surface
# a point is still lit, part of it.
DIRECTIONS, SIDE, TOLERANCE = 300, 800, 0.00625
# How much more light comes from above, from the front and from the side.
ABOVE, AHEAD, BESIDE = 0.5, 0.25, 0.3


def profile(points: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """(N, 3) face heights: behind the jaw's upper end, below the brow, out of the left side."""
    brow = landmarks[17:27, 1].mean()
    height, ear = brow - landmarks[8, 1], landmarks[[0, 16], 2].mean()
    return np.stack([ear - points[:, 2], brow - points[:, 1], points[:, 0]], axis=1) / height


def from_middle(places: np.ndarray) -> np.ndarray:
    """(N,) distance from the ear's middle in its own radii."""
    across, along = turned(places[:, :2] - CENTRE, -LEAN).T
    return np.hypot(across / AXES[0], along / AXES[1])


def turned(places: np.ndarray, angle: float) -> np.ndarray:
    """(N, 2) places turned by an angle, radians, > 0 with the top to the front."""
    cos, sin = np.cos(angle), np.sin(angle)
    return places @ np.array([[cos, -sin], [sin, cos]]).T


def parabola(places: np.ndarray) -> np.ndarray:
    """(N, 6) terms of a surface of the second order over (N, 2)."""
    u, v = (places - CENTRE).T
    return np.stack([np.ones_like(u), u, v, u * u, u * v, v * v], axis=1)


def lit(places: np.ndarray, normals: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(N,) light that each vertex gets, over that of a surface that faces to the side."""
    sky = directions(DIRECTIONS)
    lamps = 1.0 - ABOVE * sky[:, 1] - AHEAD * sky[:, 0] + BESIDE * sky[:, 2]
    middle, scale = np.append(CENTRE, places[:, 2].max() - 0.05), SIDE / 0.75
    about = (places - middle) * scale
    return light_from(sky, lamps, about, normals, triangles, SIDE, TOLERANCE, nothing=1e6)


def main() -> None:
    """Writes the asset."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--face_model", required=True, type=Path)
    arrays = read_npz(parser.parse_args().face_model)
    mean, triangles = arrays["mean"], arrays["triangles"].astype(np.int32)
    places = profile(mean, mean[arrays["landmarks68"]])
    # Behind is where the nose is not, below is where the crown is not: axes of both hands.
    mesh = Mesh(mean, triangles)
    normals = mesh.normals(mean)[:, [2, 1, 0]] * [-1.0, -1.0, 1.0]
    away = from_middle(places)
    left = places[:, 2] > 0.2
    around = left & (away > SKIN[0]) & (away < SKIN[1])
    skin = np.linalg.lstsq(parabola(places[around, :2]), places[around, 2], rcond=None)[0]
    off = places[:, 2] - parabola(places[:, :2]) @ skin
    whole = (left & (away < 1.0))[triangles].all(axis=1)
    kept, corners = np.unique(triangles[whole], return_inverse=True)
    laid = turned(places[kept, :2] - CENTRE, TURNED)
    stands = laid[off[kept] > STANDS_OFF]
    scale = HEIGHT / np.ptp(stands[:, 1])
    laid *= scale
    laid += [BACK, MIDDLE] - scale * np.array(
        [stands[:, 0].max(), np.ptp(stands[:, 1]) / 2.0 + stands[:, 1].min()]
    )
    # What stands off there is the rim itself, which does not dive.
    edge = smoothstep(*DIVES, away[kept]) * (1.0 - smoothstep(0.03, 0.07, off[kept]))
    logs = np.log(np.maximum(lit(places, normals, triangles), 0.02))
    broad = mesh.smooth(logs, FINE)
    light = np.exp(BROAD * broad + CRISP * (logs - broad))[kept]
    light = np.where(away[kept] < HOLLOWS, light, np.maximum(light, LEAST))
    gloss = np.maximum(normals[kept] @ np.array(LAMP), 0.0) ** NARROW
    light = light * (1.0 + GLOSS * gloss)
    out = scale * off[kept]
    out = np.where(away[kept] < HOLLOWS, np.maximum(out, FLOOR), out)
    out = out * (1.0 - edge) - UNDER * edge
    print(len(kept), whole.sum(), scale, light.min(), np.median(light), light.max())
    np.savez_compressed(
        ASSET,
        places=np.column_stack([laid, out]).astype(np.float16),
        triangles=corners.reshape(-1, 3).astype(np.uint16),
        light=(light * (1.0 - edge) + edge).astype(np.float16),
    )


if __name__ == "__main__":
    main()
