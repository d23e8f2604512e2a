"""What a photo shows of a head's scalp: where it is bare, where hair grows, and of which colour."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dagan_tf.simulator.head.regions import HeadRegions, smoothstep

# A scalp is bare where it has the skin's colour, if the photo shows so much of the head's top and
# less than the second part of what is seen of the scalp differs from the skin.
_BARE_SHOWN, _THINNING = 0.05, 0.35
# Hair is darker than skin by these logarithms of brightness, or less red, by these of red over
# green, as grey hair is.
_DARKER, _LESS_RED = (0.3, 0.5), (0.1, 0.18)
_BLUER = 0.05
# Hair of so many vertices tells the colour of the rest. If less is seen, it may be half skin: hair
# is then no lighter than the brows. Less than the first is none.
_SOME_HAIR, _ENOUGH_HAIR = 0.75, 10.0
# How unlike skin what gives hair its colour is: what is half hair is too bright at the hairline.
_PURE = (0.5, 1.0)


class Scalp(NamedTuple):
    """What the photo shows of the scalp, a value in [0, 1] a vertex, (V,).

    Attributes:
        bare: how well it is seen to be bare.
        grown: how well hair is seen on it.
        pure: the same, without what may be half skin.
        tells: how well it tells the colour of the hair around it; 0 where too little hair is seen.
        bald: whether the whole head is.
    """

    bare: np.ndarray
    grown: np.ndarray
    pure: np.ndarray
    tells: np.ndarray
    bald: bool

    def colour(self, colours: np.ndarray, like_brows: np.ndarray) -> np.ndarray:
        """The colour of what is not seen of the scalp.

        Args:
            colours: (V, 3) the head's.
            like_brows: (3,) the likeliest hair's, where hardly any is seen.

        Returns:
            (3,)
        """
        seen = middle_colour(colours, self.bare if self.bald else self.pure)
        if self.bald or self.pure.sum() >= _ENOUGH_HAIR:
            return seen
        lighter = seen.sum() > like_brows.sum()
        return like_brows if lighter or self.pure.sum() < _SOME_HAIR else seen


def read_scalp(
    colours: np.ndarray, seen: np.ndarray, face: np.ndarray, regions: HeadRegions
) -> Scalp:
    """Tells bare scalp from hair.

    A high forehead is not hair's colour, and says nothing of the scalp behind it, unless there is
    little hair; a head is bald only if the photo shows its bare top.

    Args:
        colours: (V, 3) RGB in [0, 255].
        seen: (V,) how well the photo shows the scalp, 0 where no hair could grow.
        face: (V,) the same of the face without its beard: grey hair is like a grey beard.
        regions: the head's.

    Returns:
        What is seen; `bare` and `grown` are together at most `seen`.
    """
    grown = seen * (1.0 - _like_skin(colours, face))
    pure = grown * smoothstep(*_PURE, grown / np.maximum(seen, 1e-6))
    shown = seen[regions.top].sum() > _BARE_SHOWN * regions.hair[regions.top].sum()
    bare = np.zeros_like(seen)
    bald = False
    if shown and grown.sum() < _THINNING * seen.sum():
        bald = bool(grown.sum() < _SOME_HAIR)
        # A bare temple says nothing of the hair above the ear.
        bare = (seen - grown) * (1.0 if bald else regions.top)
    enough = not bald and pure.sum() >= _ENOUGH_HAIR
    tells = pure * of_one_colour(colours, pure) if enough else np.zeros_like(seen)
    return Scalp(bare, grown, pure, tells, bald)


def of_one_colour(colours: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(V,) in [0, 1]: how alike each colour is to the weighted median, in brightness and hue.

    Hair over a temple or a shadow must not be spread over a cheek.
    """
    use = weights > 0.3
    if use.sum() < 20:
        return np.ones(len(colours))
    logs = np.log(np.maximum(colours, 4.0))
    middle = np.median(logs[use], axis=0)
    spread = np.maximum(1.5 * np.median(np.abs(logs[use] - middle), axis=0), 0.06)
    off = np.sqrt((((logs - middle) / spread) ** 2).mean(axis=1))
    return np.asarray(1.0 - smoothstep(1.8, 3.2, off))


def middle_colour(colours: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(3,) median of the colours that are well known; of all if hardly any is."""
    use = weights > 0.5 * weights.max(initial=0.0)
    return np.asarray(np.median(colours[use if use.any() else slice(None)], axis=0))


def _like_skin(colours: np.ndarray, face: np.ndarray) -> np.ndarray:
    """(V,) in [0, 1]: how likely each colour (V, 3) of the scalp is bare skin."""
    use = face > 0.3
    if use.sum() < 20:
        return np.zeros(len(colours))
    logs = np.log(np.maximum(colours, 4.0))
    lack = np.median(logs[use], axis=0) - logs
    darker = smoothstep(*_DARKER, lack.mean(axis=1))
    # A blue backdrop that shines through at the edge adds more to blue than grey hair does.
    bluer = np.maximum(lack[:, 1] - lack[:, 2] - _BLUER, 0.0)
    less_red = smoothstep(*_LESS_RED, lack[:, 0] - lack[:, 1] - bluer)
    return np.asarray(of_one_colour(colours, face) * (1.0 - darker) * (1.0 - less_red))
