"""Paired comparison of systems over splits and seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from dagan_tf.errors import DaganError
from dagan_tf.recognition.systems import Run


@dataclass(frozen=True)
class Gain:
    """How much better one system is than another on the same splits and seeds.

    Attributes:
        better: the one.
        base: the other.
        probes: kind of probe.
        measure: of its figures.
        mean: difference, mean over splits.
        low: lower end of its 95 % interval, NaN with fewer than 2 splits.
        high: upper end.
        corrected_low: the same, with a variance that allows for people shared between splits.
        corrected_high: likewise.
        splits: number of splits.
        people_low: lower end of the 95 % interval of a bootstrap over people and splits (see
            `people_interval`), NaN where there is none.
        people_high: upper end.
    """

    better: str
    base: str
    probes: str
    measure: str
    mean: float
    low: float
    high: float
    corrected_low: float
    corrected_high: float
    splits: int
    people_low: float = float("nan")
    people_high: float = float("nan")


def paired_gain(
    runs: Sequence[Run],
    better: str,
    base: str,
    probes: str,
    measure: str,
    *,
    test_ratio: float = 1.0,
) -> Gain:
    """Compares two systems.

    Seeds are averaged within a split; Student's interval is over splits. The corrected interval
    has the variance of Nadeau and Bengio, "Inference for the generalization error", 2003: (1 / J +
    people tested / people trained on) instead of 1 / J, as the splits draw from the same people.

    Args:
        runs: of both, over the same splits and seeds.
        better: a system.
        base: another.
        probes: kind of probe.
        measure: of its figures.
        test_ratio: people tested over people trained on, in a split.

    Raises:
        DaganError: the two systems' splits or seeds differ, or there are none.
    """
    values = {
        system: {
            (run.split, run.seed): run.figures[probes][measure]
            for run in runs
            if run.system == system and measure in run.figures.get(probes, {})
        }
        for system in (better, base)
    }
    if not values[better] or set(values[better]) != set(values[base]):
        raise DaganError(
            f"{better} has {len(values[better])} runs and {base} {len(values[base])}; expected the"
            " same splits and seeds"
        )
    of_split: dict[str, list[float]] = {}
    for key, value in values[better].items():
        of_split.setdefault(key[0], []).append(value - values[base][key])
    gains = np.array([np.mean(found) for found in of_split.values()])
    count = len(gains)
    mean, half, corrected = float(gains.mean()), float("nan"), float("nan")
    if count > 1:
        factor = stats.t.ppf(0.975, count - 1) * gains.std(ddof=1)
        half = float(factor * np.sqrt(1.0 / count))
        corrected = float(factor * np.sqrt(1.0 / count + test_ratio))
    return Gain(
        better,
        base,
        probes,
        measure,
        mean,
        mean - half,
        mean + half,
        mean - corrected,
        mean + corrected,
        count,
    )


def ceiling_shares(
    runs: Sequence[Run], base: str, ceiling: str
) -> dict[tuple[str, str], dict[str, float]]:
    """What part of the ceiling's gain over a system each other system has, of the means.

    Args:
        runs: of all systems.
        base: the system without views.
        ceiling: the one with the real thing.

    Returns:
        By probes and measure, by system; only where the ceiling gains anything.
    """
    means: dict[tuple[str, str], dict[str, list[float]]] = {}
    for run in runs:
        for probes, measures in run.figures.items():
            for measure, value in measures.items():
                means.setdefault((probes, measure), {}).setdefault(run.system, []).append(value)
    shares = {}
    for key, of_system in means.items():
        mean = {system: float(np.mean(values)) for system, values in of_system.items()}
        gap = mean.get(ceiling, np.nan) - mean.get(base, np.nan)
        if gap > 0:
            shares[key] = {
                system: (value - mean[base]) / gap
                for system, value in mean.items()
                if system not in (base, ceiling)
            }
    return shares


def group_summary(
    runs: Sequence[Run],
) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """Mean over splits and seeds by kind of probe, group, system and figure."""
    table: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    for system in dict.fromkeys(run.system for run in runs):
        gathered: dict[tuple[str, str, str], list[float]] = {}
        for run in runs:
            if run.system == system:
                for probes, groups in run.groups.items():
                    for group, figures in groups.items():
                        for name, value in figures.items():
                            gathered.setdefault((probes, group, name), []).append(value)
        for (probes, group, name), values in gathered.items():
            own = table.setdefault(probes, {}).setdefault(group, {}).setdefault(system, {})
            own[name] = float(np.mean(values))
    return table
