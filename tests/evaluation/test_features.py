"""Feature spaces: shape, what they see, what they do not."""

import cv2
import numpy as np
import pytest

from dagan_tf.evaluation.conv_classifier import train_conv
from dagan_tf.evaluation.features import FEATURES, appearance_features, keep_face, pixel_features


def _texture(seed: int, count: int = 6, size: int = 64) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(40, 215, size=(count, size // 8, size // 8, 3))
    images = [cv2.resize(one, (size, size), interpolation=cv2.INTER_CUBIC) for one in coarse]
    return np.clip(np.stack(images), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("name", "length"), [("appearance", 2340), ("pixels", 768)])
def test_length_does_not_depend_on_the_size(name: str, length: int) -> None:
    for size in (32, 64):
        features = FEATURES[name](_texture(0, 3, size))
        assert features.shape == (3, length)
        assert np.isfinite(features).all()


def test_each_image_is_described_by_itself() -> None:
    images = _texture(1)
    for features in FEATURES.values():
        np.testing.assert_array_equal(features(images)[2:3], features(images[2:3]))


def test_pixels_are_mean_colours() -> None:
    image = np.zeros((1, 64, 64, 3), np.uint8)
    image[0, :4, :4] = (51, 102, 255)
    np.testing.assert_allclose(pixel_features(image)[0, :3], [0.2, 0.4, 1.0])
    assert pixel_features(image)[0, 3:].max() == 0


def test_appearance_sees_the_direction_of_edges() -> None:
    ramp = np.zeros((2, 64, 64, 3), np.uint8)
    ramp[0] = np.arange(64)[None, :, None] * 3
    ramp[1] = np.arange(64)[:, None, None] * 3
    hog = appearance_features(ramp)[:, : 49 * 36].reshape(2, 49, 4, 9).mean(axis=(1, 2))
    # Gradients along x vote for bin 0; along y for 4.5, halved between bins 4 and 5.
    assert hog[0].argmax() == 0
    assert set(np.argsort(hog[1])[-2:]) == {4, 5}


def test_appearance_sees_blur() -> None:
    images = _texture(2)
    noisy = np.clip(images + np.random.default_rng(3).normal(0, 8, images.shape), 0, 255)
    bands = [appearance_features(x.astype(np.uint8))[:, -192:-128].mean() for x in (images, noisy)]
    assert bands[1] > bands[0] + 1.0


def test_keep_face_greys_the_corners_only() -> None:
    images = _texture(4)
    kept = keep_face(images)
    np.testing.assert_array_equal(kept[:, 24:40, 24:40], images[:, 24:40, 24:40])
    assert (kept[:, :4, :4] == 128).all()


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 64, 64, 3), np.float32),
        np.zeros((64, 64, 3), np.uint8),
        np.zeros((2, 64, 48, 3), np.uint8),
        np.zeros((2, 60, 60, 3), np.uint8),
        np.zeros((0, 64, 64, 3), np.uint8),
    ],
)
def test_bad_images_are_refused(images: np.ndarray) -> None:
    for features in FEATURES.values():
        with pytest.raises(ValueError, match="expected"):
            features(images)


@pytest.mark.slow
def test_conv_classifier_learns_noise_from_smoothness() -> None:
    rng = np.random.default_rng(5)

    def noisy(images: np.ndarray) -> np.ndarray:
        return np.clip(images + rng.normal(0, 20, images.shape), 0, 255).astype(np.uint8)

    smooth = _texture(6, 48, 32)
    logits = train_conv(noisy(smooth), smooth, seed=0, epochs=20, batch_size=16)
    held = _texture(7, 24, 32)
    assert (logits(noisy(held)) > 0).mean() > 0.9
    assert (logits(held) > 0).mean() < 0.1
