"""The packaged refiner: read back as written, refused where it is not what its card says."""

import json

import numpy as np
import pytest

from dagan_tf.export.refiner import Refiner
from dagan_tf.gan.generator import build_generator
from dagan_tf.pretrained import card
from dagan_tf.pretrained.card import DEFAULT, PretrainedError, packaged_names, read_card
from dagan_tf.pretrained.weights import (
    load_discriminator,
    load_generator,
    misfits,
    named_weights,
    read_weights,
    set_fitting,
    write_weights,
)
from tests.helpers.tiny_pretrained import GENERATOR, IMAGE_SIZE, package_tiny


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    return package_tiny(tmp_path, monkeypatch)


def test_weights_come_back_to_half_precision(tiny):
    generator, discriminator = tiny
    for made, read in ((generator, load_generator()), (discriminator, load_discriminator())):
        for before, after in zip(made.get_weights(), read.get_weights(), strict=True):
            np.testing.assert_array_equal(before.astype(np.float16).astype(np.float32), after)


def test_the_refiner_answers_as_its_network(tiny):
    images = np.random.default_rng(0).integers(0, 256, (2, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
    refiner = Refiner.pretrained()
    wanted = load_generator()(images.astype(np.float32) / 127.5 - 1.0).numpy()
    wanted = np.rint(np.clip(wanted * 127.5 + 127.5, 0, 255))
    assert np.abs(refiner(images).astype(int) - wanted).max() <= 1
    assert refiner.image_size == IMAGE_SIZE
    assert read_card().digest in refiner.label
    np.testing.assert_array_equal(Refiner.load("pretrained")(images), refiner(images))


def test_images_of_another_size_are_refined_at_its_own(tiny):
    seen = []
    refiner = Refiner(
        lambda images: seen.append(tuple(images.shape)) or images,
        source="",
        label="",
        image_size=IMAGE_SIZE,
    )
    large = np.full((1, 4 * IMAGE_SIZE, 2 * IMAGE_SIZE, 3), 90, np.uint8)
    np.testing.assert_array_equal(refiner(large), large)
    assert seen == [(1, IMAGE_SIZE, IMAGE_SIZE // 2, 3)]


def test_a_damaged_file_is_refused(tiny, tmp_path):
    (tmp_path / f"{DEFAULT}.npz").write_bytes(b"no weights")
    with pytest.raises(PretrainedError, match=r"damaged .SHA-256 .*install dagan-tf anew"):
        load_generator()


def test_a_missing_file_is_refused(tiny, tmp_path):
    (tmp_path / f"{DEFAULT}.npz").unlink()
    with pytest.raises(PretrainedError, match="cannot be read"):
        Refiner.pretrained()


def test_an_unknown_name_is_refused(tiny):
    with pytest.raises(PretrainedError, match=f"got 'face-1', expected one of {DEFAULT}"):
        read_card("face-1")


def test_a_damaged_card_is_refused(tiny, tmp_path):
    (tmp_path / f"{DEFAULT}.json").write_text("{")
    with pytest.raises(PretrainedError, match="card cannot be read"):
        read_card()


def test_without_discriminator(tmp_path, monkeypatch):
    package_tiny(tmp_path, monkeypatch, discriminator=False)
    assert load_discriminator() is None


def test_no_pickle_is_read(tmp_path):
    path = tmp_path / "w.npz"
    np.savez(path, a=np.array([{}], dtype=object))
    with pytest.raises(PretrainedError, match="no weights can be read"):
        read_weights(path.read_bytes(), "w.npz")


def test_what_float16_cannot_hold_is_refused(tmp_path):
    generator = build_generator(GENERATOR)
    layer = generator.get_layer("stem")
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel, bias + 1e5])
    with pytest.raises(PretrainedError, match="stem/1: has values that float16 cannot hold"):
        write_weights(generator, tmp_path / "w.npz")


def test_misfits_are_named():
    generator = build_generator(GENERATOR)
    weights = named_weights(generator)
    assert misfits(generator, weights) == []
    del weights["stem/0"]
    weights["stem/1"] = np.zeros(5, np.float32)
    weights["tail/0"] = np.zeros(1, np.float32)
    assert misfits(generator, weights) == [
        "stem/1: has shape 5, expected 4",
        "stem/0: is not there",
        "tail/0: is not in this network",
    ]
    before = generator.get_layer("stem").get_weights()
    weights["to_rgb/1"] = np.full_like(weights["to_rgb/1"], 7.0)
    set_fitting(generator, weights)
    for old, new in zip(before, generator.get_layer("stem").get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert (generator.get_layer("to_rgb").get_weights()[1] == 7.0).all()


def test_the_box_is_whole_and_small():
    """What ships: each file is as its card says, all together at most 8 MB."""
    for name in packaged_names():
        facts = read_card(name)
        sizes = [len(facts.read_file(file)) for file in facts.facts["sha256"]]
        assert sum(sizes) <= 8_000_000
        assert facts.licence
        assert facts.training_data
        assert facts.markdown().startswith(f"# {name}")
    assert DEFAULT in packaged_names()


def test_the_box_refines_images_of_any_size(astronaut):
    """As every program calls it: through the signature's graph, sides not known before."""
    refiner = Refiner.pretrained()
    face = astronaut[20:244, 110:334]
    refined = refiner(face)
    assert refined.shape == face.shape
    # A face stays that face, and one in everyday light nearly as it was; but it is not copied.
    assert 0.01 < np.abs(refined.astype(float) - face).mean() < 5
    assert refiner(astronaut[:100, :180]).shape == (100, 180, 3)


def test_cards_are_data(tiny, tmp_path):
    facts = json.loads((tmp_path / f"{DEFAULT}.json").read_text())
    assert card.read_card().facts == facts
    assert read_card().training_data == "toys (CC0): nobody"
