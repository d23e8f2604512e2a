import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from dagan_tf.errors import DaganError
from dagan_tf.metrics.roc import auc
from dagan_tf.recognition.linear_head import train_linear_head


def people_who_turn(people, views, seed, noise=0.1):
    """Features = person + a large common shift by yaw + noise."""
    rng = np.random.default_rng(seed)
    turn = np.random.default_rng(99).normal(size=(1, 1, 16))
    yaw = rng.uniform(-1, 1, (people, views, 1))
    who = rng.normal(size=(people, 1, 16))
    features = who + 6 * yaw * turn + noise * rng.normal(size=(people, views, 16))
    return features.reshape(-1, 16), np.repeat(np.arange(people).astype(str), views)


def pair_auc(features, people):
    rows = features / np.linalg.norm(features, axis=1, keepdims=True)
    first, second = np.triu_indices(len(rows), 1)
    return auc((rows[first] * rows[second]).sum(1), people[first] == people[second])


def test_what_people_have_in_common_is_overlooked_on_people_never_seen():
    train, test = people_who_turn(40, 6, 0), people_who_turn(30, 4, 1)
    head = train_linear_head(*train, shrinkage=0.01, dimensions=12)
    assert pair_auc(*test) < 0.75
    assert pair_auc(head(test[0]), test[1]) > 0.97
    np.testing.assert_allclose(np.linalg.norm(head(test[0]), axis=1), 1.0, rtol=1e-5)


def test_the_directions_are_those_of_scikit_learn_s_discriminant_analysis():
    features, people = people_who_turn(12, 8, 2)
    head = train_linear_head(features, people, shrinkage=1e-9, dimensions=4)
    oracle = LinearDiscriminantAnalysis(solver="svd", n_components=4).fit(features, people)
    ours, theirs = head.projection, oracle.scalings_[:, :4]
    # Same subspace: all principal angles are 0.
    q1, q2 = np.linalg.qr(ours)[0], np.linalg.qr(theirs)[0]
    np.testing.assert_allclose(np.linalg.svd(q1.T @ q2, compute_uv=False), 1.0, atol=1e-5)


def test_full_shrinkage_leaves_the_metric_as_it_is():
    features, people = people_who_turn(20, 3, 3)
    head = train_linear_head(features, people, shrinkage=1.0, dimensions=16)
    projected = (features - head.mean) @ head.projection
    before = np.linalg.norm(features[:, None] - features[None], axis=2)
    after = np.linalg.norm(projected[:, None] - projected[None], axis=2)
    ratio = after[before > 0] / before[before > 0]
    assert np.ptp(ratio) < 1e-9 * ratio.mean()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shrinkage": 0.0}, "shrinkage: got 0"),
        ({"dimensions": 17}, "dimensions: got 17, expected 1 to 16"),
        ({"people": np.array(["a"] * 12)}, "1 people"),
        ({"people": np.arange(12).astype(str)}, "at most 1 features"),
        ({"people": np.array(["a", "b"])}, r"expected \(12,\)"),
        ({"features": np.full((12, 16), np.nan)}, "row 0 hold values"),
    ],
)
def test_bad_input_is_named(change, message):
    features, people = people_who_turn(4, 3, 4)
    arguments = {"features": features, "people": people, "dimensions": 4} | change
    with pytest.raises(DaganError, match=message):
        train_linear_head(**arguments)
