"""The lower end of a head's neck: how it fades into what is around it, and how it goes on."""

from __future__ import annotations

import numpy as np

from dagan_tf.simulator.head.mesh import Mesh
from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.head.regions import HeadRegions, smoothstep
from dagan_tf.simulator.render.camera import Camera

# Near the cut through the neck the head fades into the surroundings, over this part of its height.
NECK_FADE = 0.05
# Seen from the side, between these turns, degrees, the nape goes on below the cut by so many
# heights (brow to chin): the shirt that a front shows there is the one below the chin.
_TURNS, _LONGER = (62.0, 85.0), 0.6
# It does so behind the ears' front by more than the second, less before it, in heights.
_BEHIND = (-0.1, 0.25)
# So far back it goes, down to its end: into the shoulders.
_BACK = 0.3


class Neck:
    """The neck of one model.

    Attributes:
        cover: (V,) float32, how opaque the head is in the photo.
    """

    def __init__(self, model: MorphableModel, mesh: Mesh, regions: HeadRegions):
        """Finds the cut.

        Args:
            model: the 3D head.
            mesh: its connectivity.
            regions: its regions.
        """
        mean = model.mean
        self.cover = smoothstep(
            0.0, NECK_FADE * float(np.ptp(mean[:, 1])), mesh.rim_distance
        ).astype(np.float32)
        rim = mesh.rim_distance == 0.0
        # A head without a neck's cut stands on its lowest vertices.
        self._rim = rim if rim.any() else mean[:, 1] <= np.quantile(mean[:, 1], 0.02)
        self._nape = model.nape
        ear = mean[model.landmark_vertices[[0, 16]], 2].mean()
        self._behind = smoothstep(*_BEHIND, (ear - mean[:, 2]) / regions.height).astype(np.float32)
        goes_on = regions.height * self._behind * (1.0 - self.cover)
        self._longer = goes_on[:, None] * np.array([0.0, -_LONGER, -_BACK], np.float32)

    def middle(self, camera: Camera, vertices: np.ndarray) -> np.ndarray:
        """(2,) pixel that the shoulders go with: the middle of the rim of the fitted neck.

        That of the neck made thinner lies elsewhere: the shoulders would stand before the throat.
        """
        rim = vertices[self._rim]
        if self._nape is not None:
            rim = rim - self._nape[self._rim]
        return np.asarray(camera.project(rim)[:, :2].mean(axis=0))

    def turned(self, vertices: np.ndarray, turn: float) -> tuple[np.ndarray, np.ndarray]:
        """The head as it is drawn in a view.

        Args:
            vertices: (V, 3) float32, model units.
            turn: degrees between the view and the photo.

        Returns:
            (V, 3) float32 its vertices, and (V,) float32 its cover.
        """
        aside = np.float32(smoothstep(*_TURNS, abs(turn)))
        if not aside:
            return vertices, self.cover
        cover = self.cover + aside * self._behind * (1.0 - self.cover)
        return vertices + aside * self._longer, cover
