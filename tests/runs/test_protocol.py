"""A model's features are kept, and never taken over from another network, folder or image."""

import os
import shutil

import numpy as np
import pytest

from dagan_tf.protocols.features import FaceFeatures
from dagan_tf.runs import protocol as runs_protocol
from dagan_tf.runs.protocol import Evaluation, run_protocol
from tests.helpers.toy_cfp import write_cfp


@pytest.fixture
def evaluate(tmp_path, monkeypatch):
    """Evaluates a model on a folder; returns how often faces were embedded so far."""
    calls = []

    def embed(protocol, network, *, parts, **_):
        assert not parts.exists()
        parts.mkdir()
        calls.append(network)
        features = np.random.default_rng(len(calls)).normal(size=(len(protocol.faces), 4))
        return FaceFeatures(features, np.ones(len(features), bool), None)

    monkeypatch.setattr(runs_protocol, "extract", embed)
    monkeypatch.setattr(runs_protocol, "_network", lambda model: model)

    def run(model, data):
        run_protocol(Evaluation("cfp", str(data), model=str(model)), tmp_path / "out", report=False)
        return len(calls)

    return run


def test_features_belong_to_network_folder_and_images(evaluate, tmp_path):
    data, network = tmp_path / "cfp", tmp_path / "net.tflite"
    write_cfp(data)
    network.write_bytes(b"one")
    assert evaluate(network, data) == 1
    assert evaluate(network, data) == 1
    network.write_bytes(b"another")
    assert evaluate(network, data) == 2
    shutil.copytree(data, tmp_path / "other")
    assert evaluate(network, tmp_path / "other") == 3
    image = data / "Data/Images/001/frontal/01.png"
    os.utime(image, ns=(1, 1))
    assert evaluate(network, data) == 4
    network.write_bytes(b"one")
    assert evaluate(network, tmp_path / "other") == 5
    network.write_bytes(b"another")
    assert evaluate(network, data) == evaluate(network, tmp_path / "other") == 5
