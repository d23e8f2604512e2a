"""Drawing rows by the person they show, many at once."""

import numpy as np


class Groups:
    """Rows of features by group.

    Attributes:
        counts: (P,) int, rows in each group.
    """

    def __init__(self, group: np.ndarray) -> None:
        """Sorts the rows by group.

        Args:
            group: (N,) int, the group of each row, 0..P-1, none of them empty.
        """
        self._group = group
        self._order = np.argsort(group, kind="stable")
        self.counts = np.bincount(group)
        self._starts = np.cumsum(self.counts) - self.counts
        self._place = np.empty(len(group), np.int64)
        self._place[self._order] = np.arange(len(group)) - self._starts[group[self._order]]

    def members(self, rng: np.random.Generator, groups: np.ndarray, count: int) -> np.ndarray:
        """Draws `count` rows of each of (B,) groups, with repeats: (B, count) int."""
        places = rng.integers(self.counts[groups][:, None], size=(len(groups), count))
        return self._order[self._starts[groups][:, None] + places]

    def others(self, rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
        """Draws for each of (B,) rows another row of its group, which must have two: (B,) int."""
        own = self._group[rows]
        places = rng.integers(self.counts[own] - 1)
        places += places >= self._place[rows]
        return self._order[self._starts[own] + places]
