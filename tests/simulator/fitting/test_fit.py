import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagan_tf.errors import DaganError
from dagan_tf.simulator.fitting.basis import fit_basis
from dagan_tf.simulator.fitting.fit import MAX_FIT_ERROR, FitError, fit_landmarks
from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.render.camera import Camera, Pose, rotation_matrix

# iBUG's landmark on the other side of the face.
MIRRORED = np.array(
    [
        *(*range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, *range(35, 30, -1)),
        *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
        *(*range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), *range(67, 64, -1)),
    ]
)
SCALE = 100.0
MODEL = MorphableModel.load()


@pytest.fixture(scope="module")
def model() -> MorphableModel:
    return MODEL


def seen_landmarks(model, pose, identity=None, noise=0.0, rng=None):
    """Landmarks of a head, the jaw on its outline; noise in outer-eye distances."""
    basis = fit_basis(model)
    coefficients = np.zeros(basis.modes.shape[2])
    if identity is not None:
        coefficients[basis.expressions :][: len(identity)] = identity
    rotation = rotation_matrix(pose)
    points, _ = basis.place(rotation, coefficients)
    eyes = SCALE * np.linalg.norm(points[36] - points[45])
    seen = Camera(SCALE, rotation, np.array([200.0, 180.0])).project(points)[:, :2]
    return seen if rng is None else seen + noise * eyes * rng.standard_normal((68, 2))


def angles(pose):
    return np.array([pose.yaw, pose.pitch, pose.roll])


@pytest.mark.parametrize(
    "pose",
    [
        *(Pose(0), Pose(6, 0, -8), Pose(-40, 0, 3), Pose(0, 0, 170), Pose(0, 30)),
        *(Pose(0, -30), Pose(60, 10, 5), Pose(-90), Pose(90), Pose(30, -20, 20)),
    ],
)
def test_the_pose_of_the_mean_head_is_found(model, pose):
    fit = fit_landmarks(model, seen_landmarks(model, pose))
    assert fit.error < 0.005
    np.testing.assert_allclose(angles(fit.pose), angles(pose), atol=0.7)


@pytest.mark.parametrize("yaw", [-60, -45, -30, -15, 0, 15, 30, 45, 60])
def test_yaw_of_noisy_random_heads(model, yaw):
    rng = np.random.default_rng(yaw + 90)
    errors = []
    for _ in range(10):
        landmarks = seen_landmarks(model, Pose(yaw), 0.8 * rng.standard_normal(20), 0.02, rng)
        errors.append(abs(fit_landmarks(model, landmarks).pose.yaw - yaw))
    assert np.mean(errors) < 3.0


@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("angle", [-30.0, 30.0])
def test_pitch_and_roll_of_noisy_random_heads(model, axis, angle):
    rng = np.random.default_rng(1)
    pose = Pose(0, angle, 0) if axis == 1 else Pose(0, 0, angle)
    errors = []
    for _ in range(10):
        landmarks = seen_landmarks(model, pose, 0.8 * rng.standard_normal(20), 0.02, rng)
        errors.append(angles(fit_landmarks(model, landmarks).pose)[axis] - angle)
    assert np.abs(errors).mean() < 3.0
    assert abs(np.mean(errors)) < 2.0  # not drawn to level


def test_a_random_head_is_fitted_nearer_than_the_mean_head(model):
    identity = np.array([1.5, -1.2, 1.0, -0.8, 1.1])
    landmarks = seen_landmarks(model, Pose(0), identity)
    fit = fit_landmarks(model, landmarks)
    mean_head = fit_landmarks(model, landmarks, identity=np.zeros(1))
    assert fit.error < 0.3 * mean_head.error
    assert np.abs(fit.identity).max() < 4.0


def test_identity_that_is_given_stays(model):
    identity = np.array([1.0, -2.0, 0.5])
    landmarks = seen_landmarks(model, Pose(20, 5), identity)
    fit = fit_landmarks(model, landmarks, identity=identity)
    np.testing.assert_array_equal(fit.identity[:3], identity.astype(np.float32))
    assert not fit.identity[3:].any()
    assert fit.error < 0.005
    np.testing.assert_allclose(angles(fit.pose), [20, 5, 0], atol=0.5)


def test_too_many_identity_coefficients_are_refused(model):
    with pytest.raises(DaganError, match=r"\(81,\).*\(80,\)"):
        fit_landmarks(model, seen_landmarks(model, Pose(0)), identity=np.zeros(81))


POSES = st.builds(Pose, st.floats(-60, 60), st.floats(-25, 25), st.floats(-30, 30))


@settings(max_examples=20)
@given(
    pose=POSES,
    scale=st.floats(0.5, 20.0),
    turn=st.floats(-120.0, 120.0),
    shift=st.floats(-500.0, 500.0),
    seed=st.integers(0, 99),
)
def test_the_fit_follows_a_similarity_of_the_photo(pose, scale, turn, shift, seed):
    landmarks = seen_landmarks(MODEL, pose, None, 0.01, np.random.default_rng(seed))
    cos, sin = scale * np.cos(np.radians(turn)), scale * np.sin(np.radians(turn))
    # Clockwise in the image, whose y points down: roll grows by `turn`.
    moved = landmarks @ np.array([[cos, sin], [-sin, cos]]) + [shift, -0.5 * shift]
    first, second = fit_landmarks(MODEL, landmarks), fit_landmarks(MODEL, moved)
    np.testing.assert_allclose(second.identity, first.identity, atol=2e-3)
    np.testing.assert_allclose(second.camera.scale, scale * first.camera.scale, rtol=1e-4)
    np.testing.assert_allclose(second.error, first.error, rtol=1e-3)
    difference = angles(second.pose) - angles(first.pose) - [0, 0, turn]
    np.testing.assert_allclose((difference + 180) % 360 - 180, 0.0, atol=0.02)


@settings(max_examples=20)
@given(pose=POSES, seed=st.integers(0, 99))
def test_a_mirrored_photo_mirrors_the_pose(pose, seed):
    landmarks = seen_landmarks(MODEL, pose, None, 0.01, np.random.default_rng(seed))
    first = fit_landmarks(MODEL, landmarks)
    second = fit_landmarks(MODEL, landmarks[MIRRORED] * [-1, 1])
    # The packaged head's modes and landmarks are symmetric to about a quarter of a degree.
    np.testing.assert_allclose(angles(second.pose) * [-1, 1, -1], angles(first.pose), atol=0.5)
    np.testing.assert_allclose(second.error, first.error, atol=2e-3)


@pytest.mark.parametrize("count", [1, 3, 5])
def test_bad_landmarks_do_not_spoil_the_pose(model, count):
    changes = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        landmarks = seen_landmarks(model, Pose(25, -5, 4), rng.standard_normal(10), 0.02, rng)
        clean = fit_landmarks(model, landmarks)
        eyes = clean.camera.scale * 0.8
        bad = rng.choice(68, count, replace=False)
        angle, reach = rng.uniform(0, 2 * np.pi, count), eyes * rng.uniform(0.3, 1.0, count)
        landmarks[bad] += np.stack([reach * np.cos(angle), reach * np.sin(angle)], axis=1)
        fit = fit_landmarks(model, landmarks)
        changes.append(np.abs(angles(fit.pose) - angles(clean.pose)))
        assert fit.error < MAX_FIT_ERROR
    assert np.max(changes) < 2.0
    assert np.mean(changes) < 0.5


def test_a_jaw_under_hair_does_not_spoil_the_pose(model):
    landmarks = seen_landmarks(model, Pose(-20, 3))
    # Curtains of hair: one side of the jaw seems a third of an eye distance farther in.
    landmarks[:6, 0] += 25.0
    fit = fit_landmarks(model, landmarks)
    np.testing.assert_allclose(angles(fit.pose), [-20, 3, 0], atol=2.0)


def test_expression_weights_stay_in_range(model):
    rng = np.random.default_rng(1)
    landmarks = seen_landmarks(model, Pose(0), None, 0.08, rng)
    fit = fit_landmarks(model, landmarks)
    assert fit.expression.min() >= 0.0
    assert fit.expression.max() <= 1.0
    assert fit.expression.any()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda points, rng: points[rng.permutation(68)],
        lambda points, rng: points * [1, -1],
        lambda points, rng: points * [-1, 1],
        lambda points, rng: points[::-1],
        lambda points, rng: rng.normal(points.mean(axis=0), 60.0, (68, 2)),
        lambda points, rng: np.concatenate([points[:34], rng.permutation(points[34:])]),
    ],
    ids=["shuffled", "upside down", "mirrored", "reversed", "noise", "half shuffled"],
)
def test_what_is_no_face_is_beyond_the_limit(model, spoil):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        landmarks = seen_landmarks(model, Pose(10 * seed, 5), rng.standard_normal(10), 0.02, rng)
        assert fit_landmarks(model, landmarks).error < 0.5 * MAX_FIT_ERROR
        try:
            error = fit_landmarks(model, spoil(landmarks, rng)).error
        except FitError:
            continue
        assert error > MAX_FIT_ERROR


@pytest.mark.parametrize(
    "landmarks",
    [np.zeros((5, 2)), np.zeros((68, 2)), np.full((68, 2), np.nan), np.zeros((68, 3))],
)
def test_impossible_landmarks_are_refused(model, landmarks):
    with pytest.raises(FitError, match="landmarks"):
        fit_landmarks(model, landmarks)


def test_real_portraits(model, frll_dir):
    from dagan_tf.faces.face import FaceFinder
    from dagan_tf.faces.photo_io import read_photo

    finder = FaceFinder()
    # The subject's left three-quarter view has the nose to the left of the image: yaw < 0.
    for folder, yaw in (("front", 0), ("left_3quarter", -45), ("right_3quarter", 45)):
        fits = []
        for path in sorted((frll_dir / f"neutral_{folder}").glob("*.jpg"))[1:8:2]:
            fits.append(fit_landmarks(model, finder.find_one(read_photo(path)).landmarks))
        assert np.mean([fit.error for fit in fits]) < (0.045 if yaw else 0.03)
        assert max(fit.error for fit in fits) < 0.5 * MAX_FIT_ERROR
        assert abs(np.mean([fit.pose.yaw for fit in fits]) - yaw) < 6.0
        assert abs(np.mean([fit.pose.pitch for fit in fits])) < 10.0
