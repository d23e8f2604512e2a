"""The measures against scikit-learn and SciPy on random cases, half of them with ties.

`python -m benchmarks.metrics_oracles` does it on 1,000 and asks bob.measure, torch-fidelity and
clean-fid too.
"""

import numpy as np
import pytest

from benchmarks.oracles import ORACLES, difference, ours, random_case


@pytest.mark.parametrize("oracle", ORACLES)
def test_measures_equal_those_of_others(oracle):
    for seed in range(100):
        case = random_case(seed)
        mine = ours(case)
        for measure, expected in ORACLES[oracle](case).items():
            assert difference(mine[measure], expected) <= 1e-9, (seed, measure)


def test_cases_have_ties_between_genuine_and_impostor_and_with_the_mate():
    tied = [random_case(seed) for seed in range(1, 100, 2)]
    shared = [np.intersect1d(case.scores[case.same], case.scores[~case.same]) for case in tied]
    assert np.mean([len(found) > 0 for found in shared]) > 0.7
    mates = [row == row[case.gallery == 0] for case in tied for row in case.table[:1]]
    assert np.mean([found.sum() > 1 for found in mates]) > 0.2


def test_a_difference_is_not_overlooked():
    assert difference([1.0, 2.0], [1.0, 2.5]) == pytest.approx(0.2)
    assert difference([1.0], [1.0, 1.0]) == np.inf
    assert difference([np.nan], [np.nan]) == np.inf
    assert difference([], []) == np.inf
