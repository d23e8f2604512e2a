"""The digits experiment: the classifier's fairness, the table, a whole run in small."""

import numpy as np
import pytest

from dagan_tf.config.settings import load_config
from dagan_tf.data.digits import handwritten_digits
from dagan_tf.runs import digits
from dagan_tf.training.run import TrainingResult


@pytest.mark.slow
def test_the_classifier_reads_handwriting_and_knows_nothing_of_shuffled_labels(monkeypatch):
    monkeypatch.setattr(digits, "_CLASSIFIER_STEPS", 300)
    known, unseen = handwritten_digits(16)
    assert digits.classifier_accuracy(*known, *unseen, seed=0) > 0.8
    shuffled = np.random.default_rng(0).permutation(known[1])
    assert digits.classifier_accuracy(known[0], shuffled, *unseen, seed=0) < 0.3


def test_table_by_hand():
    training = TrainingResult(1, "finished")
    results = [
        digits.DigitsResult(0, 0.5, 0.7, 0.9, training),
        digits.DigitsResult(1, 0.7, 0.8, 1.0, training),
    ]
    lines = [line.split() for line in digits.digits_lines(results)]
    assert lines[1:] == [
        ["0", "0.500", "0.700", "0.900", "50%"],
        ["1", "0.700", "0.800", "1.000", "33%"],
        ["mean", "0.600", "0.750", "0.950", "43%"],
    ]


@pytest.mark.slow
def test_a_run_in_small(tmp_path, monkeypatch):
    monkeypatch.setattr(digits, "PRINTED", 64)
    monkeypatch.setattr(digits, "_CLASSIFIER_STEPS", 20)
    config = load_config(
        "digits",
        ["training.steps=3", "training.batch_size=8", "generator.filters=4", "generator.blocks=1",
         "discriminator.filters=4", "seed=2"],
    )  # fmt: skip
    result = digits.run_digits(config, tmp_path, verbose=False)
    assert (result.seed, result.training.step) == (2, 3)
    assert all(0 <= score <= 1 for score in (result.raw, result.refined, result.real))
    assert digits.run_digits(config, tmp_path, verbose=False) == result
