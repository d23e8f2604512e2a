"""The bootstrap over people: against TAR on pairs repeated by hand, and what moves it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dagan_tf.errors import DaganError
from dagan_tf.metrics.verification import tar_at_far
from dagan_tf.protocols.protocol import Faces, Protocol, Search, Split, Templates
from dagan_tf.recognition.comparison import ceiling_shares, paired_gain
from dagan_tf.recognition.people_interval import draw, drawn_tars, with_people
from dagan_tf.recognition.scores import MEASURES, compare, figures_of
from dagan_tf.recognition.systems import EMBEDDINGS_NAME, Run

PEOPLE = 20
MEASURE = MEASURES[0]


@pytest.mark.parametrize("levels", [7, 10_000])
def test_a_draw_is_as_if_its_pairs_were_repeated(levels):
    rng = np.random.default_rng(3)
    first, second = (table.ravel() for table in np.mgrid[:12, :12])
    same = first == second
    scores = (rng.integers(levels, size=len(same)) + levels // 3 * same).astype(np.float32)
    counts = draw(12, 3, draws=30, seed=1).people
    assert (counts.sum(axis=1) == 12).all()
    counts[0] = 1
    found = drawn_tars(scores, same, first, second, counts, 0.05)
    for weights, tar in zip(counts, found, strict=True):
        times = np.where(same, weights[first], weights[first] * weights[second])
        wanted = tar_at_far(np.repeat(scores, times), np.repeat(same, times), 0.05).tar
        assert tar == pytest.approx(wanted)


def test_too_few_impostors_tell_nothing():
    first, second = (table.ravel() for table in np.mgrid[:4, :4])
    scores = np.linspace(0, 1, 16)
    assert np.isnan(drawn_tars(scores, first == second, first, second, np.ones((1, 4)), 0.01)).all()
    with pytest.raises(DaganError, match="resolved"):
        tar_at_far(scores, first == second, 0.01)


@pytest.fixture
def protocol():
    """Two splits of the same people: a gallery photo and a probe each."""
    people = np.array([f"p{person:02}" for person in range(PEOPLE)] * 2)
    rows = np.arange(2 * PEOPLE)
    templates = Templates(rows.astype(str), people, rows, rows, rows.astype(str), rows)
    search = Search("profile", rows[:PEOPLE], rows[PEOPLE:])
    boxes, points = np.zeros((len(rows), 4)), np.zeros((len(rows), 5, 2))
    names = tuple(rows.astype(str).tolist())
    faces = Faces(names, ("",) * len(rows), boxes, points, np.ones(len(rows)))
    splits = [Split(name, templates, None, (search,), rows[:0], people[:0]) for name in "12"]
    return Protocol("toy", Path("nowhere"), faces, tuple(splits), ())


def run_of(system, split, folder, known):
    """A run that knows the first `known` people's probes and nobody else's."""
    rows = np.eye(2 * PEOPLE, dtype=np.float32)
    rows[PEOPLE : PEOPLE + known] = rows[:known]
    run = Run(system, split.name, 0, 1, {})
    place = run.place(folder)
    place.mkdir(parents=True)
    np.save(place / EMBEDDINGS_NAME, rows)
    return replace(run, figures=figures_of(split, compare(split, range(2 * PEOPLE), rows)))


def gains_of(protocol, folder, known, drop=None):
    runs = [
        run_of(system, split, folder, count)
        for system, count in known.items()
        for split in protocol.splits
    ]
    if drop:
        (runs[-1].place(folder) / EMBEDDINGS_NAME).unlink()
    better, base = known
    gain = paired_gain(runs, better, base, "profile", MEASURE)
    (found,) = with_people([gain], runs, protocol, range(2 * PEOPLE), folder)
    return found


def test_what_everybody_gains_is_certain_and_what_one_person_does_is_not(protocol, tmp_path):
    one = gains_of(protocol, tmp_path / "one", {"b2": 11, "b1": 10})
    assert one.mean == pytest.approx(0.05)
    assert one.low == one.high == one.mean  # Both splits say the same: that tells nothing.
    # One person in twenty: not drawn at all in 36 % of the draws, three times in 6 %.
    assert (one.people_low, one.people_high) == pytest.approx((0.0, 0.15))
    most = gains_of(protocol, tmp_path / "most", {"b2": 16, "b1": 4})
    # The standard deviation of a share of .6 among twenty is .11.
    assert most.people_low == pytest.approx(0.6 - 1.96 * 0.11, abs=0.05)
    assert most.people_high == pytest.approx(0.6 + 1.96 * 0.11, abs=0.05)


def test_without_embeddings_there_is_no_interval(protocol, tmp_path):
    gain = gains_of(protocol, tmp_path, {"b2": 11, "b1": 10}, drop=True)
    assert gain.mean == pytest.approx(0.05)
    assert np.isnan(gain.people_low)


def test_shares_of_the_ceiling_by_hand():
    def runs(system, *values):
        return [Run(system, str(n), 0, 1, {"profile": {MEASURE: v}}) for n, v in enumerate(values)]

    found = ceiling_shares(
        [*runs("b1", 0.1, 0.3), *runs("b2", 0.3, 0.3), *runs("real", 0.5, 0.7)], "b1", "real"
    )
    assert found == {("profile", MEASURE): {"b2": pytest.approx(0.25)}}
    assert ceiling_shares(runs("b1", 0.1) + runs("real", 0.1), "b1", "real") == {}
    assert ceiling_shares(runs("b1", 0.1) + runs("b2", 0.2), "b1", "real") == {}
