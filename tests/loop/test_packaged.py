"""The packaged networks: as written, refused where a file is not what the card says."""

import numpy as np
import pytest

from dagan_tf.export.refiner import Refiner
from dagan_tf.loop.packaged import load_discriminator, load_generator
from dagan_tf.pretrained.card import DEFAULT, PretrainedError
from tests.helpers.tiny_pretrained import package_tiny


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    return package_tiny(tmp_path, monkeypatch)


def test_weights_come_back_to_half_precision(tiny):
    generator, discriminator = tiny
    for made, read in ((generator, load_generator()), (discriminator, load_discriminator())):
        for before, after in zip(made.get_weights(), read.get_weights(), strict=True):
            np.testing.assert_array_equal(before.astype(np.float16).astype(np.float32), after)


def test_a_damaged_file_is_refused(tiny, tmp_path):
    (tmp_path / f"{DEFAULT}.npz").write_bytes(b"no weights")
    with pytest.raises(PretrainedError, match=r"damaged .SHA-256 .*install dagan-tf anew"):
        load_generator()


def test_a_missing_file_is_refused(tiny, tmp_path):
    (tmp_path / f"{DEFAULT}.npz").unlink()
    with pytest.raises(PretrainedError, match="cannot be read"):
        Refiner.pretrained()


def test_without_discriminator(tmp_path, monkeypatch):
    package_tiny(tmp_path, monkeypatch, discriminator=False)
    assert load_discriminator() is None
