"""Whatever a head model's file holds, reading it ends in a model or in one line of DaganError."""

import json
import pickle
import struct

import h5py
import numpy as np
import pytest

from dagan_tf.errors import DaganError
from dagan_tf.simulator.head.morphable_model import MorphableModel
from tests.simulator.head.formats.test_formats import (
    FLAT,
    HEAD,
    MARKS,
    MEAN,
    STEPS,
    USED,
    bfm_mat,
    check,
    eos_matrix,
    landmarks_beside,
)


def write_npz(folder):
    path = folder / "model.npz"
    np.savez(
        path,
        mean=HEAD.mean,
        triangles=HEAD.triangles,
        identity_modes=HEAD.identity_modes[:2],
        landmarks68=HEAD.landmark_vertices,
    )
    return path


def write_h5(folder):
    path = folder / "model.h5"
    with h5py.File(path, "w") as file:
        file["shape/model/mean"] = MEAN.reshape(-1)
        file["shape/model/pcaBasis"] = FLAT
        file["shape/model/pcaVariance"] = [1.0, 1.0]
        file["shape/representer/cells"] = HEAD.triangles.T
    return path


def write_eos(folder):
    path = folder / "model.bin"
    content = struct.pack("<I", 1) + eos_matrix(MEAN.reshape(-1, 1))
    content += eos_matrix(FLAT) + eos_matrix(np.ones((2, 1)))
    content += struct.pack("<Q", len(HEAD.triangles)) + HEAD.triangles.astype("<i4").tobytes()
    path.write_bytes(content)
    return path


def write_flame(folder):
    path = folder / "model.pkl"
    content = {"v_template": MEAN, "shapedirs": STEPS.transpose(1, 2, 0), "f": HEAD.triangles}
    path.write_bytes(pickle.dumps(content, protocol=2))
    return path


WRITERS = {
    "mat": lambda folder: bfm_mat(folder / "model.mat"),
    "npz": write_npz,
    "h5": write_h5,
    "eos": write_eos,
    "flame": write_flame,
}


@pytest.mark.parametrize("kind", list(WRITERS))
def test_damaged_files_end_in_one_line(tmp_path, kind):
    landmarks_beside(tmp_path)
    path = WRITERS[kind](tmp_path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = []
    for trial in range(24):
        content = bytearray(whole)
        if trial % 3 == 0:
            content = content[: int(rng.integers(len(whole)))]
        else:
            # Most of a file is numbers; its structure lies at the ends.
            spots = rng.integers(0, 600, 6) * rng.choice([1, -1], 6)
            for spot in spots:
                content[int(spot) % len(content)] = int(rng.integers(256))
        path.write_bytes(bytes(content))
        try:
            MorphableModel.load(path)
        except DaganError as error:
            refused.append(str(error))
    assert len(refused) >= 8
    assert all("\n" not in line and str(tmp_path) in line for line in refused)


def write_obj(path, points, faces=()):
    lines = ["v {:.7f} {:.7f} {:.7f}".format(*point) for point in points]
    lines += ["f " + " ".join(f"{corner + 1}/1/1" for corner in face) for face in faces]
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def ict(tmp_path):
    """A folder of ICT-FaceKit's structure."""
    folder = tmp_path / "FaceXModel"
    folder.mkdir()
    write_obj(folder / "generic_neutral_mesh.obj", MEAN, HEAD.triangles)
    for number in (0, 1):
        write_obj(folder / f"identity{number:03d}.obj", MEAN + STEPS[number])
    write_obj(folder / "jawOpen.obj", MEAN + 2 * STEPS[0])
    (folder / "vertex_indices.json").write_text(
        json.dumps({"expressions": ["jawOpen"], "idx_to_landmark_verts": MARKS})
    )
    return folder


def test_ict_facekit(ict):
    model = check(ict, expressions=1)
    np.testing.assert_allclose(
        model.expression_modes[0, :USED], 2 * model.identity_modes[0, :USED], atol=1e-4
    )


def test_ict_facekit_says_what_is_wrong(ict):
    (ict / "jawOpen.obj").write_text("v 1 2 3\n")
    with pytest.raises(DaganError, match=r"jawOpen\.obj: 1 vertices, expected"):
        MorphableModel.load(ict)
    (ict / "jawOpen.obj").write_text("v 1 two 3\n")
    with pytest.raises(DaganError, match=r"jawOpen\.obj: not a readable OBJ"):
        MorphableModel.load(ict)
    (ict / "jawOpen.obj").unlink()
    with pytest.raises(DaganError, match=r"jawOpen\.obj"):
        MorphableModel.load(ict)
    (ict / "vertex_indices.json").write_text(
        json.dumps({"expressions": [], "idx_to_landmark_verts": MARKS[:67]})
    )
    with pytest.raises(DaganError, match="not 68 indices"):
        MorphableModel.load(ict)
    (ict / "vertex_indices.json").write_text("{}")
    with pytest.raises(DaganError, match="lacks 'expressions'"):
        MorphableModel.load(ict)


def test_eos_reads_blendshapes_beside_the_model(tmp_path):
    landmarks_beside(tmp_path)
    path = write_eos(tmp_path)
    beside = tmp_path / "expression_blendshapes_3448.bin"
    name = b"smile"
    shape = eos_matrix(3 * FLAT[:, :1])
    beside.write_bytes(struct.pack("<QQ", 1, len(name)) + name + shape)
    model = check(path, expressions=1)
    np.testing.assert_allclose(
        model.expression_modes[0, :USED], 3 * model.identity_modes[0, :USED], atol=1e-3
    )
    beside.write_bytes(struct.pack("<QQ", 1, len(name)) + name + eos_matrix(FLAT[:9, :1]))
    with pytest.raises(DaganError, match="blendshape 'smile' has 9 values"):
        MorphableModel.load(path)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (MARKS[:67], "68"),
        ([*MARKS[:67], USED], r"landmarks68\.txt"),
        ([*MARKS[:67], "nose"], r"landmarks68\.txt"),
        ([*MARKS[:67], "1 2"], r"landmarks68\.txt"),
        ([*MARKS[:67], "1 2 3 0.5 0.5 nan"], r"landmarks68\.txt"),
    ],
)
def test_bad_landmark_files_are_named(tmp_path, lines, message):
    path = write_eos(tmp_path)
    (tmp_path / "landmarks68.txt").write_text("\n".join(map(str, lines)))
    with pytest.raises(DaganError, match=message) as error:
        MorphableModel.load(path)
    assert "\n" not in str(error.value)


def test_landmarks_may_lie_inside_triangles(tmp_path):
    path = write_eos(tmp_path)
    corners = HEAD.triangles[7]
    line = " ".join(map(str, corners)) + " 0.5 0.25 0.25"
    (tmp_path / "landmarks68.txt").write_text("\n".join([*map(str, MARKS[:67]), line]))
    model = MorphableModel.load(path)
    expected = np.array([0.5, 0.25, 0.25]) @ model.mean[corners]
    np.testing.assert_allclose(model.mean[model.landmark_vertices[67]], expected, atol=1e-6)


def test_flame_takes_the_embedding_beside_it(tmp_path):
    path = write_flame(tmp_path)
    where = [int(np.flatnonzero((HEAD.triangles == mark).any(axis=1))[0]) for mark in MARKS]
    weights = (HEAD.triangles[where] == np.array(MARKS)[:, None]).astype(np.float64)
    content = {"full_lmk_faces_idx": np.array([where]), "full_lmk_bary_coords": weights[None]}
    embedding = tmp_path / "landmark_embedding.npy"
    np.save(embedding, np.array(content, dtype=object), allow_pickle=True)
    model = MorphableModel.load(path)
    eyes = np.linalg.norm(MEAN[MARKS[45]] - MEAN[MARKS[36]])
    np.testing.assert_allclose(
        model.mean[model.landmark_vertices], MEAN[MARKS] * 0.9 / eyes, atol=1e-4
    )
    content["full_lmk_faces_idx"] = np.full((1, 68), len(HEAD.triangles))
    np.save(embedding, np.array(content, dtype=object), allow_pickle=True)
    with pytest.raises(DaganError, match=r"landmark_embedding\.npy.*out of 0"):
        MorphableModel.load(path)


def test_threeddfa_names_the_file_that_is_missing(tmp_path):
    keypoints = (3 * np.array(MARKS)[:, None] + np.arange(3)).reshape(-1)
    content = {"u": MEAN.reshape(-1, 1), "w_shp": FLAT, "w_exp": FLAT, "keypoints": keypoints}
    path = tmp_path / "bfm.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(DaganError, match=r"no tri\.pkl beside it"):
        MorphableModel.load(path)
    (tmp_path / "tri.pkl").write_bytes(pickle.dumps(HEAD.triangles.T))
    with pytest.raises(DaganError, match=r"param_mean_std_62d_120x120\.pkl beside it"):
        MorphableModel.load(path)
    deviations = tmp_path / "param_mean_std_62d_120x120.pkl"
    deviations.write_bytes(pickle.dumps({"std": np.ones(13)}))
    with pytest.raises(DaganError, match="13 values, expected 16"):
        MorphableModel.load(path)
