"""Readers of other head models, on small files of the same structure made of the packaged head."""

import os
import pickle
import struct

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from dagan_tf.errors import DaganError
from dagan_tf.simulator.head.formats.parameters import read_parameters
from dagan_tf.simulator.head.formats.pickles import read_pickle
from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.render.camera import Pose

HEAD = MorphableModel.load()
USED = int(HEAD.triangles.max()) + 1
MEAN = HEAD.mean[:USED].astype(np.float64)
STEPS = HEAD.identity_modes[:2, :USED].astype(np.float64)
FLAT = STEPS.reshape(2, -1).T  # (3V, K)
MARKS = [int(((MEAN - p) ** 2).sum(1).argmin()) for p in HEAD.mean[HEAD.landmark_vertices]]
EYES = np.linalg.norm(MEAN[MARKS[45]] - MEAN[MARKS[36]])


def check(path, expressions=0):
    """The loaded model is the packaged head again, but for its scale."""
    model = MorphableModel.load(path)
    scale = 0.9 / EYES
    np.testing.assert_allclose(model.mean[:USED], MEAN * scale, atol=1e-4)
    np.testing.assert_allclose(model.identity_modes[:, :USED], STEPS * scale, atol=1e-4)
    np.testing.assert_array_equal(model.triangles[: len(HEAD.triangles)], HEAD.triangles)
    assert model.landmark_vertices.tolist() == MARKS
    assert len(model.expression_modes) == expressions
    return model


def landmarks_beside(folder):
    (folder / "landmarks68.txt").write_text("\n".join(map(str, MARKS)))


def bfm_mat(path, **changes):
    content = {
        "shapeMU": 1e5 * MEAN.reshape(-1, 1),
        "shapePC": 1e5 * FLAT / [2.0, 4.0],
        "shapeEV": np.array([[2.0], [4.0]]),
        "tl": HEAD.triangles[:, ::-1] + 1.0,  # the other winding
    }
    savemat(path, content | changes)
    return path


def test_bfm_2009(tmp_path):
    path = bfm_mat(tmp_path / "model.mat")
    with pytest.raises(DaganError, match=r"landmarks68\.txt beside it"):
        MorphableModel.load(path)
    landmarks_beside(tmp_path)
    check(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shapeEV": np.array([-1.0, 1])}, "'shapeEV' has a negative value -1"),
        ({"shapeMU": np.full((USED * 3, 1), np.nan)}, "'shapeMU' has values that are not finite"),
        ({"tl": np.full((4, 3), USED + 1.0)}, "'tl' has indices"),
        ({"shapePC": np.zeros((5, 2))}, "'shapePC' of shape"),
    ],
)
def test_malformed_fields_are_named(tmp_path, changes, message):
    landmarks_beside(tmp_path)
    with pytest.raises(DaganError, match=message) as error:
        MorphableModel.load(bfm_mat(tmp_path / "model.mat", **changes))
    assert "\n" not in str(error.value)


def test_bfm_2017(tmp_path):
    turned = MEAN[:, [2, 0, 1]] * [1, -1, 1]  # other axes
    flat = (STEPS[:, :, [2, 0, 1]] * [1, -1, 1]).reshape(2, -1).T
    with h5py.File(tmp_path / "model.h5", "w") as file:
        for part, mean in (("shape", turned), ("expression", 0 * turned)):
            file[f"{part}/model/mean"] = mean.reshape(-1)
            file[f"{part}/model/pcaBasis"] = flat / [2.0, 3.0]
            file[f"{part}/model/pcaVariance"] = [4.0, 9.0]
        file["shape/representer/cells"] = HEAD.triangles.T
    landmarks_beside(tmp_path)
    model = check(tmp_path / "model.h5", expressions=4)
    np.testing.assert_allclose(model.expression_modes[1], -2 * model.identity_modes[0], atol=1e-5)


def eos_matrix(array):
    return struct.pack("<ii", *array.shape) + array.astype("<f4").tobytes(order="F")


def test_eos(tmp_path):
    content = struct.pack("<I", 1) + eos_matrix(MEAN.reshape(-1, 1))
    content += eos_matrix(FLAT / [2.0, 3.0]) + eos_matrix(np.array([[4.0], [9.0]]))
    content += struct.pack("<Q", len(HEAD.triangles)) + HEAD.triangles.astype("<i4").tobytes()
    (tmp_path / "model.bin").write_bytes(content)
    landmarks_beside(tmp_path)
    check(tmp_path / "model.bin")
    (tmp_path / "model.bin").write_bytes(content[:-1])
    with pytest.raises(DaganError, match=r"'triangle_list'.*truncated"):
        MorphableModel.load(tmp_path / "model.bin")


def test_flame(tmp_path):
    content = {"v_template": MEAN, "shapedirs": STEPS.transpose(1, 2, 0), "f": HEAD.triangles}
    (tmp_path / "flame.pkl").write_bytes(pickle.dumps(content, protocol=2))
    landmarks_beside(tmp_path)
    check(tmp_path / "flame.pkl")


def test_threeddfa(tmp_path):
    keypoints = (3 * np.array(MARKS)[:, None] + np.arange(3)).reshape(-1)
    content = {"u": MEAN.reshape(-1, 1), "w_shp": FLAT / 5, "w_exp": FLAT, "keypoints": keypoints}
    (tmp_path / "bfm.pkl").write_bytes(pickle.dumps(content))
    (tmp_path / "tri.pkl").write_bytes(pickle.dumps(HEAD.triangles.T))
    spread = {"std": np.concatenate([np.ones(12), [5.0, 5, 1, 1]])}
    (tmp_path / "param_mean_std_62d_120x120.pkl").write_bytes(pickle.dumps(spread))
    check(tmp_path / "bfm.pkl", expressions=4)


class _Malicious:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def test_no_pickle_is_run(tmp_path):
    mark = tmp_path / "ran"
    for function, argument, name in (
        (os.system, f"touch {mark}", r"system"),
        (eval, f"open({str(mark)!r}, 'w')", r"builtins\.eval"),
        (np.fromfile, str(mark), "fromfile"),
    ):
        path = tmp_path / "model.pkl"
        path.write_bytes(pickle.dumps({"v_template": _Malicious(function, argument)}))
        with pytest.raises(DaganError, match=f"asks for .*{name}"):
            MorphableModel.load(path)
        assert not mark.exists()
    path.write_bytes(b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.")
    with pytest.raises(DaganError, match=r"asks for numpy\.ndarray\.tofile"):
        read_pickle(path)


def test_parameters(tmp_path):
    content = {
        "Pose_Para": np.array([[0.0, np.radians(30), 0, 0, 0, 0, 1]]),
        "Shape_Para": np.zeros((199, 1)),
        "Exp_Para": np.zeros((29, 1)),
        "pt2d": np.ones((2, 68)),
    }
    savemat(tmp_path / "a.mat", content)
    found = read_parameters(tmp_path / "a.mat")
    assert isinstance(found.pose, Pose)
    assert found.pose.yaw == pytest.approx(-30)  # theirs > 0 turns the nose to the image's left
    np.testing.assert_array_equal(found.landmarks, np.zeros((68, 2)))


def test_unknown_kinds(tmp_path):
    (tmp_path / "a.xyz").write_text("")
    for path in (tmp_path / "a.xyz", tmp_path):
        with pytest.raises(DaganError, match=r"supported: .npz"):
            MorphableModel.load(path)
