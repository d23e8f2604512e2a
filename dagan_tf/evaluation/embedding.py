"""Identity features of real photos and of faces in the canonical frame, by several networks."""

import os
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dagan_tf.data.photos import PhotoItem
from dagan_tf.embedders.dlib_resnet import FaceEmbedder
from dagan_tf.errors import DaganError
from dagan_tf.evaluation.layout import locate_faces
from dagan_tf.faces.face import FaceFinder
from dagan_tf.faces.photo_io import read_photo
from dagan_tf.simulator.simulator import Simulator

# From (H, W, 3) uint8 RGB and (68, 2) landmarks in pixels to (D,).
Network = Callable[[np.ndarray, np.ndarray], np.ndarray]


def load_networks(mobilefacenet: str | None = None) -> dict[str, Network]:
    """Networks by name.

    Args:
        mobilefacenet: TFLite file of MobileFaceNet; None takes that in the folder that
            DAGAN_MODELS_DIR names, if it is there, else dlib's network serves alone.
    """
    networks: dict[str, Network] = {"dlib": FaceEmbedder().embed}
    folder = os.environ.get("DAGAN_MODELS_DIR")
    if folder and not mobilefacenet:
        default = Path(folder) / "mobilefacenet" / "MobileFaceNet.tflite"
        mobilefacenet = str(default) if default.is_file() else None
    if mobilefacenet:
        from dagan_tf.embedders.mobilefacenet import MobileFaceNet

        networks["MobileFaceNet"] = MobileFaceNet(mobilefacenet).embed
    return networks


class FaceFeatures:
    """Embeds sets of faces in the canonical frame, including those that no detector finds.

    Attributes:
        networks: by name.
        ways: by set, how many faces were found in each way.
        landmarks: by set, each face's (68, 2) landmarks, None where no detector found it.
    """

    def __init__(self, networks: dict[str, Network], finder: FaceFinder) -> None:
        """Nothing is embedded yet.

        Args:
            networks: by name.
            finder: finds faces and their landmarks.
        """
        self.networks = networks
        self.ways: dict[str, dict[str, int]] = {}
        self.landmarks: dict[str, list[np.ndarray | None]] = {}
        self._finder = finder

    def embed(
        self, what: str, images: Sequence[np.ndarray], yaws: Sequence[float] | np.ndarray
    ) -> dict[str, np.ndarray]:
        """Embeds a set of faces.

        Args:
            what: the set's name.
            images: N times (S, S, 3) uint8, canonical frame.
            yaws: N angles in degrees; faces within 15 degrees lie alike.

        Returns:
            (N, D) by network.
        """
        # Views that were moved by a jitter lie alike.
        layouts = [15.0 * round(yaw / 15.0) for yaw in yaws]
        faces = tqdm(images, desc=f"find {what}", unit="face")
        located = locate_faces(faces, layouts, self._finder)
        self.ways[what] = dict(Counter(located.ways.tolist()))
        self.landmarks[what] = [
            None if way == "mean layout" else points
            for way, points in zip(located.ways, located.landmarks, strict=True)
        ]
        return {
            name: np.stack(
                [
                    network(image, points)
                    for image, points in zip(
                        tqdm(images, desc=f"{name} of {what}", unit="face"),
                        located.landmarks,
                        strict=True,
                    )
                ]
            )
            for name, network in self.networks.items()
        }

    def forget(self, what: str) -> None:
        """Drops what is known of how a set was found."""
        del self.ways[what], self.landmarks[what]


@dataclass(frozen=True, eq=False)
class RealFace:
    """A real photo's face.

    Attributes:
        crop: (S, S, 3) uint8, in the canonical frame.
        yaw: degrees, as the head was fitted.
        embeddings: (D,) by network, of the photo itself.
    """

    crop: np.ndarray
    yaw: float
    embeddings: dict[str, np.ndarray]


class RealFaces:
    """The faces of real photos, each read once, when it is asked for.

    Attributes:
        refused: file and reason of photos without a usable face.
    """

    def __init__(self, simulator: Simulator, networks: dict[str, Network]) -> None:
        """Nothing is read yet.

        Args:
            simulator: fits and frames the faces.
            networks: what embeds them, by name.
        """
        self.refused: dict[Path, str] = {}
        self._simulator = simulator
        self._networks = networks
        self._known: dict[Path, RealFace | None] = {}

    def get(self, item: PhotoItem) -> RealFace | None:
        """The face; None, and a line on stderr, if the photo has no usable one."""
        if item.path not in self._known:
            self._known[item.path] = self._read(item)
        return self._known[item.path]

    def yaw_of(self, item: PhotoItem) -> float | None:
        """The photo's yaw in degrees: as its folder says, else as the head is fitted."""
        if item.yaw is not None:
            return item.yaw
        face = self.get(item)
        return None if face is None else face.yaw

    def _read(self, item: PhotoItem) -> RealFace | None:
        photo = read_photo(item.path)
        try:
            face = self._simulator.finder.find_one(photo)
            aligned = self._simulator.align(photo, face=face)
        except DaganError as error:
            self.refused[item.path] = str(error)
            print(f"left out {item.path}: {error}", file=sys.stderr)
            return None
        embeddings = {
            name: network(photo, face.landmarks) for name, network in self._networks.items()
        }
        return RealFace(aligned.image, aligned.pose.yaw, embeddings)
