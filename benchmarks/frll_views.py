"""Simulated views of the London Set, the real photos they should look like, and their features."""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from tqdm import tqdm

from benchmarks.frll import expression, real_photos, side
from dagan_tf.data.manifest import ManifestRow, read_manifest
from dagan_tf.embedders.dlib_resnet import FaceEmbedder
from dagan_tf.errors import DaganError
from dagan_tf.evaluation.comparison import FaceSet
from dagan_tf.evaluation.layout import locate_faces
from dagan_tf.faces.face import FaceFinder
from dagan_tf.faces.photo_io import read_photo
from dagan_tf.simulator.simulator import Simulator

Photos: TypeAlias = dict[tuple[str, str, str], np.ndarray]


@dataclass(frozen=True)
class View:
    """A simulated view and the real photo it should look like, (expression, side, person)."""

    row: ManifestRow
    real: tuple[str, str, str]


class Embedder:
    """All networks at once, over landmarks found in each face."""

    def __init__(self, mobilefacenet: str | None) -> None:
        self.finder = FaceFinder()
        self.networks = {"dlib": FaceEmbedder().embed}
        if mobilefacenet:
            from dagan_tf.embedders.mobilefacenet import MobileFaceNet

            self.networks["MobileFaceNet"] = MobileFaceNet(mobilefacenet).embed
        self.ways: dict[str, dict[str, int]] = {}
        self.landmarks: dict[str, list[np.ndarray | None]] = {}  # None: no detector found the face

    def embed(
        self, what: str, images: Sequence[np.ndarray], layouts: Sequence[float]
    ) -> dict[str, np.ndarray]:
        located = locate_faces(tqdm(images, desc=f"find {what}", unit="face"), layouts, self.finder)
        self.ways[what] = dict(Counter(located.ways.tolist()))
        self.landmarks[what] = [
            None if way == "mean layout" else points
            for way, points in zip(located.ways, located.landmarks, strict=True)
        ]
        return {
            name: np.stack(
                [
                    embed(image, points)
                    for image, points in zip(
                        tqdm(images, desc=f"{name} of {what}", unit="face"),
                        located.landmarks,
                        strict=True,
                    )
                ]
            )
            for name, embed in self.networks.items()
        }


def load_views(folder: str) -> list[View]:
    """The three-quarter views of a simulated or refined folder, in order of their path."""
    rows = sorted(read_manifest(folder), key=lambda row: row.path)
    views = []
    for row in rows:
        towards = side(row.yaw)
        if towards:
            views.append(View(row, (expression(row), towards, row.identity)))
    if not views:
        raise DaganError(f"{folder}: no three-quarter views (yaw -45 or +45)")
    return views


def smiling_gallery(frll: str, embedder: Embedder) -> FaceSet:
    """Features of everybody's smiling frontal photo; the set has no images to speak of."""
    photos = real_photos(frll, "smiling_front")
    images = [read_photo(item.path) for item in photos.values()]
    features = embedder.embed("gallery", images, [0.0] * len(images))
    return FaceSet(np.zeros((len(images), 8, 8, 3), np.uint8), np.array(list(photos)), features)


def layouts_of(views: Sequence[View]) -> list[float]:
    """Nominal yaws, degrees: views that were moved by a jitter lie alike."""
    return [15.0 * round(view.row.yaw / 15.0) for view in views]


def load_images(folder: str, views: Sequence[View]) -> np.ndarray:
    return np.stack([read_photo(Path(folder) / view.row.path) for view in views])


def people_of(views: Sequence[View]) -> np.ndarray:
    return np.array([view.row.identity for view in views])


def align_photos(
    simulator: Simulator, frll: str, wanted: Sequence[tuple[str, str, str]]
) -> tuple[Photos, Photos, dict[tuple[str, str, str], float]]:
    """Real photos as they are, in the canonical frame, and their fitted yaw in degrees; those
    without a usable face are left out."""
    paths = {
        (mood, angle, person): item.path
        for mood, angle in sorted({key[:2] for key in wanted})
        for person, item in real_photos(frll, f"{mood}_{angle}").items()
    }
    photos, crops, yaws = {}, {}, {}
    for key in tqdm(sorted(set(wanted)), desc="align real", unit="photo"):
        if key not in paths:
            raise DaganError(f"{frll}: person {key[2]!r} has no photo {key[0]}_{key[1]}")
        photo = read_photo(paths[key])
        try:
            crops[key], _, pose, _, _ = simulator.align(photo)
        except DaganError as error:
            print(f"left out {paths[key]}: {error}", file=sys.stderr)
            continue
        photos[key], yaws[key] = photo, pose.yaw
    return photos, crops, yaws


def rows_of(
    embeddings: dict[str, np.ndarray],
    keys: Sequence[tuple[str, str, str]],
    wanted: Sequence[tuple[str, str, str]],
) -> dict[str, np.ndarray]:
    """Each network's embeddings, given in the order of `keys`, in the order of `wanted`."""
    places = {key: place for place, key in enumerate(keys)}
    index = [places[key] for key in wanted]
    return {name: values[index] for name, values in embeddings.items()}
