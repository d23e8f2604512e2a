"""Loading, checking and closing of head models, on the packaged head and on a made-up one."""

import numpy as np
import pytest

from dagan_tf.errors import DaganError
from dagan_tf.simulator.head.morphable_model import MorphableModel

# iBUG numbering: the landmark on the other side of the face.
_PARTS = [range(16, -1, -1), range(26, 16, -1), range(27, 31), range(35, 30, -1)]
_PARTS += [[45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40]]
_PARTS += [range(54, 47, -1), range(59, 54, -1), range(64, 59, -1), [67, 66, 65]]
OTHER_SIDE = np.concatenate(_PARTS)


@pytest.fixture(scope="module")
def head() -> MorphableModel:
    return MorphableModel.load()


def tube() -> dict[str, np.ndarray]:
    """An upright square tube: a loop of 4 edges above (an opening), one below (the neck)."""
    square = np.array([[1, 0, 1], [-1, 0, 1], [-1, 0, -1], [1, 0, -1]], np.float32)
    mean = np.concatenate([square, square + np.array([0, 3, 0], np.float32)])
    faces = []
    for i in range(4):
        j = (i + 1) % 4
        faces += [(i, i + 4, j), (j, i + 4, j + 4)]
    modes = np.zeros((2, 8, 3), np.int16)
    modes[0, 4:, 1] = [10, 20, 30, 40]
    modes[1, :, 0] = 5
    return {
        "mean": mean,
        "triangles": np.array(faces, np.uint16),
        "identity_q": modes,
        "identity_scale": np.array([0.5, 2.0], np.float32),
        "expression_q": modes[:1],
        "expression_scale": np.array([1.0], np.float32),
        "expression_names": np.array(["jawOpen"]),
        "landmarks68": np.arange(68, dtype=np.uint16) % 8,
    }


def save(folder, **changes):
    arrays = {k: v for k, v in (tube() | changes).items() if v is not None}
    np.savez(folder / "model.npz", **arrays)
    return folder / "model.npz"


def test_packaged_head(head):
    assert head.licence == "CC0-1.0"
    assert head.identity_modes.shape == (80, len(head.mean), 3)
    assert head.expression_modes.shape == (43, len(head.mean), 3)
    assert {"jawOpen", "mouthSmileLeft", "eyeBlinkRight"} <= set(head.expression_names)
    between = head.landmark_vertices > head.triangles.max()  # appended, of no triangle
    assert head.triangles.max() == len(head.mean) - 1 - between.sum()
    assert [len(loop) for loop in head.boundary_loops()] == [42]  # the neck only


def test_packaged_head_is_symmetric(head):
    np.testing.assert_array_equal(head.mirror[head.mirror], np.arange(len(head.mean)))
    np.testing.assert_allclose(head.mean[head.mirror] * [-1, 1, 1], head.mean, atol=1e-5)
    landmarks = head.landmark_vertices
    np.testing.assert_array_equal(head.mirror[landmarks], landmarks[OTHER_SIDE])


def test_packaged_head_faces_outwards(head):
    corners = head.mean[head.triangles].astype(np.float64)
    volume = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6
    size = np.ptp(head.mean, axis=0)
    assert 0.3 < volume / size.prod() < 0.8  # negative if the triangles were turned inside out


def test_packaged_landmarks_lie_where_they_should(head):
    points = head.mean[head.landmark_vertices]
    assert points[30, 2] == pytest.approx(head.mean[:, 2].max(), abs=0.03)  # tip of the nose
    chin = points[8]
    front = head.mean[(np.abs(head.mean[:, 0]) < 0.02) & (head.mean[:, 2] > chin[2] - 0.05)]
    assert chin[1] < front[:, 1].min() + 0.03  # lower outline of the chin, not above it
    assert points[36, 0] < points[39, 0] < 0 < points[42, 0] < points[45, 0]
    assert points[37, 1] > points[41, 1]
    assert points[0, 0] < -0.5 < 0.5 < points[16, 0]


def test_jaw_opens_between_the_lips(head):
    jaw = np.zeros(len(head.expression_names))
    jaw[head.expression_names.index("jawOpen")] = 1.0
    closed, opened = head.vertices(), head.vertices(expression=jaw)
    upper, lower = head.landmark_vertices[[61, 62, 63]], head.landmark_vertices[[67, 66, 65]]
    assert (closed[upper, 1] - closed[lower, 1]).max() < 0.05
    assert (opened[upper, 1] - opened[lower, 1]).min() > 0.15


def test_first_modes_change_the_face_most(head):
    change = np.sqrt((head.identity_modes**2).sum(2).mean(1)) / np.ptp(head.mean[:, 1])
    assert change[:5].min() > change[-20:].max() > 0
    assert 0.003 < change[0] < 0.05  # a coefficient of 1 is seen, and leaves a head


def test_vertices_add_modes(tmp_path):
    model = MorphableModel.load(save(tmp_path))
    expected = model.mean + 2 * model.identity_modes[0] + 0.5 * model.expression_modes[0]
    found = model.vertices(np.array([2.0]), np.array([0.5]))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected)
    with pytest.raises(DaganError, match=r"identity coefficients of shape \(3,\).*\(2,\)"):
        model.vertices(np.zeros(3))


def test_openings_are_closed_but_the_neck_is_not(tmp_path):
    model = MorphableModel.load(save(tmp_path))
    assert model.mean.shape == (9, 3)
    np.testing.assert_allclose(model.mean[8], [0, 3, 0])
    np.testing.assert_allclose(model.identity_modes[0, 8], [0, 12.5, 0])  # mean of 5, 10, 15, 20
    (neck,) = model.boundary_loops()
    assert sorted(neck) == [0, 1, 2, 3]
    lid = model.mean[model.triangles[8:]]
    assert len(lid) == 4
    assert (np.cross(lid[:, 1] - lid[:, 0], lid[:, 2] - lid[:, 0])[:, 1] > 0).all()  # faces up


def test_landmarks_between_vertices_are_appended(tmp_path):
    corners = np.tile([0, 1, 4], (68, 1))
    weights = np.tile(np.array([1, 0, 0], np.float32), (68, 1))
    weights[0] = [0.5, 0.25, 0.25]
    corners[28:30, 0] = 1  # the nose line: on both sides, so that the middle is 0
    corners[28:30, 1] = 0
    corners[16], weights[16] = [1, 0, 5], [0.5, 0.25, 0.25]
    placed = {"landmarks68_corners": corners, "landmarks68_weights": weights}
    model = MorphableModel.load(save(tmp_path, landmarks68=None, **placed))
    assert model.mean.shape == (11, 3)  # 8, the lid's centre, two landmarks
    assert model.landmark_vertices[[0, 16, 5]].tolist() == [9, 10, 0]
    np.testing.assert_allclose(model.mean[9], [0.5, 0.75, 1])  # (1,0,1)/2 + (-1,0,1)/4 + (1,3,1)/4
    np.testing.assert_allclose(model.identity_modes[0, 9], [0, 1.25, 0])  # 5 / 4
    assert model.mirror[[9, 10]].tolist() == [10, 9]
    assert model.triangles.max() == 8
    weights[3] = [0.5, 0.1, 0.1]
    with pytest.raises(DaganError, match="'landmarks68_weights' has rows that do not sum to 1"):
        MorphableModel.load(save(tmp_path, landmarks68=None, **placed))
    with pytest.raises(DaganError, match=r"lacks array\(s\) landmarks68_weights"):
        MorphableModel.load(save(tmp_path, landmarks68_corners=corners))


def test_mirror_is_found_by_position(tmp_path):
    model = MorphableModel.load(save(tmp_path))
    np.testing.assert_array_equal(model.mirror, [1, 0, 3, 2, 5, 4, 7, 6, 8])
    stored = np.array([1, 0, 3, 2, 5, 4, 7, 6], np.uint16)
    named = MorphableModel.load(save(tmp_path, mirror=stored))
    np.testing.assert_array_equal(named.mirror, model.mirror)
    lopsided = tube()["mean"] + np.array([[1, 0, 0]] + [[0, 0, 0]] * 7, np.float32)
    assert MorphableModel.load(save(tmp_path, mean=lopsided)).mirror is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mean": None, "landmarks68": None}, r"lacks array\(s\) mean, landmarks68"),
        ({"mean": np.zeros((8, 2), np.float32)}, r"'mean' is float32 of shape \(8, 2\)"),
        ({"mean": np.full((8, 3), np.nan, np.float32)}, "'mean' has values that are not finite"),
        ({"identity_q": np.zeros((2, 7, 3), np.int16)}, "'identity_q' is int16 of shape"),
        ({"identity_scale": np.ones(3, np.float32)}, r"'identity_scale'.*expected shape \(2\)"),
        ({"expression_names": np.array(["a", "b"])}, "'expression_names'"),
        ({"triangles": np.full((4, 3), 8)}, r"'triangles' has indices 8\.\.8, expected 0\.\.7"),
        ({"landmarks68": np.full(68, -1)}, "'landmarks68' has indices -1"),
        ({"mirror": np.zeros(8, np.float32)}, "'mirror' is float32"),
    ],
)
def test_wrong_arrays_are_named(tmp_path, changes, message):
    with pytest.raises(DaganError, match=message) as error:
        MorphableModel.load(save(tmp_path, **changes))
    assert "\n" not in str(error.value)


def test_unreadable_files(tmp_path):
    with pytest.raises(DaganError, match="no such head model file"):
        MorphableModel.load(tmp_path / "absent.npz")
    for name, content in (("empty", b""), ("text", b"no archive"), ("zip", b"PK\x03\x04broken")):
        path = tmp_path / f"{name}.npz"
        path.write_bytes(content)
        with pytest.raises(DaganError, match="not a readable npz"):
            MorphableModel.load(path)
    np.save(tmp_path / "lone.npy", np.zeros(3))
    with pytest.raises(DaganError, match="a single array"):
        MorphableModel.load(tmp_path / "lone.npy")
    damaged = save(tmp_path)
    content = bytearray(damaged.read_bytes())
    content[200] ^= 0xFF  # in the data of the first array: its checksum fails
    damaged.write_bytes(content)
    with pytest.raises(DaganError):
        MorphableModel.load(damaged)
    pickled = tmp_path / "pickled.npz"
    np.savez(pickled, mean=np.array([{}], dtype=object))
    with pytest.raises(DaganError, match="not a readable npz"):
        MorphableModel.load(pickled)


def test_other_model(models_dir):
    model = MorphableModel.load(models_dir / "ict_facekit_light" / "ict_facekit_light.npz")
    assert len(model.mean) == 11248 + 3  # one fan centre for each eye and for the mouth
    assert [len(loop) for loop in model.boundary_loops()] == [54]
    np.testing.assert_array_equal(model.mirror[model.mirror], np.arange(len(model.mean)))


def test_landmarks_are_those_of_the_vertices(head):
    identity = np.linspace(-1.0, 1.0, 12)
    expression = np.linspace(0.0, 1.0, len(head.expression_modes))
    whole = head.vertices(identity, expression)[head.landmark_vertices]
    np.testing.assert_allclose(head.landmarks(identity, expression), whole, atol=1e-6)
    np.testing.assert_array_equal(head.landmarks(), head.mean[head.landmark_vertices])
    with pytest.raises(DaganError, match="identity coefficients"):
        head.landmarks(np.zeros(len(head.identity_modes) + 1))
