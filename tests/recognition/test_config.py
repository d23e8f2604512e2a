"""Presets and settings of recognisers."""

import pytest

from dagan_tf.config.reading import ConfigError
from dagan_tf.recognition.config import load_recogniser_config


@pytest.mark.parametrize(
    "preset", ["face-64", "face-112", "dlib-discriminant", "dlib-softmax", "mobilefacenet"]
)
def test_presets_load(preset):
    assert load_recogniser_config(preset).name == preset


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["crops.features=dlib"], "go together"),
        (["head.form=discriminant"], "expected frozen features"),
        (["head.form=triplet", "training.images_per_person=1"], "2 images of a person"),
        (["training.batch_size=3"], "multiple of training.images_per_person = 2"),
        (["crops.features=tflite", "network.backbone=linear"], "crops.tflite"),
        (["network.frozen=0.5"], "trained before"),
        (
            ["network.backbone=a.tflite", "network.frozen=0.5", "crops.shift=1"],
            "crops.shift = 1: expected",
        ),
        (["network.dimensions=0"], "or a .keras or .tflite file"),
        (["network.weights=imagenet"], "expected a class of keras.applications"),
        (["training.metric_after=5", "training.images_per_person=1"], "2 images of a person"),
        (["head.forn=softmax"], "did you mean 'head.form'"),
    ],
)
def test_settings_that_do_not_fit_are_named(overrides, message):
    with pytest.raises(ConfigError, match=message):
        load_recogniser_config("face-64", overrides)
