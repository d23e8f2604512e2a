"""The paired comparison by hand, and what a system may see."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from dagan_tf.errors import DaganError
from dagan_tf.protocols.protocol import Pairs, Search, Split, Templates
from dagan_tf.recognition.comparison import paired_gain
from dagan_tf.recognition.config import CropConfig, HeadConfig, RecogniserConfig
from dagan_tf.recognition.crops import Crops, ImageRow, Store
from dagan_tf.recognition.scores import MEASURES, compare, figures_by_group, figures_of
from dagan_tf.recognition.systems import Run, training_set

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
    return crops_of(rows)


def crops_of(rows):
    images, points = np.zeros((len(rows), 2, 2, 3), np.uint8), np.zeros((len(rows), 68, 2))
    return Crops([Store(Path("nowhere"), "", images, points, rows)])


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ("b1", ["c0.0", "d0.0"]),
        ("b2", ["c0.0", "d0.0", "simulatedc", "simulatedd"]),
        ("dagan", ["c0.0", "d0.0", "refinedc", "refinedd"]),
        ("real", ["c0.0", "c90.0", "d0.0", "d90.0"]),
    ],
)
def test_no_system_sees_people_under_test_and_only_the_ceiling_real_profiles(system, expected):
    crops = small_crops()
    data = training_set(system, small_split(), crops.images, crops, RecogniserConfig())
    assert [crops.rows[row].path for row in data.rows] == expected
    assert data.synthetic.tolist() == [len(path) > 5 for path in expected]


def test_views_are_chosen_by_yaw_and_number_a_photo():
    rows = [ImageRow(f"{p}{n}", p, 0.0, "real") for p in "abcd" for n in (1, 2)]
    rows += [
        ImageRow(f"{person}{photo} {yaw:g}", person, yaw, "simulated", source=f"{person}{photo}")
        for person in "cd"
        for photo in (1, 2)
        for yaw in (-90.0, -60.0, -30.0, 60.0, 90.0)
    ]
    crops = crops_of(rows)

    def views(**settings):
        config = RecogniserConfig(crops=CropConfig(**settings))
        data = training_set("b2", small_split(), crops.images, crops, config)
        return [crops.rows[row] for row in data.rows if crops.rows[row].kind == "simulated"]

    assert len(views()) == 20
    assert {view.yaw for view in views(views_from=60)} == {-90, -60, 60, 90}
    assert {view.yaw for view in views(views_from=31, views_to=60)} == {-60, 60}
    two = views(views_from=60, views_per_photo=2)
    assert Counter(view.source for view in two) == dict.fromkeys(["c1", "c2", "d1", "d2"], 2)
    assert all(abs(view.yaw) >= 60 for view in two)
    assert two == views(views_from=60, views_per_photo=2)
    with pytest.raises(DaganError, match=r"no simulated images of .*, turned 61 to 80 degrees"):
        views(views_from=61, views_to=80)


def test_a_head_that_needs_pairs_is_given_some_or_refused():
    triplets = RecogniserConfig(head=HeadConfig(form="triplet"))
    crops = small_crops()
    message = r"'b1', split 1: 2 images of 2 people to train on, at most 1 of one .*'c0\.0'"
    with pytest.raises(DaganError, match=message):
        training_set("b1", small_split(), crops.images, crops, triplets)
    assert len(training_set("real", small_split(), crops.images, crops, triplets).rows) == 4


def test_a_face_that_was_not_found_is_missed():
    people = np.array([f"p{person:02}" for person in range(20)] * 2)
    rows = np.arange(40)
    templates = Templates(rows.astype(str), people, rows, rows, rows.astype(str), rows)
    search = Search("profile", rows[:20], rows[20:])
    split = Split("1", templates, None, (search,), rows[:0], people[:0])
    embeddings = np.tile(np.eye(20, dtype=np.float32), (2, 1))
    faces = rows.tolist()
    assert set(scored(split, faces, embeddings)["profile"].values()) == {1.0}
    faces[25] = None
    found = scored(split, faces, np.delete(embeddings, 25, axis=0))["profile"]
    assert found == pytest.approx(dict.fromkeys(MEASURES, 0.95))


def test_searches_of_one_name_are_one_comparison():
    """Two galleries of ten: each probe is looked for in its own, the threshold is of all pairs."""
    rng = np.random.default_rng(3)
    people = np.tile([f"p{person:02}" for person in range(10)], 4)
    rows = np.arange(40)
    templates = Templates(rows.astype(str), people, rows, rows, rows.astype(str), rows)
    parts = [Search("profile", rows[n : n + 10], rows[n + 10 : n + 20]) for n in (0, 20)]
    values = np.tile(rng.normal(size=(10, 4)), (4, 1)) + 0.4 * rng.normal(size=(40, 4))
    values = (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)
    split = Split("1", templates, None, tuple(parts), rows[:0], people[:0])
    (found,) = compare(split, rows.tolist(), values)
    tables = [values[one.probes] @ values[one.gallery].T for one in parts]
    np.testing.assert_allclose(found.scores, np.ravel(tables), atol=1e-6)
    assert found.pairs.same.sum() == 20
    hits = [table.argmax(axis=1) == range(10) for table in tables]
    figures = figures_of(split, [found])["profile"]
    assert 0.2 < np.mean(hits) < 1.0
    assert figures["rank-1"] == pytest.approx(np.mean(hits))
    # One of 180 impostors may pass at FAR .01.
    refused = np.sort(found.scores[~found.pairs.same])[-2]
    tar = np.mean(found.scores[found.pairs.same] > refused)
    assert figures["TAR at FAR .01"] == pytest.approx(tar)
    groups = {f"p{n:02}": {"half": "first" if n < 5 else "second"} for n in range(10)}
    first = figures_by_group(split, [found], groups)["profile"]["half: first"]
    assert first["rank-1"] == pytest.approx(np.mean([hit[:5] for hit in hits]))
    assert first["people"] == 5


def scored(split, faces, embeddings):
    return figures_of(split, compare(split, faces, embeddings))


def test_pairs_of_templates_scored_by_hand():
    """Template 0 has two media, (1, 0) and the mean of two frames, one of which was not found."""
    templates = Templates(
        np.array(["0", "1", "2", "3"]),
        np.array(["a", "a", "b", "c"]),
        face=np.arange(6),
        media=np.array([0, 1, 1, 2, 3, 4]),
        media_ids=np.array(list("vwxyz")),
        media_template=np.array([0, 0, 1, 2, 3]),
    )
    first, second = np.array([0, 0, 1, 0]), np.array([1, 2, 2, 3])
    pairs = Pairs(first, second, np.array([True, False, False, False]), np.array([0, 0, 1, 1]))
    split = Split("1", templates, pairs, (), first[:0], np.array([], str))
    half = 0.5**0.5
    embeddings = np.array([[1, 0], [0, 1], [0, 1], [0.6, 0.8]], np.float32)
    (found,) = compare(split, [0, 1, None, 2, 3, None], embeddings)
    assert found.name == "pairs"
    np.testing.assert_allclose(found.scores, [half, 1.4 * half, 0.8, -1.0], atol=1e-6)
    figures = figures_of(split, [found])["pairs"]
    # Three impostors cannot tell FAR .1; two of them lie above the genuine pair.
    assert figures == {"AUC": pytest.approx(1 / 3)}


def test_groups_are_judged_at_the_threshold_of_all():
    rng = np.random.default_rng(0)
    people = np.array([f"p{person:02}" for person in range(20)] * 2)
    rows = np.arange(40)
    templates = Templates(rows.astype(str), people, rows, rows, rows.astype(str), rows)
    search = Search("profile", rows[:20], rows[20:])
    split = Split("1", templates, None, (search,), rows[:0], people[:0])
    middles = rng.normal(size=(20, 6))
    middles[10:] = middles[10] + 0.1 * middles[10:]  # The men look alike.
    values = np.concatenate([middles, middles + 0.05 * rng.normal(size=middles.shape)])
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    groups = {f"p{n:02}": {"sex": "female" if n < 10 else "male"} for n in range(20)}
    compared = compare(split, rows.tolist(), values.astype(np.float32))
    found = figures_by_group(split, compared, groups)["profile"]
    assert set(found) == {"sex: female", "sex: male"}
    women, men = found["sex: female"], found["sex: male"]
    assert women["people"] == men["people"] == 10
    assert women["rank-1"] == 1.0
    # All of the few false accepts, 3 of 380, are among the men: 3 of 90.
    assert (women["FAR within"], men["FAR within"]) == (0.0, pytest.approx(3 / 90))
    assert women["TAR"] < 1.0 or women["TAR"] >= men["TAR"]
    whole = figures_of(split, compared)["profile"]["TAR at FAR .01"]
    assert whole == pytest.approx((women["TAR"] + men["TAR"]) / 2)
