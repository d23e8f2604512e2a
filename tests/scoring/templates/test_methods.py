from dataclasses import replace

import numpy as np
import pytest

from dagan_tf.errors import DaganError
from dagan_tf.protocols.ijba import read_ijba_verification
from dagan_tf.scoring.templates.methods import METHODS, TRAINED, score_pairs
from tests.helpers.toy_ijba import write_toy


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    root = tmp_path_factory.mktemp("ijba")
    write_toy(root)
    protocol = read_ijba_verification(root, splits=(2,))
    split = protocol.splits[0]
    rng = np.random.default_rng(0)
    features = 0.2 * rng.normal(size=(len(protocol.faces), 12))
    owner = split.templates.media_template[split.templates.media]
    subjects = np.concatenate([split.templates.subjects[owner], split.training_subjects])
    faces = np.concatenate([split.templates.face, split.training_faces])
    for person in np.unique(subjects):
        features[faces[subjects == person]] += rng.normal(size=12)
    return split, features.astype(np.float32), np.linspace(-90, 90, len(features))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_puts_the_genuine_pair_first(toy, method):
    split, features, yaw = toy
    pairs, done = split.pairs, []
    scores = score_pairs(
        method, features, split, pairs.first, pairs.second, yaw=yaw, advance=done.append
    )
    assert scores.dtype == np.float32
    assert scores[pairs.same].min() > scores[~pairs.same].max() + 0.2
    assert sum(done) == len(pairs)


def test_what_a_method_lacks_is_named(toy):
    split, features, yaw = toy
    pairs = split.pairs

    def score(method, split=split, yaw=yaw):
        return score_pairs(method, features, split, pairs.first, pairs.second, yaw=yaw)

    untrained = replace(split, training_faces=split.training_faces[:0])
    for method in TRAINED:
        with pytest.raises(DaganError, match=f"method '{method}' needs faces to train on"):
            score(method, untrained)
    with pytest.raises(DaganError, match="method 'pose' needs the yaw of every face"):
        score("pose", yaw=None)
    with pytest.raises(DaganError, match="got 'best', expected one of mean, softmax"):
        score("best")
