"""Plots of a recogniser's scores: ROC, DET, CMC, histograms, t-SNE."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from dagan_tf.metrics.identification import cmc
from dagan_tf.metrics.roc import roc
from dagan_tf.reports.plots import Curve, Plot, Theme, render, style
from dagan_tf.scoring.scoring import Part

_POINTS = 200
_SIZE = (4.6, 3.3)


def mean_roc(parts: Sequence[Part], points: int = _POINTS) -> tuple[np.ndarray, np.ndarray]:
    """FAR on a log axis, from the smallest that all splits resolve, and the mean TAR at each.

    Args:
        parts: The same part of each split.
        points: Of the axis.

    Returns:
        (points,) FAR and (points,) TAR, each split's by the rule of `metrics.verification`.
    """
    least = max(1.0 / int((~part.pairs.same).sum()) for part in parts)
    # A grain above the exact share, lest rounding fall below it.
    far = np.minimum(np.geomspace(least, 1.0, points) * (1 + 1e-9), 1.0)
    curves = [roc(part.scores, part.pairs.same) for part in parts]
    tar = [curve.tar[np.searchsorted(curve.far, far, side="right") - 1] for curve in curves]
    return far, np.mean(tar, axis=0)


def plot_roc_and_det(systems: Mapping[str, Sequence[Part]]) -> tuple[Plot, Plot]:
    """True accept and false reject rate over false accept rate, means over splits.

    The second has both axes logarithmic; a rate of 0 is a gap there.
    """
    curves = {name: mean_roc(parts) for name, parts in systems.items()}
    accepted = [Curve(name, far, tar) for name, (far, tar) in curves.items()]
    refused = [
        Curve(name, far, np.where(tar < 1, 1 - tar, np.nan)) for name, (far, tar) in curves.items()
    ]
    return (
        _lines(accepted, "false accept rate", "true accept rate", log_x=True),
        _lines(refused, "false accept rate", "false reject rate", log_x=True, log_y=True),
    )


def plot_cmc(systems: Mapping[str, Sequence[Part]], most: int = 50) -> Plot:
    """Identification rate over rank, mean over splits."""
    curves = []
    for name, parts in systems.items():
        found = [part.searches for part in parts if part.searches is not None]
        size = min(len(np.unique(part.pairs.second)) for part in parts)
        ranks = np.arange(1, min(most, size) + 1)
        rates = np.mean([cmc(one, ranks.tolist()) for one in found], axis=0)
        curves.append(Curve(name, ranks, rates))
    return _lines(curves, "rank", "identification rate")


def plot_score_histograms(systems: Mapping[str, Sequence[Part]], bins: int = 60) -> Plot:
    """Densities of genuine (filled) and impostor (outlined) scores, one panel a system."""

    def draw(figure: Figure, theme: Theme) -> None:
        for place, (name, parts) in enumerate(systems.items()):
            axes = figure.add_subplot(1, len(systems), place + 1)
            scores = np.concatenate([part.scores for part in parts])
            same = np.concatenate([part.pairs.same for part in parts])
            edges = np.histogram_bin_edges(scores.astype(np.float64), bins)
            colour = theme.series[place % len(theme.series)]
            axes.hist(scores[same], edges, density=True, color=colour, alpha=0.6, label="genuine")
            axes.hist(
                scores[~same],
                edges,
                density=True,
                histtype="step",
                color=theme.text,
                label="impostor",
            )
            axes.set_title(name, fontsize=9, color=theme.text, loc="left")
            axes.legend(frameon=False, fontsize=8, labelcolor=theme.text)
        style(figure, theme, "score", "density")

    return render(draw, (max(4.6, 3.1 * len(systems)), 2.9))


def plot_tsne(
    systems: Mapping[str, np.ndarray], people: Sequence[str] | np.ndarray, seed: int = 0
) -> Plot:
    """t-SNE of the same faces' features by each system, a colour a person.

    PCA to 50 first, perplexity 15 or what few faces allow.

    Args:
        systems: From a name to (N, D) features, N > 3.
        people: (N,) whom each shows.
        seed: Of t-SNE.
    """
    names, person = np.unique(np.asarray(people), return_inverse=True)
    places = {}
    for name, features in systems.items():
        reduced = PCA(min(50, *features.shape), random_state=seed).fit_transform(features)
        perplexity = min(15.0, (len(features) - 1) / 3)
        places[name] = TSNE(perplexity=perplexity, random_state=seed).fit_transform(reduced)

    def draw(figure: Figure, theme: Theme) -> None:
        for place, (name, points) in enumerate(places.items()):
            axes = figure.add_subplot(1, len(places), place + 1)
            for one in range(len(names)):
                own = points[person == one]
                colour = theme.series[one % len(theme.series)]
                marker = "osD^v"[one // len(theme.series) % 5]
                axes.scatter(own[:, 0], own[:, 1], s=14, color=colour, marker=marker)
            axes.set_title(name, fontsize=9, color=theme.text, loc="left")
            axes.set_xticklabels([])
            axes.set_yticklabels([])
        style(figure, theme, "", "")

    return render(draw, (max(4.6, 3.1 * len(systems)), 3.1))


def _lines(
    curves: Sequence[Curve], x_label: str, y_label: str, *, log_x: bool = False, log_y: bool = False
) -> Plot:
    def draw(figure: Figure, theme: Theme) -> None:
        axes = figure.add_subplot()
        for number, curve in enumerate(curves):
            colour = theme.series[number % len(theme.series)]
            dashes = ("-", "--", ":")[number // len(theme.series) % 3]
            axes.plot(curve.x, curve.y, dashes, color=colour, linewidth=1.6, label=curve.label)
        if log_x:
            axes.set_xscale("log")
        # Without an error there is no point to show, and no scale to choose.
        if log_y and any(np.isfinite(curve.y).any() for curve in curves):
            axes.set_yscale("log")
        style(figure, theme, x_label, y_label)
        if len(curves) > 1:
            axes.legend(frameon=False, fontsize=8, labelcolor=theme.text)

    return render(draw, _SIZE)
