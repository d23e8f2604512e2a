"""How finely do the measures of likeness tell images apart? Read with noise that nobody sees."""

from collections.abc import Callable

import numpy as np

from dagan_tf.core.pixels import from_levels
from dagan_tf.evaluation.face_set import FaceSet
from dagan_tf.evaluation.measure import Measure, Row, value_of

Features = dict[str, np.ndarray]


def noise_row(
    faces: FaceSet,
    draws: int,
    embed: Callable[[np.ndarray], Features],
    measure: Callable[[FaceSet], Row],
) -> Row:
    """Mean and deviation of figures over draws of noise of one grey level at most.

    Args:
        faces: What is measured.
        draws: How often, at least 2.
        embed: From images (N, H, W, 3) uint8 to their embeddings by network.
        measure: From faces to the figures.

    Returns:
        Two entries for each of `measure`'s figures: "noise mean, NAME", "noise deviation, NAME".
    """
    generator = np.random.default_rng(0)
    values: dict[Measure, list[float]] = {}
    for _ in range(draws):
        noise = generator.integers(-1, 2, faces.images.shape)
        images = from_levels(faces.images + noise)
        figures = measure(FaceSet(images, faces.people, embed(images)))
        for one, figure in figures.items():
            value = value_of(figure)
            values.setdefault(one, []).append(float("nan") if value is None else value)
    row: Row = {}
    for one, drawn in values.items():
        row[Measure(f"noise mean, {one.name}")] = float(np.mean(drawn))
        row[Measure(f"noise deviation, {one.name}")] = float(np.std(drawn, ddof=1))
    return row
