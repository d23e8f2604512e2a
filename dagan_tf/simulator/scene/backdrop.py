"""The photo without the head: what is seen where the turned head no longer is."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from dagan_tf.core.pixels import from_levels
from dagan_tf.faces.filling import push_pull
from dagan_tf.simulator.render.grid import Grid
from dagan_tf.simulator.render.sampling import sample

# Room round the person that is taken away with it, as a part of the head's height: the edge
# pixels of a photo mix hair and backdrop.
MARGIN = 0.06
# A backdrop out of focus is blurred by the first, a deviation, sides of the frame; shoulders before
# it, and their edge, by the second.
_FOCUS, _EDGE = 0.016, 0.005
# Wisps of hair are sought this far from what is removed, and are thinner than this, both in
# margins. They differ from the backdrop round them by more than so many times what 95 % of the
# backdrop far from the person does, and by more than these grey levels.
_WISPS_REACH, _WISPS_WIDTH = 5.0, 1.5
_WISPS_CONTRAST, _WISPS_LEAST = 1.5, 3.0


class Plate(NamedTuple):
    """A photo without a part of it.

    Attributes:
        image: (C, C, 3) uint8.
        kept: (C, C) float32 in [0, 1], how much of each pixel is the photo's own.
    """

    image: np.ndarray
    kept: np.ndarray


class Backdrop(NamedTuple):
    """A photo taken apart.

    Attributes:
        dressed: it without the head, but with what else there is of the person.
        bare: it without either.
        person: (C, C) float32 in [0, 1], the person's part of each pixel; None where nobody is told
            from the backdrop.
    """

    dressed: Plate
    bare: Plate
    person: np.ndarray | None


def clean_plates(
    photo: np.ndarray,
    coarse: np.ndarray,
    removed: np.ndarray,
    person: np.ndarray,
    margin: float,
    shown: np.ndarray,
) -> Backdrop:
    """Takes a region out of a photo.

    Args:
        photo: (C, C, 3) uint8.
        coarse: (W, W, 3) uint8, the same at a lower resolution.
        removed: (W, W) bool, the region.
        person: (W, W) bool; nothing of it is filled in, only what lies behind it.
        margin: pixels by which both are grown.
        shown: (C, C) bool, what lies inside the photo.

    Returns:
        What is left, the region being the head.
    """
    extent = photo.shape[0]
    canvas, work = (Grid(image.shape[0], extent) for image in (photo, coarse))
    whole = removed | person
    wisps = _wisps(coarse, whole, margin)
    # Below the head there are shoulders.
    of_head = np.arange(len(removed)) <= np.flatnonzero(removed.any(axis=1)).max(initial=-1)
    removed, whole = removed | (wisps & of_head[:, None]), whole | wisps
    known, behind = (
        np.clip(
            cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5) - margin,
            0.0,
            1.0,
        )
        for mask in (removed, whole)
    )
    # The neck below the chin is no mixed edge: a turned head's nape ends above it.
    known[person & ~removed] = 1.0
    inside = work.averaged(shown)
    filled = push_pull(coarse.astype(np.float32), (behind * inside).astype(np.float32))
    smooth, fine = canvas.spread(filled), photo.astype(np.float32)

    def plate(share: np.ndarray) -> Plate:
        kept = canvas.spread(share) * shown
        return Plate(from_levels(cv2.blendLinear(fine, smooth, kept, 1.0 - kept)), kept)

    return Backdrop(plate(known), plate(behind), canvas.spread(person.astype(np.float32)))


def seen_behind(
    taken: Backdrop, places: np.ndarray, alone: float, soft: float
) -> tuple[np.ndarray, np.ndarray]:
    """What is seen around the head.

    Args:
        taken: what `clean_plates` returned.
        places: (S, S, 2) float32, the photo's pixel that each pixel shows.
        alone: in [0, 1], how far the shoulders are left out.
        soft: in [0, 1], how far the backdrop is out of focus: stretched where the head has left it,
            its lines would bend.

    Returns:
        (S, S, 3) in [0, 255] and (S, S), how much of it is the photo's own.
    """
    if taken.person is None:
        soft = 0.0
    if not alone and not soft:
        return _sampled(taken.dressed, places)
    bare, bare_known = _sampled(taken.bare, places)
    blurred = cv2.GaussianBlur(bare, (0, 0), _FOCUS * len(places)) if soft else bare
    backdrop = bare + np.float32(soft) * (blurred - bare)
    if alone == 1.0:
        return backdrop, bare_known
    image, known = _sampled(taken.dressed, places)
    if soft and taken.person is not None:
        person = cv2.GaussianBlur(sample(taken.person, places), (0, 0), _EDGE * len(places))
        shoulders = cv2.GaussianBlur(image, (0, 0), _EDGE * len(places))
        image += np.float32(soft) * (blurred + person[..., None] * (shoulders - blurred) - image)
    part = np.float32(alone)
    return image + part * (backdrop - image), known + part * (bare_known - known)


def _sampled(plate: Plate, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    image, kept = (sample(one, places).astype(np.float32) for one in plate)
    return image, kept


def _wisps(coarse: np.ndarray, person: np.ndarray, margin: float) -> np.ndarray:
    """(W, W) bool: single hairs beside a person, where the backdrop is even enough to tell."""
    away = cv2.distanceTransform((~person).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    far = away > _WISPS_REACH * margin
    if far.mean() < 0.05 or not person.any():
        return np.zeros_like(person)
    beyond = push_pull(coarse.astype(np.float32), (away > 1.0).astype(np.float32))
    bytes_beyond = from_levels(beyond)
    around = cv2.medianBlur(bytes_beyond, 2 * round(_WISPS_WIDTH * margin) + 1)
    differs = cv2.absdiff(bytes_beyond, around).max(axis=2)
    least = max(_WISPS_LEAST, _WISPS_CONTRAST * float(np.quantile(differs[far], 0.95)))
    return np.asarray(~far & ~person & (differs > least))
