import numpy as np
import pytest

from dagan_tf.errors import DaganError
from dagan_tf.metrics.identification import Searches, cmc, open_set, search

GALLERY = np.array(["a", "b", "c"])
SCORES = np.array(
    [
        [0.9, 0.2, 0.1],  # a: first
        [0.8, 0.7, 0.1],  # b: second
        [0.5, 0.5, 0.5],  # c: tied with both others, so third
        [0.6, 0.3, 0.2],  # d: not in the gallery
        [0.1, 0.85, 0.2],  # e: not in the gallery
    ]
)
PROBES = np.array(["a", "b", "c", "d", "e"])


def test_ranks_by_hand_a_tie_is_a_miss():
    searches = search(SCORES, PROBES, GALLERY)
    assert searches.rank.tolist() == [1, 2, 3, 0, 0]
    np.testing.assert_array_equal(searches.mate, [0.9, 0.7, 0.5, np.nan, np.nan])
    np.testing.assert_array_equal(searches.best_other, [0.2, 0.8, 0.5, 0.6, 0.85])
    np.testing.assert_allclose(cmc(searches, (1, 2, 3)), [1 / 3, 2 / 3, 1])


def test_open_set_by_hand_under_both_conventions():
    point = open_set(search(SCORES, PROBES, GALLERY), 0.5)
    # One non-mated search of two may return somebody: the threshold lies just above 0.6.
    assert point.fpir == 0.5
    assert 0.6 < point.threshold <= 0.7
    assert point.tpir_any_rank == pytest.approx(2 / 3)  # a and b
    assert point.tpir_rank1 == pytest.approx(1 / 3)  # b is not first
    assert point.fnir_rank1 == pytest.approx(2 / 3)
    assert (point.mated, point.non_mated) == (3, 2)
    with pytest.raises(DaganError, match=r"FPIR 0\.1 can't be resolved by 2"):
        open_set(search(SCORES, PROBES, GALLERY), 0.1)


def test_several_templates_of_a_subject_count_with_the_best():
    doubled = np.concatenate([SCORES, SCORES - 0.05], axis=1)
    once = search(SCORES, PROBES, GALLERY)
    twice = search(doubled, PROBES, np.concatenate([GALLERY, GALLERY]))
    np.testing.assert_array_equal(once.rank, twice.rank)
    np.testing.assert_array_equal(once.best_other, twice.best_other)


@pytest.mark.parametrize("seed", range(20))
def test_random_galleries_equal_a_loop(seed):
    rng = np.random.default_rng(seed)
    gallery = rng.integers(0, 12, 20).astype(str)
    probes = rng.integers(0, 16, 50).astype(str)
    scores = np.round(rng.normal(size=(50, 20)), 1)
    searches = search(scores, probes, gallery)
    for row, probe in enumerate(probes):
        best = {who: scores[row][gallery == who].max() for who in set(gallery)}
        others = [value for who, value in best.items() if who != probe]
        assert searches.best_other[row] == max(others)
        if probe in best:
            assert searches.rank[row] == 1 + sum(value >= best[probe] for value in others)
        else:
            assert searches.rank[row] == 0


def test_parts_can_be_joined():
    whole = search(SCORES, PROBES, GALLERY)
    joined = Searches.joined(
        [search(SCORES[:2], PROBES[:2], GALLERY), search(SCORES[2:], PROBES[2:], GALLERY)]
    )
    np.testing.assert_array_equal(whole.rank, joined.rank)


def test_bad_input_is_named():
    with pytest.raises(DaganError, match="expected \\(5, 2\\)"):
        search(SCORES, PROBES, GALLERY[:2])
    broken = SCORES.copy()
    broken[3, 1] = np.nan
    with pytest.raises(DaganError, match="probe 3, gallery 1 is NaN"):
        search(broken, PROBES, GALLERY)
    with pytest.raises(DaganError, match="no search is mated"):
        cmc(search(SCORES[3:], PROBES[3:], GALLERY))
