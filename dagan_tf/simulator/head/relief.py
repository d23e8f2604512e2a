"""How far a face stands out along its middle line, which the landmarks of a front hardly tell.

The fit's identity coefficients are regularised, so its profiles all tend to the mean head's. What
the outlines of real profiles add was learned from people with both views, by
`scripts/learn_relief.py`, as a ridge regression from the coefficients to offsets of depth at levels
from forehead to throat. The offsets lie along the depth of the head, so its front view stays what
the landmarks say.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dagan_tf.simulator.head.packaged import read_packaged

# Levels lie this many a gap between two of the 14 heights of `level_heights`.
STEPS = 2
# Half-width, in heights nasion to chin, over which an offset fades to the sides, at each of the 14
# heights: a nose is narrow, a forehead is not.
_WIDTHS = (0.6, 0.55, 0.4, 0.22, 0.18, 0.2, 0.26, 0.32, 0.34, 0.36, 0.36, 0.4, 0.45, 0.5)
# Weight of the offsets at each height: hair hides the outline of a high forehead, and what lies
# below the throat belongs to the neck.
_WEIGHTS = (0.0, 0.6, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.7, 0.5)
_ASSET = "relief.npz"


@dataclass(frozen=True, eq=False)
class Relief:
    """A linear map from identity coefficients to a profile's offsets.

    Attributes:
        mean: (L,) float32 offsets of depth at the mean of the coefficients, in heights nasion to
            chin, > 0 towards the viewer.
        slope: (K, L) float32, change of the offsets with each coefficient.
        centre: (K,) float32, the mean of the coefficients.
    """

    mean: np.ndarray
    slope: np.ndarray
    centre: np.ndarray

    @classmethod
    def load(cls) -> Relief:
        """The packaged map, which belongs to the packaged head."""
        return cls(**read_packaged(_ASSET))

    def offsets(self, identity: np.ndarray) -> np.ndarray:
        """(L,) float64 offsets, in heights nasion to chin.

        Args:
            identity: (<= K,) coefficients; those that are left out are 0.
        """
        values = np.zeros(len(self.centre))
        values[: len(identity)] = identity
        return np.asarray(self.mean + (values - self.centre) @ self.slope)


def level_heights(landmarks: np.ndarray) -> np.ndarray:
    """(14,) heights y, highest first, at which a profile is described.

    Forehead (two), brow, nasion, bridge, tip of the nose, its base, upper lip, between the lips,
    lower lip, fold above the chin, chin, and below it the throat (two).

    Args:
        landmarks: (68, 3) of a head, y up.
    """
    y = landmarks[:, 1].astype(np.float64)
    brow, nasion, tip, chin, lower = y[[21, 22]].mean(), y[27], y[30], y[8], y[57]
    height = nasion - chin
    face = [nasion, (nasion + tip) / 2, tip, y[33], y[51], y[[62, 66]].mean(), lower]
    return np.array(
        [
            *(brow + 0.45 * height, brow + 0.2 * height, brow),
            *face,
            *((lower + chin) / 2, chin, chin - 0.1 * height, chin - 0.3 * height),
        ]
    )


def raise_relief(vertices: np.ndarray, landmarks: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Moves a head's middle to the depth that a profile should have, and its sides less.

    Args:
        vertices: (V, 3) float32 of a head, x to the subject's left, y up, z out of the face.
        landmarks: (68, 3) its landmarks.
        offsets: (27,) what `Relief.offsets` returned.

    Returns:
        (V, 3) float32.
    """
    heights = level_heights(landmarks)
    height = float(landmarks[27, 1] - landmarks[8, 1])
    # Levels grow downwards; np.interp wants rising places.
    level = np.interp(-vertices[:, 1].astype(np.float64), -heights, np.arange(len(heights)))
    every = np.arange(len(heights))
    depth = np.interp(level * STEPS, np.arange(len(offsets)), offsets) * height
    depth *= np.interp(level, every, _WEIGHTS)
    aside = (vertices[:, 0] - landmarks[27:31, 0].mean()) / height
    share = np.exp(-((aside / np.interp(level, every, _WIDTHS)) ** 2))
    out = vertices.copy()
    out[:, 2] += (depth * share).astype(np.float32)
    return out
