"""Kept rows: in parts, by several processes, gone on with, and refused beyond float16."""

from dataclasses import replace
from typing import ClassVar

import keras
import numpy as np
import pytest

from dagan_tf.config.reading import ConfigError
from dagan_tf.recognition import features
from dagan_tf.recognition.config import CropConfig, NetworkConfig, RecogniserConfig
from dagan_tf.recognition.crops import CROPS_NAME, LANDMARKS_NAME, Crops, ImageRow, Store
from dagan_tf.recognition.features import frozen_features, frozen_layers

ROWS = 7


@pytest.fixture
def crops(tmp_path, monkeypatch):
    """Two stores of seven crops, in parts of three."""
    monkeypatch.setattr(features, "_PART", 3)
    stores = []
    for kind in ("real", "simulated"):
        folder = tmp_path / kind
        folder.mkdir()
        rng = np.random.default_rng(len(kind))
        images = rng.integers(0, 255, (ROWS, 16, 16, 3)).astype(np.uint8)
        points = np.zeros((ROWS, 68, 2), np.float32)
        np.save(folder / CROPS_NAME, images)
        np.save(folder / LANDMARKS_NAME, points)
        rows = [ImageRow(str(row), "p", 0.0, kind) for row in range(ROWS)]
        stores.append(Store(folder, kind, images, points, rows))
    return Crops(stores)


class MeanColour:
    """Embeds a crop by its mean colour; the `fails`th one raises."""

    seen: ClassVar[list[float]] = []
    fails = 0

    def embed(self, photo, landmarks):
        type(self).seen.append(float(photo.mean()))
        if len(self.seen) == self.fails:
            raise KeyboardInterrupt
        return photo.mean(axis=(0, 1))


def test_a_killed_run_goes_on_with_its_parts(crops, monkeypatch):
    monkeypatch.setattr(features, "FaceEmbedder", MeanColour)
    monkeypatch.setattr(MeanColour, "seen", [])
    monkeypatch.setattr(MeanColour, "fails", 5)
    settings = CropConfig(features="dlib")
    with pytest.raises(KeyboardInterrupt):
        frozen_features(crops, settings, progress=False)
    found = frozen_features(crops, settings, progress=False)
    # The first three are kept; the fourth and fifth are seen again.
    assert len(MeanColour.seen) == 5 + 2 * ROWS - 3
    means = crops.images[:].mean(axis=(1, 2))
    wanted = means / np.linalg.norm(means, axis=1, keepdims=True)
    np.testing.assert_allclose(found[:], wanted, rtol=1e-5)
    order = [13, 0, 6, 7, 2]
    np.testing.assert_array_equal(found[order], found[:][order])


@pytest.mark.slow
def test_several_processes_give_what_one_does(crops, tmp_path):
    points = np.tile(np.linspace(1, 14, 68, dtype=np.float32)[:, None], (1, 2))
    points[:, 1] = points[::-1, 1] ** 2 / 14
    for store in crops.stores:
        np.save(store.folder / LANDMARKS_NAME, np.tile(points, (ROWS, 1, 1)))
    settings = CropConfig(features="dlib")
    one = frozen_features(crops, settings, progress=False)[:]
    other = Crops([replace(store, mark="anew") for store in crops.stores])
    np.testing.assert_array_equal(
        frozen_features(other, settings, workers=2, progress=False)[:], one
    )


def network(tmp_path, scale):
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(4, 3, 2, kernel_initializer=keras.initializers.Constant(scale))(inputs)
    file = tmp_path / f"{scale}.keras"
    keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(x))).save(file)
    settings = NetworkConfig(backbone=str(file), frozen=0.5, dimensions=0)
    return RecogniserConfig(crops=CropConfig(image_size=16, shift=0), network=settings)


def test_layers_of_crops_and_their_mirror_images(crops, tmp_path):
    found = frozen_layers(crops, network(tmp_path, 0.5).network, progress=False)
    assert (found.shape, found.dtype) == ((2 * ROWS, 2, 7 * 7 * 4), np.float16)
    images = crops.images[:] / 127.5 - 1
    for side, views in enumerate((images, images[:, :, ::-1])):
        corner = 0.5 * views[:, :3, :3].sum(axis=(1, 2, 3))
        np.testing.assert_allclose(found[:][:, side, 0], corner, rtol=2e-3, atol=2e-3)


def test_what_float16_cannot_hold_is_refused(crops, tmp_path):
    with pytest.raises(ConfigError, match=r"network\.frozen = 0\.5: .* beyond float16's"):
        frozen_layers(crops, network(tmp_path, 1e6).network, progress=False)
