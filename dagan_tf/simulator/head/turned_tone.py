"""How a head's colours differ from what its front suggests when it is turned under its lamps.

A front tells the colours of skin and hair but not how bright an ear, the side of a cheek, the jaw
or the back of the hair look from the side. Real photos of turned heads, laid onto simulated views
of the same people, do: the logarithm of their colours over the view's, at each vertex, was averaged
over people by `scripts/learn_turned_tone.py`. How much of it depends on the person's own colours
was tried, too: hardly anything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dagan_tf.simulator.head.packaged import read_packaged

# Values are kept in steps of so many nats.
STEP = 0.01
_ASSET = "turned_tone.npz"


@dataclass(frozen=True, eq=False)
class TurnedTone:
    """What vertices are multiplied by, at each of a few turns.

    Attributes:
        turns: (Y,) float32, degrees from the photo's own pose to the subject's left, > 0, rising.
        logs: (Y, V, 3) float32, nats, red, green and blue.
    """

    turns: np.ndarray
    logs: np.ndarray

    @classmethod
    def load(cls) -> TurnedTone:
        """The packaged one, which belongs to the packaged head."""
        arrays = read_packaged(_ASSET)
        return cls(arrays["turns"], arrays["steps"].astype(np.float32) * np.float32(STEP))

    def gain(self, turn: float, mirror: np.ndarray) -> np.ndarray:
        """Factors for one view.

        Args:
            turn: degrees between the view and the photo, > 0 to the subject's left.
            mirror: (V,) index of each vertex' mirror image.

        Returns:
            (V, 3) float32, 1 without a turn.
        """
        knots = np.concatenate([[0.0], self.turns])
        place = float(np.interp(abs(turn), knots, np.arange(len(knots))))
        below, part = int(place), np.float32(place - int(place))
        at = np.concatenate([np.zeros_like(self.logs[:1]), self.logs, self.logs[-1:]])
        out = np.asarray(np.exp((1.0 - part) * at[below] + part * at[below + 1]), np.float32)
        return out if turn >= 0 else out[mirror]
