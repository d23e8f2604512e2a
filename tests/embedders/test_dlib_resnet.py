"""Where dlib's network looks, and its weights out of dlib's file."""

import dlib
import numpy as np
import pytest

from dagan_tf.embedders.dlib_resnet import CHIP_SIZE, chip_matrix
from dagan_tf.embedders.dlib_weights import read_layers
from dagan_tf.errors import DaganError
from dagan_tf.faces.alignment import invert_similarity, warp_similarity
from dagan_tf.faces.face import FaceFinder


def dlib_integer(value):
    length = (value.bit_length() + 7) // 8
    return bytes([length]) + value.to_bytes(length, "little")


def layer(name, values, *, before=()):
    values = np.asarray(values, "<f4")
    numbers = [*before, 2, len(values), 1, 1, 1]
    return name + b"".join(map(dlib_integer, numbers)) + values.tobytes()


class TestWeights:
    def test_layers_come_in_order(self, tmp_path):
        # 300 values: a length of two bytes. One value's bytes spell a layer's name.
        name = np.frombuffer(b"con_", "<f4")
        file = tmp_path / "network.dat"
        file.write_bytes(
            b"\x01\x05"
            + layer(b"con_4", np.arange(300))
            + b"\x01\x07"
            + layer(b"affine_", [1.5, *name])
            + layer(b"fc_2", [0.25, -2], before=(128, 256))
        )
        found = list(read_layers(file))
        assert [kind for kind, _ in found] == ["con", "affine", "fc"]
        np.testing.assert_array_equal(found[0][1], np.arange(300))
        np.testing.assert_array_equal(found[1][1], [1.5, *name])
        np.testing.assert_array_equal(found[2][1], [0.25, -2])

    @pytest.mark.parametrize("cut", [1, 1100])
    def test_a_cut_file_is_refused(self, tmp_path, cut):
        file = tmp_path / "network.dat"
        file.write_bytes(layer(b"con_4", np.arange(300))[:-cut])
        with pytest.raises(DaganError, match=r"network.dat'.*cut short"):
            list(read_layers(file))


def test_the_chip_is_where_dlib_cuts_it(astronaut):
    face = FaceFinder().find_one(astronaut)
    # Rounded, as dlib takes whole pixels; turned, for the sign of the angle.
    turn = np.deg2rad(20) * np.array([[0, -1], [1, 0]]) + np.cos(np.deg2rad(20)) * np.eye(2)
    points = np.rint((face.landmarks - 256) @ turn.T + 256)
    shape = dlib.full_object_detection(
        dlib.rectangle(*map(int, (*points.min(axis=0), *points.max(axis=0)))),
        [dlib.point(*map(int, point)) for point in points],
    )
    expected = dlib.get_face_chip(astronaut, shape, size=150, padding=0.25)
    chip = warp_similarity(astronaut, invert_similarity(chip_matrix(points)), CHIP_SIZE)
    assert np.abs(chip.astype(int) - expected).mean() < 4
    aside = invert_similarity(chip_matrix(points + np.array([2, 0])))
    moved = warp_similarity(astronaut, aside, CHIP_SIZE)
    assert np.abs(moved.astype(int) - expected).mean() > 6
