"""One self-contained HTML page: text, tables, sample grids and plots, readable offline.

Pictures are embedded, styles are inline, and the page's own security policy forbids every
request, so that a report can be mailed, archived or opened without a network.
"""

import base64
import datetime
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TypeAlias

import jinja2
import numpy as np

from dagan_tf import __version__
from dagan_tf.core.files import write_text
from dagan_tf.faces.photo_io import encode_png
from dagan_tf.metrics.bootstrap import Interval
from dagan_tf.reports.plots import Plot

# What may stand in a table; None is shown as a dash: not measured.
Value: TypeAlias = str | int | float | Interval | None


@dataclass(frozen=True)
class Measurement:
    """One figure that was measured.

    Attributes:
        name: What was measured.
        value: The number, with its interval where there is one; None = not measured.
        unit: Its unit, empty for a pure number.
        meaning: How to read it, and which way is better.
        command: The command that prints it.
    """

    name: str
    value: Value
    unit: str = ""
    meaning: str = ""
    command: str = ""


@dataclass(frozen=True)
class Table:
    """A table; the first column holds the rows' names.

    Attributes:
        columns: Headings.
        rows: Rows as long as `columns`.
        caption: How to read it.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Value]]
    caption: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"row {list(row)!r} has {len(row)} of {len(self.columns)} cells")


@dataclass(frozen=True)
class Grid:
    """A grid of images.

    Attributes:
        columns: What each column shows.
        rows: Pairs of a row's name and its images ((H, W) or (H, W, 3) uint8; None = absent).
        caption: How to read it.
    """

    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[np.ndarray | None]]]
    caption: str = ""

    def __post_init__(self) -> None:
        for name, images in self.rows:
            if len(images) != len(self.columns):
                raise ValueError(f"row {name!r} has {len(images)} of {len(self.columns)} images")


@dataclass(frozen=True)
class Chart:
    """A plot with a title and how to read it; a wide one has a row to itself."""

    title: str
    plot: Plot
    caption: str = ""
    wide: bool = False


Block: TypeAlias = Table | Grid | Chart


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Attributes:
        title: Its heading.
        text: Paragraphs, separated by empty lines; plain text.
        measurements: Shown as one table below the text.
        blocks: Tables, grids and charts, in this order.
    """

    title: str
    text: str = ""
    measurements: Sequence[Measurement] = field(default_factory=tuple)
    blocks: Sequence[Block] = field(default_factory=tuple)


def build_report(
    sections: Sequence[Section],
    *,
    title: str,
    summary: str = "",
    commands: Sequence[str] = (),
    credits: Sequence[str] = (),
    made: datetime.datetime | None = None,
) -> str:
    """Renders a report.

    Args:
        sections: In the order they are shown.
        title: The page's title.
        summary: What the report is about and what came out; plain text.
        commands: The command lines that led to it, in order.
        credits: A line for each data set and model: whose it is, its licence.
        made: When; now if None.

    Returns:
        A complete HTML page. Every text is escaped.
    """
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        kind=lambda block: type(block).__name__,
        number=format_value,
        paragraphs=lambda text: [part.strip() for part in text.split("\n\n") if part.strip()],
        embed=_data_uri,
        shown_width=_shown_width,
    )
    source = resources.files("dagan_tf.reports").joinpath("report.html.j2").read_text("utf-8")
    made = made or datetime.datetime.now(datetime.timezone.utc)
    return environment.from_string(source).render(
        title=title,
        summary=summary,
        sections=sections,
        commands=commands,
        credits=credits,
        made=made.strftime("%Y-%m-%d %H:%M %Z").strip(),
        version=__version__,
    )


def write_report(path: str | os.PathLike[str], html: str) -> Path:
    """Writes the page atomically, making the folder if need be; returns the path."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, html)
    return path


def format_value(value: Value) -> str:
    """Four significant digits for numbers; whole numbers and texts as they are; None a dash."""
    if value is None:
        return "–"
    if isinstance(value, Interval):
        low, high = _digits(value.low), _digits(value.high)
        return f"{_digits(value.value)} [{low}, {high}]"
    return _digits(value) if isinstance(value, float) else str(value)


def _digits(number: float) -> str:
    if not np.isfinite(number):
        return str(number)
    if number and not 1e-4 <= abs(number) < 1e6:
        return f"{number:.2e}".replace("-", "\N{MINUS SIGN}")
    decimals = max(0, 3 - int(np.floor(np.log10(max(abs(number), 0.1)))) - 1)
    return f"{number:.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def _data_uri(image: bytes | np.ndarray) -> str:
    data = image if isinstance(image, bytes) else encode_png(image)
    return "data:image/png;base64," + base64.b64encode(data).decode("ascii")


def _shown_width(grid: Grid) -> int:
    """CSS pixels of every image of a grid: a whole multiple of small faces, large ones fitted."""
    widths = [image.shape[1] for _, images in grid.rows for image in images if image is not None]
    smallest = min(widths, default=144)
    return min(smallest * max(1, 144 // smallest), 176)
