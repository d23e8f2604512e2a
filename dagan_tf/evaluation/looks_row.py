"""The measures of `looks` over a set of faces, as a row of the table."""

from collections.abc import Callable, Sequence

import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.evaluation.face_set import FaceSet
from dagan_tf.evaluation.looks import backdrop_change, colour_distance, top_octave_power
from dagan_tf.evaluation.measure import Figure, Measure, Row
from dagan_tf.metrics.bootstrap import mean_interval
from dagan_tf.simulator.registration import Registration, register


def laid_photos(
    photos: Sequence[np.ndarray],
    views: np.ndarray,
    masks: Sequence[np.ndarray | None],
    yaws: Sequence[float] | np.ndarray,
) -> list[Registration | None]:
    """Each person's photo laid onto the view of the same side, to compare their colours.

    Args:
        photos: N times (S, S, 3) uint8, in the canonical frame.
        views: (N, S, S, 3) uint8, simulated.
        masks: N times (S, S) uint8, 255 where the view shows what its source showed.
        yaws: N angles in degrees.

    Returns:
        None for a view without a mask, or without the plain backdrop that tells where a person
        ends.
    """
    return [
        None
        if mask is None or backdrop_change(view, view, yaw) is None
        else register(photo, view, mask, yaw)
        for photo, view, mask, yaw in zip(photos, views, masks, yaws, strict=True)
    ]


def looks_row(
    faces: FaceSet,
    inputs: np.ndarray,
    laid: Sequence[Registration | None],
    yaws: Sequence[float] | np.ndarray,
) -> Row:
    """Halo, hue and finest detail.

    Args:
        faces: simulated or refined faces.
        inputs: (N, S, S, 3) uint8, what they were made from, in the same order.
        laid: as of `laid_photos`.
        yaws: N angles in degrees.

    Returns:
        Means with intervals over people; None where no face, or one person only, can be measured
        so. The power of the finest detail is a share of that of the photo: 1 is as sharp.
    """

    def row_of(measure: Callable[[int], float | None]) -> Figure:
        values = [measure(place) for place in range(len(faces.images))]
        known = np.array([value is not None for value in values])
        if len(np.unique(faces.people[known])) < 2:
            return None
        return mean_interval(np.array(values, dtype=float)[known], faces.people[known])

    def halo(place: int) -> float | None:
        found = backdrop_change(inputs[place], faces.images[place], yaws[place])
        return None if found is None else found[0]

    def hue(place: int) -> float | None:
        one = laid[place]
        if one is None:
            return None
        try:
            return colour_distance(faces.images[place], one.photo, one.inside)
        except DaganError:  # No block lies wholly inside.
            return None

    def detail(place: int) -> float | None:
        one = laid[place]
        if one is None or not (one.inside == 255).any():
            return None
        own = top_octave_power(one.photo, one.inside)
        return top_octave_power(faces.images[place], one.inside) / own if own else None

    return {
        Measure("change beside the outline, grey levels", "lower"): row_of(halo),
        Measure("hue, distance to own photo", "lower"): row_of(hue),
        Measure("finest detail, share of own photo"): row_of(detail),
    }
