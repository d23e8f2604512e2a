import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from dagan_tf.errors import DaganError
from dagan_tf.metrics.roc import auc, equal_error_rate, roc, win_rate
from dagan_tf.metrics.verification import (
    accuracy_by_folds,
    allowed_errors,
    best_threshold,
    operating_points,
    tar_at_far,
)


def random_case(seed):
    """Scores with many ties in half of the cases."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(4, 120))
    same = rng.random(count) < rng.uniform(0.2, 0.8)
    same[:2] = True, False
    scores = rng.normal(size=count) + same
    if seed % 2:
        scores = np.round(scores, int(rng.integers(0, 2)))
    return scores.astype(np.float32 if seed % 3 else np.float64), same


def test_a_case_by_hand():
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    same = np.array([True, False, True, True, False, False])
    point = tar_at_far(scores, same, 1 / 3)
    # One impostor of three may pass: the threshold lies just above 0.5.
    assert (point.far, point.tar) == (1 / 3, 1.0)
    assert 0.5 < point.threshold <= 0.6
    with pytest.raises(DaganError, match=r"FAR 0\.1 can't be resolved by 3 trials.*at least 10"):
        tar_at_far(scores, same, 0.1)


def test_tied_scores_are_accepted_together_or_not_at_all():
    scores = np.array([0.9, 0.5, 0.5, 0.5, 0.1])
    same = np.array([True, True, False, False, False])
    # Accepting 0.5 would accept two impostors of three.
    point = tar_at_far(scores, same, 0.5)
    assert (point.far, point.tar) == (0.0, 0.5)
    assert tar_at_far(scores, same, 0.67).tar == 1.0


@pytest.mark.parametrize("block", range(10))
def test_a_thousand_random_cases_equal_scikit_learn(block):
    for seed in range(100 * block, 100 * block + 100):
        scores, same = random_case(seed)
        false, true, _ = roc_curve(same, scores, drop_intermediate=False)
        assert auc(scores, same) == pytest.approx(roc_auc_score(same, scores), abs=1e-9)
        ours = roc(scores, same)
        np.testing.assert_allclose(ours.far, false, atol=1e-9)
        np.testing.assert_allclose(ours.tar, true, atol=1e-9)
        for far in (0.1, 0.3, 1.0):
            impostors = int((~same).sum())
            if int(far * impostors) < 1:
                continue
            point = tar_at_far(scores, same, far)
            within = false <= far + 1e-12
            assert point.tar == pytest.approx(true[within].max(), abs=1e-9)
            assert point.far <= far + 1e-12
            accepted = scores >= point.threshold
            assert accepted[same].mean() == pytest.approx(point.tar, abs=1e-9)
            assert accepted[~same].mean() == pytest.approx(point.far, abs=1e-9)
        # The polyline's crossing with FAR = FRR, solved on a fine grid of its own.
        rate = equal_error_rate(scores, same)
        at = np.interp(rate, ours.far, ours.tar) if (np.diff(ours.far) > 0).all() else None
        assert 0.0 <= rate <= 1.0
        if at is not None:
            assert at == pytest.approx(1.0 - rate, abs=1e-9)


def test_equal_error_rate_by_hand():
    # ROC (0,0) (0,.5) (.5,.5) (.5,1) (1,1): it meets FAR = 1 - TAR at .5.
    scores = np.array([4.0, 3, 2, 1])
    assert equal_error_rate(scores, np.array([True, False, True, False])) == pytest.approx(0.5)
    assert equal_error_rate(scores, np.array([True, True, False, False])) == 0.0
    assert equal_error_rate(scores, np.array([False, False, True, True])) == 1.0
    assert equal_error_rate(np.zeros(4), np.array([True, False, True, False])) == 0.5


def test_win_rate_counts_ties_half():
    assert win_rate(np.array([1.0, 2.0]), np.array([1.0])) == 0.75


def test_many_scores_go_by_selection_with_the_same_result():
    rng = np.random.default_rng(0)
    same = rng.random(900_000) < 0.1
    scores = (rng.normal(size=len(same)) + 2 * same).astype(np.float32)
    fars = (1e-4, 1e-3, 1e-2, 0.1)
    points = operating_points(scores, same, fars)
    ordered = np.sort(scores[~same])[::-1]
    for far, point in zip(fars, points, strict=True):
        errors = int(far * len(ordered))
        assert point.tar == np.mean(scores[same] > ordered[errors])
        assert point.far <= far


def test_allowed_errors_is_exact_at_whole_numbers():
    for count in (3, 7, 10, 49, 1000):
        for errors in range(1, min(count, 30)):
            assert allowed_errors(errors / count, count) == errors


def test_least_errors_is_doddington_s_rule():
    scores, same = random_case(4)
    impostors = int((~same).sum())
    with pytest.raises(DaganError, match="resolved"):
        tar_at_far(scores, same, 29.5 / impostors if impostors > 29 else 0.9, least_errors=30)


def test_accuracy_by_folds_by_hand():
    scores = np.array([0.9, 0.2, 0.8, 0.3, 0.6, 0.7])
    same = np.array([True, False, True, False, True, False])
    outcome = accuracy_by_folds(scores, same, np.array([0, 0, 1, 1, 2, 2]))
    # Fold 2 has its pair the wrong way round; the others' best threshold is .55.
    assert outcome.thresholds[2] == pytest.approx(0.55)
    np.testing.assert_allclose(outcome.accuracies, [1.0, 1.0, 0.5])
    assert outcome.mean == pytest.approx(5 / 6)
    assert outcome.std == pytest.approx(np.std([1, 1, 0.5]))


def test_of_equally_good_thresholds_the_middle_one_is_taken():
    # 1.5, 3.5 and 5.5 are each right about four of six.
    scores = np.array([2.0, 4.0, 6.0, 1.0, 3.0, 5.0])
    assert best_threshold(scores, np.array([True] * 3 + [False] * 3)) == 3.5


def test_best_threshold_is_no_worse_than_any_other():
    for seed in range(200):
        scores, same = random_case(seed)
        ours = np.mean((scores >= best_threshold(scores, same)) == same)
        tried = [np.mean((scores >= t) == same) for t in [*np.unique(scores), np.inf]]
        assert ours == pytest.approx(max(tried))


@pytest.mark.parametrize(
    ("scores", "same", "message"),
    [
        ([0.1, np.nan], [True, False], "score 1 is NaN"),
        ([0.1, 0.2], [True, True], "2 genuine and 0 impostor"),
        ([0.1, 0.2], [True], "expected"),
        ([0.1, 0.2], [3, 0], "other than 0 and 1"),
    ],
)
def test_bad_input_is_one_line(scores, same, message):
    with pytest.raises(DaganError, match=message) as error:
        auc(np.array(scores), np.array(same))
    assert "\n" not in str(error.value)
