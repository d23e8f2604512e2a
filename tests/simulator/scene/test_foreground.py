"""The packaged network finds the person; OpenCV runs it as TensorFlow's interpreter does."""

import hashlib
import threading
import warnings
from importlib import resources

import cv2
import numpy as np
import pytest
import tensorflow as tf

from dagan_tf.simulator.scene import foreground
from dagan_tf.simulator.scene.foreground import NETWORK, SIDE, person_mask
from tests.simulator.scene.test_outline import disc

ASSETS = resources.files("dagan_tf.simulator.scene") / "assets"


@pytest.fixture(scope="module")
def portrait(astronaut) -> np.ndarray:
    """Her head in the middle, as on a canvas."""
    return cv2.resize(astronaut[:400, 30:430], (SIDE, SIDE), interpolation=cv2.INTER_AREA)


FACE = disc(SIDE, (124, 75), 34)


def test_the_file_is_the_one_described():
    digest = hashlib.sha256((ASSETS / NETWORK).read_bytes()).hexdigest()
    assert digest in (ASSETS / "PERSON.md").read_text(encoding="utf-8")


def test_opencv_answers_as_tensorflow_s_interpreter(portrait):
    values = portrait.astype(np.float32) / 255.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        oracle = tf.lite.Interpreter(model_content=(ASSETS / NETWORK).read_bytes(), num_threads=1)
    oracle.allocate_tensors()
    oracle.set_tensor(oracle.get_input_details()[0]["index"], values[None])
    oracle.invoke()
    wanted = oracle.get_tensor(oracle.get_output_details()[0]["index"])[0, ..., 0]
    network = foreground._network()
    network.setInput(np.ascontiguousarray(values.transpose(2, 0, 1)[None]))
    np.testing.assert_allclose(network.forward()[0, 0], wanted, atol=2e-3)


@pytest.mark.parametrize("side", [128, SIDE])
def test_hair_and_suit_are_the_person_and_the_flag_is_not(portrait, side):
    found = person_mask(
        cv2.resize(portrait, (side, side), interpolation=cv2.INTER_AREA),
        cv2.resize(FACE.astype(np.uint8), (side, side)) > 0,
    )
    step = side / SIDE
    hair, suit, flag, model = (
        found[round(y * step), round(x * step)]
        for x, y in ((92, 62), (120, 220), (20, 60), (240, 150))
    )
    assert (hair, suit, flag, model) == (True, True, False, False)


def test_the_person_is_one_piece_and_all_of_the_head(portrait, monkeypatch):
    answer = np.zeros((1, 1, SIDE, SIDE), np.float32)
    answer[0, 0][FACE] = 1.0
    answer[0, 0, 73:78, 122:127] = 0.0  # a gleam on a spectacle
    answer[0, 0, 200:240, 200:240] = 1.0  # someone else
    monkeypatch.setattr(foreground, "_network", lambda: _Fixed(answer))
    np.testing.assert_array_equal(person_mask(portrait, FACE), FACE)
    # A face of which little was found is someone whom the network does not see.
    answer[0, 0, :75] = 0.0
    assert person_mask(portrait, FACE) is None
    assert person_mask(portrait, np.zeros_like(FACE)) is None


def test_threads_ask_at_the_same_time(portrait):
    wanted = person_mask(portrait, FACE)
    found = []

    def ask():
        found.extend(person_mask(portrait, FACE) for _ in range(3))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 12
    assert all((one == wanted).all() for one in found)


class _Fixed:
    """A network that always answers alike."""

    def __init__(self, answer: np.ndarray):
        self.answer = answer

    def setInput(self, _photo: np.ndarray) -> None:
        pass

    def forward(self) -> np.ndarray:
        return self.answer
