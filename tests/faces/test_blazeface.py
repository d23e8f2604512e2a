"""BlazeFace by OpenCV: the answers of TensorFlow's interpreter, and faces of any roll and size."""

import pickle
import warnings

import cv2
import numpy as np
import pytest
import tensorflow as tf

from dagan_tf.core.tflite import load_tflite
from dagan_tf.faces.blazeface import FAR, NEAR, BlazeFace
from dagan_tf.faces.keypoints import roll_of, yaw_of
from dagan_tf.faces.photo_io import read_photo
from dagan_tf.faces.weights import weight_path


@pytest.mark.parametrize("net", [NEAR, FAR])
def test_opencv_answers_as_tensorflow_s_interpreter(net, astronaut):
    values = cv2.resize(astronaut, (net.size, net.size)).astype(np.float32) / 127.5 - 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        oracle = tf.lite.Interpreter(str(weight_path(net.file)), num_threads=1)
    oracle.allocate_tensors()
    oracle.set_tensor(oracle.get_input_details()[0]["index"], values[None])
    oracle.invoke()
    wanted = {one["name"]: oracle.get_tensor(one["index"]) for one in oracle.get_output_details()}
    ours = load_tflite(weight_path(net.file))
    ours.setInput(np.ascontiguousarray(values.transpose(2, 0, 1)[None]))
    for name, found in zip(net.outputs, ours.forward(list(net.outputs)), strict=True):
        np.testing.assert_allclose(found.reshape(wanted[name].shape), wanted[name], atol=2e-3)


@pytest.fixture(scope="module")
def blaze() -> BlazeFace:
    return BlazeFace()


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_a_face_is_found_at_any_quarter_turn(blaze, astronaut, quarters):
    (upright,) = [one for one in blaze.find(astronaut) if one.score > 0.75]
    photo = np.ascontiguousarray(np.rot90(astronaut, quarters))
    (found,) = [one for one in blaze.find(photo) if one.score > 0.75]
    # np.rot90 turns anticlockwise, and roll counts clockwise.
    error = (roll_of(found.keypoints) - roll_of(upright.keypoints) + 90 * quarters + 180) % 360
    assert error == pytest.approx(180, abs=4)
    assert yaw_of(found.keypoints) == pytest.approx(yaw_of(upright.keypoints), abs=4)
    width = upright.box[2] - upright.box[0]
    points = upright.keypoints
    for _ in range(quarters):
        points = np.stack([points[:, 1], 511 - points[:, 0]], axis=1)
    assert np.abs(found.keypoints - points).max() < 0.08 * width


@pytest.mark.parametrize("degrees", [-140, -45, 30, 60, 120])
def test_a_face_is_found_at_any_angle(blaze, astronaut, degrees):
    matrix = cv2.getRotationMatrix2D((224, 120), -degrees, 1.0)  # OpenCV turns anticlockwise
    photo = cv2.warpAffine(astronaut, matrix, (448, 300), borderMode=cv2.BORDER_REPLICATE)
    best = blaze.find(photo)[0]
    assert (roll_of(best.keypoints) - degrees + 180) % 360 == pytest.approx(180, abs=10)


def test_a_small_face_in_a_large_photo_is_found(blaze, astronaut):
    photo = np.full((1000, 1000, 3), 150, np.uint8)
    small = cv2.resize(astronaut[20:260, 100:340], (150, 150), interpolation=cv2.INTER_AREA)
    photo[700:850, 300:450] = small
    (found,) = blaze.find(photo)
    (large,) = [one for one in blaze.find(astronaut) if one.score > 0.75]
    wanted = (large.keypoints - [100, 20]) * 150 / 240 + [300, 700]
    assert np.abs(found.keypoints - wanted).max() < 6


@pytest.mark.parametrize(("rows", "columns"), [(1, 2), (2, 2), (2, 1)])
def test_all_of_several_small_faces_are_found(blaze, astronaut, rows, columns):
    """One that the near network happens on must not hide the others from the far one."""
    photo = np.ascontiguousarray(np.tile(astronaut, (rows, columns, 1)))
    found = [one for one in blaze.find(photo) if one.score > 0.75]
    assert len(found) == rows * columns
    cells = {tuple((one.box[:2] // 512).astype(int)) for one in found}
    assert len(cells) == rows * columns


@pytest.mark.parametrize(
    ("view", "yaw"), [("front", 0), ("right_3quarter", 45), ("left_profile", -90)]
)
def test_real_photos_of_known_yaw(blaze, frll_dir, view, yaw):
    """At the front and at three quarters all within 15 degrees; of profiles four of five."""
    files = sorted((frll_dir / f"neutral_{view}").glob("*.jpg"))[:20]
    errors = []
    for file in files:
        found = blaze.find(read_photo(file))
        errors.append(abs(yaw_of(found[0].keypoints) - yaw))
    assert np.median(errors) < 6
    assert np.mean(np.array(errors) <= 15) >= (0.8 if abs(yaw) == 90 else 1.0)
    assert max(errors) < 35


def test_textures_are_no_faces(blaze):
    data = pytest.importorskip("skimage.data")
    for photo in (data.coffee(), data.rocket(), np.dstack([data.coins()] * 3)):
        assert blaze.find(photo) == []
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    assert blaze.find(noise) == []


def test_used_networks_are_not_pickled(blaze, astronaut):
    first = blaze.find(astronaut)
    data = pickle.dumps(blaze)
    assert len(data) < 2000
    np.testing.assert_array_equal(pickle.loads(data).find(astronaut)[0].box, first[0].box)
