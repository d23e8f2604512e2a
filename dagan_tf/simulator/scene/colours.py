"""What is hair's colour and what is skin's, among the colours that a photo shows of a head."""

from __future__ import annotations

import cv2
import numpy as np

from dagan_tf.simulator.head.mesh import Mesh
from dagan_tf.simulator.head.regions import HeadRegions, smoothstep
from dagan_tf.simulator.scene.hair_pixels import near_places
from dagan_tf.simulator.scene.lighting import LUMA

# Nats by which skin's hue differs from itself, and those by which it is no skin.
OTHER_HUE = (0.15, 0.3)
# What skin of one hue differs by from its median, nats, at most.
ONE_HUE = 0.16
# Hair that differs from skin by less, nats, cannot be told from it.
LIKE_SKIN = 0.15
# The same for telling where hair ends; fewest vertices to tell by; and what is added to levels
# before their logarithm is taken, as black hair has noise.
TOLD_APART, LEAST_SEEN, DARKEST = 0.35, 8, 6.0
# Cosines to the line of sight from which on scalp and face are seen well enough to say so.
SCALP_FACING, FACE_FACING = 0.1, 0.5
# Rounds of smoothing by which skin and hair go on beyond the hairline.
BEYOND = 6
# Likeness to hair below which a place gives hair no colour, and from which on it gives it all.
SURELY_HAIR = (0.6, 0.9)
# A head is bald if less than this part of what is seen of its scalp differs from the skin.
BALD = 0.05
# Nats of red over blue by which white hair is greyer than skin, of green over blue by which fair
# hair is yellower, and by which other hair is darker.
GREYER, YELLOWER, MUCH_DARKER = 0.05, 0.2, 0.3
# Nats by which a colour hardly differs from skin, whatever its hue.
HARDLY = 0.055
# Parts of where hair grows: with less of it shown, and less found to be hair, the photo does not
# tell what hair there is.
SHOWN, FOUND = 0.085, 0.0065
# Hair lacks so much of its green if it is dyed.
DYED = (0.2, 0.35)
# The darkest of the eyebrows, a quantile: the rest is skin between the hairs. How much farther than
# it the hair lies from the skin, in logarithms.
DARK_BROW, BEYOND_BROW = 0.1, 0.4
# Hair of another hue than skin is at most so many times as bright, softly between these.
BRIGHTER = (1.1, 1.25)
# What differs is gloss if it is less than this part, so many times brighter than the skin, and if
# more than the last part of it has another brightness: of white hair most has only another hue.
GLOSS, GLOSS_LIGHT, MOSTLY = 0.4, 1.35, 0.24


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


def of_one_hue(colours: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(V,) in [0, 1]: how alike each colour's hue is to the weighted median's, whatever its light.

    A white collar is about as bright as skin, and a shaded neck much darker: brightness does not
    tell them apart.
    """
    use = weights > 0.3
    if use.sum() < LEAST_SEEN:
        return np.ones(len(colours))
    hues = -np.diff(np.log(np.maximum(colours, 4.0)), axis=1)
    off = np.abs(hues - np.median(hues[use], axis=0)).sum(axis=1)
    # Where skin itself has many hues, as with a grey beard among it, hue tells less.
    off -= max(float(np.median(off[use])) - ONE_HUE, 0.0)
    return np.asarray(1.0 - smoothstep(*OTHER_HUE, off))


def grown_hair(
    colours: np.ndarray, scalp: np.ndarray, face: np.ndarray, like: np.ndarray | None
) -> np.ndarray:
    """(V,) what of the scalp gives hair its colour.

    A bare forehead or scalp is not hair's colour, unless there is hardly anything else. Nor is the
    gloss on black hair, which is all that differs from black skin, or on a bald head.

    Args:
        colours: (V, 3).
        scalp: (V,) how well the photo shows it, 0 where no hair could grow.
        face: (V,) the same of the face without its beard: grey hair is like a grey beard.
        like: (V,) what `like_hair` found, or None: half-way lie thin hair and the edge of a lock.
    """
    # White hair is as bright as fair skin, and of another hue; gloss has that hue, but is brighter.
    apart = 1.0 - of_one_colour(colours, face)
    brightness = colours @ LUMA / max(float(middle_colour(colours, face) @ LUMA), 1.0)
    white = (1.0 - of_one_hue(colours, face)) * (1.0 - smoothstep(*BRIGHTER, brightness))
    glossy, unlike = scalp * apart, scalp * np.maximum(apart, white)
    # So few as a bald head has of shadows say nothing of gloss either.
    mostly_bright = glossy.sum() > MOSTLY * unlike.sum()
    if mostly_bright and BALD * scalp.sum() < glossy.sum() < GLOSS * scalp.sum() and face.any():
        light, skin = (middle_colour(colours, part).mean() for part in (glossy, face))
        if light > GLOSS_LIGHT * skin:
            return scalp * (1.0 - np.maximum(apart, white))
    if unlike.sum() <= BALD * scalp.sum():
        return scalp
    dense = unlike if like is None else unlike * smoothstep(*SURELY_HAIR, like)
    return dense if dense.sum() > LEAST_SEEN else unlike


def hair_is_hidden(grown: np.ndarray, scalp: np.ndarray, grows: np.ndarray) -> bool:
    """Whether a photo shows too little of a head to say what hair it has.

    Args:
        grown: (V,) what `grown_hair` returned.
        scalp: (V,) how well the photo shows each place where hair grows.
        grows: (V,) in [0, 1], where it grows.
    """
    whole = float(grows.sum())
    bald = grown.sum() >= scalp.sum()
    found = 0.0 if bald else float(grown.sum())
    return float(scalp.sum()) < SHOWN * whole and found < FOUND * whole


def is_skin(found: np.ndarray, skin: np.ndarray) -> bool:
    """Whether what was taken for hair is skin: gloss or shade on a bald head.

    White and grey hair is greyer than skin, fair hair yellower, other hair much darker. Gloss is
    skin and some white, which is taken off first.

    Args:
        found: (3,) its colour.
        skin: (3,) the skin's.
    """
    gloss = max(float((found - skin) @ LUMA), 0.0)
    glossy, plain, second = (np.log(np.maximum(one, 4.0)) for one in (found - gloss, found, skin))
    greyer = float(np.dot([-1.0, 0.0, 1.0], glossy - second))
    yellower = float(np.dot([0.0, 1.0, -1.0], plain - second))
    darker = float(np.log(max(skin @ LUMA, 4.0) / max(found @ LUMA, 4.0)))
    alike = float(np.abs(plain - second).max()) < HARDLY
    return alike or (greyer < GREYER and yellower < YELLOWER and darker < MUCH_DARKER)


def brow_colour(
    photo: np.ndarray, places: np.ndarray, reach: int, skin: np.ndarray
) -> np.ndarray | None:
    """(3,) the colour of the eyebrows' hairs, about that of the hair.

    Even the darkest of a brow is half skin: its colour lies on the way from skin's to hair's.

    Args:
        photo: (C, C, 3) uint8.
        places: (N, 2) float32, vertices of the brows that the photo shows, pixels.
        reach: how far around them to look, pixels.
        skin: (3,) the skin's colour.

    Returns:
        The colour; None if hardly any is shown.
    """
    if len(places) < LEAST_SEEN:
        return None
    shown = near_places(places, reach, photo.shape[:2])
    if not shown.any():
        return None
    colours = cv2.GaussianBlur(photo, (0, 0), 0.7)[shown].astype(np.float32)
    luma = colours @ LUMA
    dark = np.maximum(np.median(colours[luma <= np.quantile(luma, DARK_BROW)], axis=0), 1.0)
    return np.asarray(dark * np.minimum(dark / np.maximum(skin, 1.0), 1.0) ** BEYOND_BROW)


def own_colours(coarse: np.ndarray, own: np.ndarray) -> np.ndarray:
    """(W, W, 3) float32: means around each pixel, of what is the person's own if there is any.

    Short hair lies next to the backdrop and would take its colour.
    """
    share = own.astype(np.float32)
    colours = cv2.GaussianBlur(coarse * share[..., None], (0, 0), 2.0)
    share = cv2.GaussianBlur(share, (0, 0), 2.0)[..., None]
    plain = cv2.GaussianBlur(coarse.astype(np.float32), (0, 0), 2.0)
    return np.where(share > 0.1, colours / np.maximum(share, 0.1), plain)


def hair_share(coarse: np.ndarray, hair: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """(W, W) float32: how much more each pixel of an image is of the hair's colour than skin's."""
    logs = np.log(np.maximum(coarse.astype(np.float32), 4.0))
    of_hair, of_skin = (
        np.abs(logs - np.log(np.maximum(colour, 4.0)).astype(np.float32)).mean(axis=2)
        for colour in (hair, skin)
    )
    apart = float(np.abs(np.log(np.maximum(hair, 4.0) / np.maximum(skin, 4.0))).mean())
    if apart < LIKE_SKIN:
        return np.zeros(coarse.shape[:2], np.float32)
    return smoothstep(0.3 * apart, 0.8 * apart, of_skin - of_hair).astype(np.float32)


def continued(colours: np.ndarray, part: np.ndarray, mesh: Mesh) -> np.ndarray:
    """(V, 3) float32: colours of a part of the head, smoothed, and continued beyond it."""
    share = part.astype(np.float32)
    middle = np.float32(1e-4) * middle_of(colours, part)
    spread = mesh.smooth(colours * share[:, None], BEYOND) + middle
    spread /= mesh.smooth(share, BEYOND)[:, None] + np.float32(1e-4)
    near = mesh.smooth(np.where(part[:, None], colours, spread), 2)
    return near.astype(np.float32)


def without_purple(colours: np.ndarray) -> np.ndarray:
    """Hair's colours, (N, 3), without the purple that skin and backdrop make in thin dark hair.

    No hair grows with less green than red and blue. Dyed hair, which has much less, stays.
    """
    lacks = np.maximum(colours[:, [0, 2]].min(axis=1) - colours[:, 1], 0.0)
    stays = smoothstep(*DYED, lacks / np.maximum(colours[:, 1], 1.0))
    out = colours.copy()
    out[:, 1] += ((1.0 - stays) * lacks).astype(colours.dtype)
    return out


def middle_of(colours: np.ndarray, part: np.ndarray) -> np.ndarray:
    """(3,) median of a part of the colours, at least 1."""
    return np.asarray(np.maximum(np.median(colours[part], axis=0), 1.0))


def middle_colour(colours: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(3,) median of the colours that are well known; of all if hardly any is."""
    use = weights > 0.5 * weights.max(initial=0.0)
    return np.asarray(np.median(colours[use if use.any() else slice(None)], axis=0))


def sure_hair_and_skin(regions: HeadRegions, facing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(V,) bool each, where a head surely has hair, if it has any, and where it is bare.

    Args:
        regions: the head's.
        facing: (V,) cosine to the line of sight, 0 where the photo does not show it.
    """
    bare = (regions.front > 0.9) & (regions.mouth < 0.1)
    return regions.scalp & (facing > SCALP_FACING), bare & (facing > FACE_FACING)


def like_hair(
    colours: np.ndarray, hair: np.ndarray, skin: np.ndarray, pure: np.ndarray | None
) -> np.ndarray | None:
    """How far each colour is on the way from skin's to hair's.

    Args:
        colours: (V, 3) grey levels.
        hair: (V,) bool, which of them are surely hair.
        skin: (V,) bool, which are surely skin.
        pure: (3,) the hair's colour where it is known, as from `dark_hair`; else that of `hair`.

    Returns:
        (V,) float32 in [-0.2, 1.2], 0 like the skin, 1 like the hair; None where the two cannot be
        told apart or hardly anything of one is seen.
    """
    if min(hair.sum(), skin.sum()) < LEAST_SEEN:
        return None
    logs = np.log(colours + DARKEST)
    of_skin = np.median(logs[skin], axis=0)
    of_hair = np.median(logs[hair], axis=0) if pure is None else np.log(pure + DARKEST)
    way = of_hair - of_skin
    if np.sqrt((way * way).mean()) < TOLD_APART:
        return None
    return np.clip((logs - of_skin) @ way / (way @ way), -0.2, 1.2).astype(np.float32)
