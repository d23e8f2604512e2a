import numpy as np
import pytest

from dagan_tf.simulator.camera import Camera, Pose, rotation_matrix
from dagan_tf.simulator.fitting import FitError, fit_landmarks
from dagan_tf.simulator.morphable_model import MorphableModel


@pytest.fixture(scope="module")
def model() -> MorphableModel:
    return MorphableModel.load()


def project_landmarks(model, pose, identity=None, scale=90.0, shift=(200.0, 180.0)):
    camera = Camera(scale, rotation_matrix(pose), np.array(shift))
    points = model.vertices(identity)[model.landmark_vertices]
    return camera.project(points)[:, :2]


@pytest.mark.parametrize("pose", [Pose(0), Pose(6, 0, -8), Pose(-5, 0, 3), Pose(0, 0, -60)])
def test_the_pose_of_a_level_head_is_found(model, pose):
    fit = fit_landmarks(model, project_landmarks(model, pose))
    assert fit.error < 0.003
    found = np.array([fit.pose.yaw, fit.pose.pitch, fit.pose.roll])
    assert np.abs(found - [pose.yaw, pose.pitch, pose.roll]).max() < 1.0


@pytest.mark.parametrize("pitch", [-20.0, -10.0, 10.0, 20.0])
def test_pitch_is_found_with_its_sign_but_drawn_towards_level(model, pitch):
    fit = fit_landmarks(model, project_landmarks(model, Pose(0, pitch)))
    assert 0.4 < fit.pose.pitch / pitch < 1.0
    assert fit.error < 0.02


@pytest.mark.parametrize("yaw", [-40.0, -20.0, 20.0, 40.0])
def test_a_turned_head_is_fitted_though_its_outline_slides(model, yaw):
    # The sliding outline of the far jaw is what a detector would mark; the inner face is exact.
    fit = fit_landmarks(model, project_landmarks(model, Pose(yaw)))
    assert abs(fit.pose.yaw - yaw) < 6.0
    assert np.sign(fit.pose.yaw) == np.sign(yaw)


def test_identity_coefficients_bring_the_landmarks_nearer(model):
    identity = np.zeros(len(model.identity_modes), np.float32)
    identity[:5] = [1.5, -1.2, 1.0, -0.8, 1.1]
    landmarks = project_landmarks(model, Pose(0), identity)
    fit = fit_landmarks(model, landmarks)
    mean_error = np.abs(landmarks - project_landmarks(model, Pose(0))).mean()
    points = model.vertices(fit.identity, fit.expression)[model.landmark_vertices]
    fitted_error = np.abs(fit.camera.project(points)[:, :2] - landmarks).mean()
    assert fitted_error < 0.3 * mean_error
    assert np.abs(fit.identity).max() < 4.0


def test_the_fit_follows_a_similarity_of_the_photo(model):
    landmarks = project_landmarks(model, Pose(4, 3, 5))
    rng = np.random.default_rng(0)
    landmarks = landmarks + rng.normal(0, 0.6, landmarks.shape)
    first = fit_landmarks(model, landmarks)
    second = fit_landmarks(model, 3.0 * landmarks + [50.0, -20.0])
    np.testing.assert_allclose(second.identity, first.identity, atol=1e-3)
    np.testing.assert_allclose(second.camera.scale, 3.0 * first.camera.scale, rtol=1e-5)
    np.testing.assert_allclose(second.error, first.error, rtol=1e-3)


def test_expression_weights_stay_in_range(model):
    rng = np.random.default_rng(1)
    landmarks = project_landmarks(model, Pose(0))
    fit = fit_landmarks(model, landmarks + rng.normal(0, 6.0, landmarks.shape))
    assert fit.expression.min() >= 0.0
    assert fit.expression.max() <= 1.0


def test_scrambled_landmarks_give_a_large_error(model):
    landmarks = project_landmarks(model, Pose(0))
    good = fit_landmarks(model, landmarks).error
    rng = np.random.default_rng(2)
    try:
        bad = fit_landmarks(model, landmarks[rng.permutation(68)]).error
    except FitError:
        return
    assert bad > 20 * good


@pytest.mark.parametrize(
    "landmarks",
    [np.zeros((5, 2)), np.zeros((68, 2)), np.full((68, 2), np.nan), np.zeros((68, 3))],
)
def test_impossible_landmarks_are_refused(model, landmarks):
    with pytest.raises(FitError, match="landmarks"):
        fit_landmarks(model, landmarks)


def test_frontal_portraits_fit_and_their_yaw_is_near_zero(model, frll_dir):
    from dagan_tf.faces.face import FaceFinder
    from dagan_tf.faces.photo_io import read_photo

    finder = FaceFinder()
    for path in sorted((frll_dir / "neutral_front").glob("*.jpg"))[:5]:
        fit = fit_landmarks(model, finder.find_one(read_photo(path)).landmarks)
        assert fit.error < 0.03
        assert abs(fit.pose.yaw) < 8.0
    # The subject's left three-quarter view has the nose to the left of the image: yaw < 0.
    path = sorted((frll_dir / "neutral_left_3quarter").glob("*.jpg"))[0]
    fit = fit_landmarks(model, finder.find_one(read_photo(path)).landmarks)
    assert -55.0 < fit.pose.yaw < -30.0
