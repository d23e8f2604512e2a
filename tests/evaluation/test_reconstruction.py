"""Reconstructions come from the weights of the training's newest checkpoint."""

import json

import numpy as np
import pytest
import tensorflow as tf

from dagan_tf.config.settings import load_config
from dagan_tf.evaluation.reconstruction import reconstruct
from dagan_tf.gan.discriminator import build_discriminator
from dagan_tf.loop.checkpoints import CONFIG_NAME, FOLDER_NAME, CheckpointError


def _training(folder, filters: int = 4) -> tf.keras.Model:
    config = load_config(
        "small-64",
        ["data.image_size=16", f"discriminator.filters={filters}", "discriminator.downsample=1"],
    )
    discriminator = build_discriminator(config.discriminator, 16, 2)
    # Fresh weights give all but grey pictures; these differ visibly.
    discriminator.set_weights([weight * 2 for weight in discriminator.get_weights()])
    config.save(folder / CONFIG_NAME)
    (folder / "identities.json").write_text(json.dumps(["a", "b"]))
    checkpoint = tf.train.Checkpoint(discriminator=discriminator)
    tf.train.CheckpointManager(checkpoint, str(folder / FOLDER_NAME), 2).save(7)
    return discriminator


def test_it_is_the_trained_auto_encoder(tmp_path) -> None:
    discriminator = _training(tmp_path)
    images = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    expected, _ = discriminator(images.astype(np.float32) / 127.5 - 1)
    expected = (np.clip(expected, -1, 1) + 1) * 127.5
    result = reconstruct(tmp_path, images)
    assert result.dtype == np.uint8
    assert result.std() > 1
    np.testing.assert_allclose(result, expected, atol=0.51)


def test_a_discriminator_without_auto_encoder_has_none(tmp_path) -> None:
    _training(tmp_path)
    load_config(tmp_path / CONFIG_NAME, ["loss.adversarial=patch"]).save(tmp_path / CONFIG_NAME)
    assert reconstruct(tmp_path, np.zeros((1, 16, 16, 3), np.uint8)) is None


def test_bad_folders_and_sizes_are_named(tmp_path) -> None:
    images = np.zeros((1, 16, 16, 3), np.uint8)
    with pytest.raises(CheckpointError, match="no checkpoint yet"):
        reconstruct(tmp_path, images)
    _training(tmp_path)
    with pytest.raises(ValueError, match=r"expected \(N, 16, 16, 3\)"):
        reconstruct(tmp_path, np.zeros((1, 32, 32, 3), np.uint8))
