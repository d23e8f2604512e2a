"""How a head's colours differ from what its front suggests when it is turned under its lamps.

A front tells the colours of skin and hair but not how bright an ear, the side of a cheek, the jaw
or the back of the hair look from the side. Real photos of turned heads, laid onto simulated views
of the same people, do: the logarithm of their colours over the view's, at each vertex, was averaged
over people by `scripts/learn_turned_tone.py`. A part of it depends on the person: the shade of a
beard goes on along the jaw, and dark skin is lit otherwise than bright skin. That part is a linear
map of the brightness of the lower face.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dagan_tf.simulator.head.packaged import read_packaged

# Values are kept in steps of so many nats, what depends on the person in finer ones.
STEP, SHARE_STEP = 0.01, 0.002
# Added to levels before their logarithm is taken, as black has noise.
DARKEST = 10.0
# Nobody is farther from the mean than so many deviations: shades and beards differ more than those
# that were learned from.
MOST = 2.0
_ASSET = "turned_tone.npz"


@dataclass(frozen=True, eq=False)
class TurnedTone:
    """What vertices are multiplied by, at each of a few turns.

    Attributes:
        turns: (Y,) float32, degrees from the photo's own pose to the subject's left, > 0, rising.
        logs: (Y, V, 3) float32, nats, red, green and blue.
        cheeks: (C,) int32, vertices whose brightness the lower face is compared with.
        lower: (F,) int32, vertices of the lower face, those of one side.
        centre: (F + 1,) float32, the mean of what `described` returns.
        inwards: (F + 1, K) float32, from it to K numbers of deviation 1.
        shares: (K, Y, V, 3) float32, nats that each of them adds.
    """

    turns: np.ndarray
    logs: np.ndarray
    cheeks: np.ndarray
    lower: np.ndarray
    centre: np.ndarray
    inwards: np.ndarray
    shares: np.ndarray

    @classmethod
    def load(cls) -> TurnedTone:
        """The packaged one, which belongs to the packaged head."""
        arrays = read_packaged(_ASSET)
        logs = arrays.pop("steps").astype(np.float32) * np.float32(STEP)
        shares = arrays.pop("share_steps").astype(np.float32) * np.float32(SHARE_STEP)
        return cls(logs=logs, shares=shares, **arrays)

    def of_person(self, colours: np.ndarray, seen: np.ndarray, mirror: np.ndarray) -> TurnedTone:
        """The tone of one person's head.

        Args:
            colours: (V, 3) grey levels, mean colour of the front around each vertex.
            seen: (V,) in [0, 1], how well the photo shows it.
            mirror: (V,) index of each vertex' mirror image.

        Returns:
            The same with other `logs`; as it is where the photo does not show the lower face.
        """
        off = described(colours, seen, mirror, self.cheeks, self.lower, self.centre) - self.centre
        numbers = np.clip(off @ self.inwards, -MOST, MOST)
        return replace(self, logs=self.logs + np.tensordot(numbers, self.shares, 1))

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


def described(
    colours: np.ndarray, seen: np.ndarray, mirror: np.ndarray, cheeks: np.ndarray,
    lower: np.ndarray, unseen: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """(F + 1,) what a front says of the tone of its sides, nats.

    How much darker or brighter than the cheeks the lower face is, both sides together, so that a
    lamp at one side does not matter; last, how bright the cheeks are.

    Args:
        colours: as in `TurnedTone.of_person`.
        seen: the same.
        mirror: the same.
        cheeks: as in `TurnedTone`.
        lower: the same.
        unseen: (F + 1,) what stands where the photo shows neither side.
    """
    logs = np.log(colours + DARKEST).mean(axis=1)
    shown = cheeks[seen[cheeks] > 0.5]
    if not len(shown):
        return unseen
    skin = float(np.median(logs[shown]))
    weights = np.stack([seen[lower], seen[mirror[lower]]])
    values = np.stack([logs[lower], logs[mirror[lower]]]) - skin
    known = weights.sum(axis=0)
    mean = (weights * values).sum(axis=0) / np.maximum(known, 1e-6)
    return np.append(np.where(known > 0.5, mean, unseen[:-1]), skin)
