"""How far hair comes forward at the side of a head, guessed from what its front shows of it.

A front sees temples and sideburns at a grazing angle. Real photos of the same people's sides tell
how the hairline goes on from there: `scripts/learn_hairline.py` learned it as a linear map of low
rank, from how much like hair the front's sides are to how much like hair each vertex is from the
side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dagan_tf.simulator.head.packaged import read_packaged
from dagan_tf.simulator.head.regions import smoothstep

# A place is hair if it is more like hair than skin, softly between these likenesses.
EDGE = (0.2, 0.7)
_ASSET = "hairline.npz"


@dataclass(frozen=True, eq=False)
class Hairline:
    """A linear map from a front's likeness to hair to that of one side of the head.

    The side is that of negative x, the subject's right; the other one is its mirror image.

    Attributes:
        read: (F,) int32, vertices whose likeness is read off the front.
        centre: (F,) float32, the mean of it.
        drawn: (Z,) int32, vertices of the side whose likeness is guessed.
        usual: (Z,) float32, the mean of it.
        weights: (Z,) float32 in [0, 1], how much of the guess is taken; less at the border.
        inwards: (F, K) float32, from what is read to K numbers.
        outwards: (K, Z) float32, from these to what is added to the mean.
    """

    read: np.ndarray
    centre: np.ndarray
    drawn: np.ndarray
    usual: np.ndarray
    weights: np.ndarray
    inwards: np.ndarray
    outwards: np.ndarray

    @classmethod
    def load(cls) -> Hairline:
        """The packaged map, which belongs to the packaged head."""
        return cls(**read_packaged(_ASSET))

    def hair(
        self, like_hair: np.ndarray | None, seen: np.ndarray, hair: np.ndarray, mirror: np.ndarray
    ) -> np.ndarray:
        """Where hair grows on this head.

        Args:
            like_hair: (V,) what `colours.like_hair` found in the photo, or None.
            seen: (V,) in [0, 1], how well the photo shows a vertex.
            hair: (V,) in [0, 1], where hair grows on heads in general.
            mirror: (V,) index of each vertex' mirror image.

        Returns:
            (V,) float32 in [0, 1].
        """
        out = hair.astype(np.float32)
        # Hair that the photo shows where heads have hair is hair.
        shown = 0.0 if like_hair is None else hair * seen * smoothstep(*EDGE, like_hair)
        for side in (np.arange(len(hair)), mirror):
            guess = self.usual
            if like_hair is not None:
                known = seen[side[self.read]]
                off = known * (like_hair[side[self.read]] - self.centre)
                guess = guess + off @ self.inwards @ self.outwards
            place = side[self.drawn]
            out[place] += self.weights * (smoothstep(*EDGE, guess) - out[place])
        return np.maximum(out, shown).astype(np.float32)
