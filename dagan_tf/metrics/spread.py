"""How far a figure differs from split to split."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dagan_tf.errors import DaganError


@dataclass(frozen=True)
class Spread:
    """Mean and population standard deviation over splits, as papers on IJB-A print them."""

    mean: float
    std: float
    count: int

    def __str__(self) -> str:
        return f"{self.mean:.3f} ± {self.std:.3f}" if self.count > 1 else f"{self.mean:.4f}"


def over_splits(values: Sequence[float]) -> Spread:
    """Mean and population standard deviation (ddof 0); refuses NaN and an empty list."""
    array = np.asarray(values, dtype=np.float64)
    if not len(array) or not np.isfinite(array).all():
        raise DaganError(f"values over splits are {array.tolist()}; expected finite numbers")
    return Spread(float(array.mean()), float(array.std()), len(array))
