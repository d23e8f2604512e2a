"""The paired comparison by hand, and what a system may see."""

import numpy as np
import pytest
from scipy import stats

from dagan_tf.errors import DaganError
from dagan_tf.protocols.protocol import Search, Split, Templates
from dagan_tf.recognition.comparison import paired_gain
from dagan_tf.recognition.config import RecogniserConfig
from dagan_tf.recognition.crops import Crops, ImageRow
from dagan_tf.recognition.systems import MEASURES, Run, score, training_set

MEASURE = MEASURES[0]


def runs_of(system, values):
    return [
        Run(system, str(split), seed, 1, {"profile": {MEASURE: value}})
        for split, of_split in enumerate(values)
        for seed, value in enumerate(of_split)
    ]


def test_seeds_are_averaged_and_splits_compared():
    better = [[0.5, 0.7], [0.4, 0.4], [0.9, 0.7]]
    base = [[0.4, 0.4], [0.3, 0.5], [0.5, 0.7]]  # Gains 0.2, 0 and 0.2.
    runs = runs_of("dagan", better) + runs_of("b1", base)
    gain = paired_gain(runs, "dagan", "b1", "profile", MEASURE, test_ratio=2.0)
    assert gain.mean == pytest.approx(0.4 / 3)
    test = stats.ttest_rel([0.6, 0.4, 0.8], [0.4, 0.4, 0.6]).confidence_interval(0.95)
    assert (gain.low, gain.high) == pytest.approx((test.low, test.high))
    # (1 / 3 + 2) instead of 1 / 3: the root of 7 times as wide.
    assert gain.corrected_high - gain.mean == pytest.approx((gain.high - gain.mean) * 7**0.5)


def test_unequal_runs_are_refused():
    runs = runs_of("dagan", [[0.5], [0.6]]) + runs_of("b1", [[0.5]])
    with pytest.raises(DaganError, match="dagan has 2 runs and b1 1"):
        paired_gain(runs, "dagan", "b1", "profile", MEASURE)


def small_split():
    """Two people under test, "a" and "b": a gallery photo each, and a probe each."""
    templates = Templates(
        np.array(["0", "1", "2", "3"]),
        np.array(["a", "b", "a", "b"]),
        np.arange(4),
        np.arange(4),
        np.array(["0", "1", "2", "3"]),
        np.arange(4),
    )
    search = Search("profile", np.array([0, 1]), np.array([2, 3]))
    return Split("1", templates, None, (search,), np.array([4, 5]), np.array(["c", "d"]))


def small_crops():
    rows = [ImageRow(f"{p}{yaw}", p, yaw, "real") for p in "abcd" for yaw in (0.0, 90.0)]
    rows += [ImageRow(f"{k}{p}", p, 90.0, k) for k in ("simulated", "refined") for p in "abcd"]
    return Crops(np.zeros((len(rows), 2, 2, 3), np.uint8), np.zeros((len(rows), 68, 2)), rows)


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ("b1", ["c0.0", "d0.0"]),
        ("b2", ["c0.0", "d0.0", "simulatedc", "simulatedd"]),
        ("dagan", ["c0.0", "d0.0", "refinedc", "refinedd"]),
    ],
)
def test_no_system_sees_people_under_test_or_real_profiles(system, expected):
    crops = small_crops()
    data = training_set(system, small_split(), crops.images, crops, RecogniserConfig())
    assert [crops.rows[row].path for row in data.rows] == expected
    assert data.synthetic.tolist() == [len(path) > 5 for path in expected]


def test_a_face_that_was_not_found_is_missed():
    people = np.array([f"p{person:02}" for person in range(20)] * 2)
    rows = np.arange(40)
    templates = Templates(rows.astype(str), people, rows, rows, rows.astype(str), rows)
    search = Search("profile", rows[:20], rows[20:])
    split = Split("1", templates, None, (search,), rows[:0], people[:0])
    embeddings = np.tile(np.eye(20, dtype=np.float32), (2, 1))
    faces = rows.tolist()
    assert set(score(split, faces, embeddings)["profile"].values()) == {1.0}
    faces[25] = None
    found = score(split, faces, np.delete(embeddings, 25, axis=0))["profile"]
    assert found == pytest.approx(dict.fromkeys(MEASURES, 0.95))
