"""Arrays on disk, one below the other, read by rows as if they were one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class Stacked:
    """Rows of several arrays of the same row shape and type, read when they are asked for.

    Attributes:
        shape: of the whole.
        dtype: of the whole.
    """

    def __init__(self, parts: Sequence[np.ndarray]) -> None:
        """Puts the parts in order.

        Args:
            parts: at least one array (N_i, ...); memmaps stay on disk.
        """
        self._parts = list(parts)
        self._ends = np.cumsum([len(part) for part in self._parts])
        self.shape = (int(self._ends[-1]), *self._parts[0].shape[1:])
        self.dtype = self._parts[0].dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: int | slice | Sequence[int] | np.ndarray) -> np.ndarray:
        """One row, or rows in the order asked for, as an array of their own."""
        if isinstance(rows, int | np.integer):
            return self[[int(rows)]][0]
        wanted = np.arange(len(self))[rows]
        found = np.empty((len(wanted), *self.shape[1:]), self.dtype)
        owners = np.searchsorted(self._ends, wanted, side="right")
        for number in np.unique(owners):
            mine, part = owners == number, self._parts[number]
            found[mine] = part[wanted[mine] - (self._ends[number] - len(part))]
        return found
