"""The report's plots, as PNG bytes, each once for a light and once for a dark page.

Only matplotlib's object interface is used: no pyplot, no global state, safe in any thread.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


@dataclass(frozen=True)
class Plot:
    """One plot in both themes; PNG bytes."""

    light: bytes
    dark: bytes


@dataclass(frozen=True)
class Curve:
    """One line of a plot.

    Attributes:
        label: Its name.
        x: (N,) ascending.
        y: (N,); gaps are NaN.
    """

    label: str
    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class Theme:
    """Colours of a page."""

    text: str
    grid: str
    # Told apart by colour-blind eyes too, and of similar weight on either background.
    series: tuple[str, ...]


_LIGHT = Theme("#4b5563", "#e5e7eb", ("#2563eb", "#d97706", "#059669", "#9333ea", "#dc2626"))
_DARK = Theme("#a8b0bd", "#303845", ("#6ea8fe", "#f2b04c", "#4fd1a5", "#c79bff", "#ff8080"))

# No screen shows more points on a line, and the file stays small.
_MAX_POINTS = 1500


def plot_curves(
    curves: Sequence[Curve],
    *,
    x_label: str = "step",
    y_label: str = "",
    size: tuple[float, float] = (5.4, 2.9),
) -> Plot:
    """Draws curves: the values faint, their moving average strong.

    Args:
        curves: One or more curves; values that are not finite are left out.
        x_label: Name of the horizontal axis.
        y_label: Name of the vertical axis.
        size: Width and height in inches.

    Returns:
        The plot.
    """

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.add_subplot()
        for number, curve in enumerate(curves):
            colour = theme.series[number % len(theme.series)]
            x, y = _thinned(curve)
            if len(y) >= 20:
                axes.plot(x, y, color=colour, linewidth=0.7, alpha=0.25)
                y = _smoothed(y)
            axes.plot(x, y, color=colour, linewidth=1.7, label=curve.label)
        style(figure, theme, x_label, y_label)
        if len(curves) > 1:
            axes.legend(frameon=False, fontsize=8, labelcolor=theme.text)

    return render(draw, size)


def plot_pose_histograms(
    edges: Sequence[float] | np.ndarray,
    before: Sequence[int] | np.ndarray,
    after: Sequence[int] | np.ndarray,
    *,
    before_label: str = "before",
    after_label: str = "after",
    size: tuple[float, float] = (9.2, 2.9),
) -> Plot:
    """Draws two histograms of yaw side by side, each on its own scale: the poster's figure.

    Args:
        edges: (B + 1,) ascending bin edges in degrees.
        before: (B,) images a bin.
        after: (B,) images a bin.
        before_label: Title on the left.
        after_label: Title on the right.
        size: Width and height in inches.

    Returns:
        The plot.
    """
    left = np.asarray(edges[:-1], dtype=float)
    width = np.diff(np.asarray(edges, dtype=float))
    for name, counts in (("before", before), ("after", after)):
        if len(counts) != len(width):
            raise ValueError(f"{name} has {len(counts)} counts; expected {len(width)}")

    def draw(figure: Figure, theme: Theme) -> None:
        panels = ((before_label, before, theme.series[1]), (after_label, after, theme.series[0]))
        for column, (label, counts, colour) in enumerate(panels):
            axes = figure.add_subplot(1, 2, column + 1)
            axes.bar(left + 0.06 * width, counts, 0.88 * width, align="edge", color=colour)
            axes.set_title(label, fontsize=9, color=theme.text, loc="left")
            axes.set_xlim(left[0], left[-1] + width[-1])
        style(figure, theme, "yaw (degrees)", "images")

    return render(draw, size)


def plot_bars(
    values: Mapping[str, tuple[float, float, float]],
    *,
    x_label: str = "",
    size: tuple[float, float] = (5.4, 1.9),
) -> Plot:
    """Draws values with their intervals as horizontal points with whiskers.

    Args:
        values: From a name to (value, low, high).
        x_label: Name of the horizontal axis.
        size: Width and height in inches.

    Returns:
        The plot.
    """

    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.add_subplot()
        for row, (value, low, high) in enumerate(values.values()):
            colour = theme.series[row % len(theme.series)]
            axes.plot([low, high], [row, row], color=colour, linewidth=2.2, alpha=0.55)
            axes.plot([value], [row], "o", color=colour, markersize=7)
        axes.set_yticks(range(len(values)), list(values))
        axes.set_ylim(len(values) - 0.5, -0.5)
        style(figure, theme, x_label, "")

    return render(draw, size)


def style(figure: Figure, theme: Theme, x_label: str, y_label: str) -> None:
    """Gives all axes of a figure the report's looks and names."""
    for axes in figure.axes:
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set_color(theme.grid)
        axes.grid(color=theme.grid, linewidth=0.7)
        axes.set_axisbelow(True)
        axes.tick_params(colors=theme.text, labelsize=8, length=0)
        axes.set_xlabel(x_label, fontsize=8, color=theme.text)
        axes.set_ylabel(y_label, fontsize=8, color=theme.text)


def render(draw: Callable[[Figure, Theme], None], size: tuple[float, float]) -> Plot:
    """Draws a figure of (width, height) inches in both themes."""
    pictures = []
    for theme in (_LIGHT, _DARK):
        figure = Figure(figsize=size, dpi=160, layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure, theme)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", transparent=True, metadata={"Software": None})
        pictures.append(buffer.getvalue())
    return Plot(*pictures)


def _thinned(curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(curve.x, dtype=float), np.asarray(curve.y, dtype=float)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"curve {curve.label!r} has x {x.shape} and y {y.shape}; expected (N,)")
    finite = np.isfinite(y)
    x, y = x[finite], y[finite]
    step = -(-len(x) // _MAX_POINTS)
    if step > 1:
        whole = len(x) // step * step
        x = x[:whole].reshape(-1, step)[:, -1]
        y = y[:whole].reshape(-1, step).mean(axis=1)
    return x, y


def _smoothed(values: np.ndarray) -> np.ndarray:
    """Centred moving average over about a twentieth of the curve, narrower at its ends.

    Centred, so that it does not lag behind the values as a running average does.
    """
    sums = np.concatenate([[0.0], np.cumsum(values)])
    places = np.arange(len(values))
    reach = np.minimum(np.minimum(places, places[::-1]), max(2, len(values) // 40))
    return (sums[places + reach + 1] - sums[places - reach]) / (2 * reach + 1)
