"""The table of the experiment: means and deviations, differences, shares of the ceiling, groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from dagan_tf.metrics.spread import over_splits
from dagan_tf.recognition.comparison import Gain, ceiling_shares, group_summary
from dagan_tf.recognition.systems import CEILING, Run


def measures_of(runs: Sequence[Run]) -> dict[str, list[str]]:
    """By kind of probe the measures that every run has."""
    return {
        probes: [
            measure
            for measure in measures
            if all(measure in run.figures.get(probes, {}) for run in runs)
        ]
        for probes, measures in runs[0].figures.items()
    }


def summary(runs: Sequence[Run]) -> dict[str, dict[str, dict[str, tuple[float, float]]]]:
    """Mean and population standard deviation by system, probes and measure.

    Seeds are averaged within a split first.
    """
    table: dict[str, dict[str, dict[str, tuple[float, float]]]] = {}
    for system in dict.fromkeys(run.system for run in runs):
        own = [run for run in runs if run.system == system]
        table[system] = {}
        for probes, measures in measures_of(runs).items():
            table[system][probes] = {}
            for measure in measures:
                found: dict[str, list[float]] = {}
                for run in own:
                    found.setdefault(run.split, []).append(run.figures[probes][measure])
                spread = over_splits([float(np.mean(values)) for values in found.values()])
                table[system][probes][measure] = (spread.mean, spread.std)
    return table


def summary_lines(runs: Sequence[Run], gains: Sequence[Gain]) -> Iterator[str]:
    """The table of systems, their differences, and the same by group, a line each."""
    for system, kinds in summary(runs).items():
        for probes, measures in kinds.items():
            text = "  ".join(f"{m} {mean:.3f} ± {std:.3f}" for m, (mean, std) in measures.items())
            yield f"{system:10} {probes:14} {text}"
    if gains:
        yield (
            "paired, 95 % over splits [allowing for shared people]"
            " {bootstrap over people and splits}:"
        )
    for gain in gains:
        half = gain.high - gain.mean
        corrected = gain.corrected_high - gain.mean
        yield (
            f"{gain.better} over {gain.base}, {gain.probes}, {gain.measure}:"
            f" {gain.mean:+.3f} ± {half:.3f} [± {corrected:.3f}]{_over_people(gain)}"
        )
    for (probes, measure), shares in ceiling_shares(runs, "b1", CEILING).items():
        text = ", ".join(f"{system} {share:+.0%}" for system, share in shares.items())
        if text:
            yield f"of what real adds to b1, {probes}, {measure}: {text}"
    groups = group_summary(runs)
    if groups:
        yield "by group, at the threshold of FAR .01 among everybody, means over splits:"
    for probes, by_group in groups.items():
        for group, systems in by_group.items():
            people = next(iter(systems.values()))["people"]
            text = "; ".join(
                f"{system} "
                + ", ".join(f"{name} {v:.3f}" for name, v in figures.items() if name != "people")
                for system, figures in systems.items()
            )
            yield f"{probes}, {group} ({people:.1f} people tested a split): {text}"


def _over_people(gain: Gain) -> str:
    if np.isnan(gain.people_low):
        return ""
    return f" {{{gain.people_low:+.3f} to {gain.people_high:+.3f}}}"
