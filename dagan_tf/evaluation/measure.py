"""What a figure is called and which way is better: one record, shared by all tables and reports."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal, TypeAlias

from dagan_tf.metrics.bootstrap import Interval


@dataclass(frozen=True)
class Measure:
    """A measure of a set of faces.

    Attributes:
        name: As it is printed, with the unit where there is one.
        better: "higher" or "lower"; None where neither is better. Two measures of one name are
            the same one.
    """

    name: str
    better: Literal["higher", "lower"] | None = field(default=None, compare=False)

    def is_better(self, after: float, before: float) -> bool | None:
        """Whether `after` is the better value; None where neither is, or they are equal."""
        if self.better is None or after == before:
            return None
        return (after > before) == (self.better == "higher")


Figure: TypeAlias = Interval | float | None
# A column of a table: one set of faces by every measure.
Row: TypeAlias = dict[Measure, Figure]


def value_of(figure: Figure) -> float | None:
    """The figure without its interval."""
    return figure.value if isinstance(figure, Interval) else figure


def as_json(row: Mapping[Measure, Figure]) -> dict[str, object]:
    """Plain values by the measures' names."""
    return {
        measure.name: asdict(figure) if isinstance(figure, Interval) else figure
        for measure, figure in row.items()
    }
