import numpy as np
import pytest

from dagan_tf.faces.alignment import apply_similarity
from dagan_tf.simulator.fitting.fit import FaceFit
from dagan_tf.simulator.fitting.framing import frame_camera, frame_matrix, mean_landmarks
from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.render.camera import Camera, Pose, pose_from_rotation, rotation_matrix


@pytest.fixture(scope="module")
def model() -> MorphableModel:
    return MorphableModel.load()


def fit_at(model, pose, scale=70.0, shift=(210.0, 190.0)):
    identity = np.zeros(len(model.identity_modes), np.float32)
    identity[:3] = [0.7, -0.5, 0.3]
    rotation = rotation_matrix(pose)
    return FaceFit(
        camera=Camera(scale, rotation, np.array(shift)),
        pose=pose_from_rotation(rotation),
        identity=identity,
        expression=np.zeros(len(model.expression_modes), np.float32),
        error=0.02,
    )


@pytest.mark.parametrize("pose", [Pose(0), Pose(35, 5, 20), Pose(-80, -12, -30)])
@pytest.mark.parametrize("zoom", [1.0, 0.5])
def test_a_photo_and_a_view_of_the_same_pose_are_framed_alike(model, pose, zoom):
    fit = fit_at(model, pose)
    vertices = model.vertices(fit.identity)
    by_crop = apply_similarity(
        frame_matrix(model, fit, 128, zoom=zoom), fit.camera.project(vertices)[:, :2]
    )
    upright = Pose(pose.yaw, pose.pitch)
    by_view = frame_camera(model, fit, upright, 128, zoom=zoom).project(vertices)[:, :2]
    np.testing.assert_allclose(by_crop, by_view, atol=0.02)


def test_the_frame_does_not_depend_on_the_size_of_the_photo(model):
    small, large = fit_at(model, Pose(10)), fit_at(model, Pose(10), 280.0, (900.0, 700.0))
    vertices = model.vertices(small.identity)
    frames = [
        apply_similarity(frame_matrix(model, fit, 96), fit.camera.project(vertices)[:, :2])
        for fit in (small, large)
    ]
    np.testing.assert_allclose(frames[0], frames[1], atol=0.02)


@pytest.mark.parametrize("yaw", [-90, -45, 0, 45, 90])
def test_the_whole_face_lies_in_the_frame_at_every_yaw(model, yaw):
    fit = fit_at(model, Pose(0))
    camera = frame_camera(model, fit, Pose(yaw), 100)
    landmarks = camera.project(model.vertices(fit.identity))[model.landmark_vertices, :2]
    assert landmarks.min() > 2.0
    assert landmarks.max() < 97.0


def test_the_mean_heads_landmarks_face_their_way(model):
    right, left = (mean_landmarks(model, side, 64) for side in (90.0, -90.0))
    assert right.shape == (68, 2)
    assert right[30, 0] > right[:17, 0].max()  # The nose's tip is the foremost.
    assert left[30, 0] < left[:17, 0].min()
    assert right[30, 0] + left[30, 0] == pytest.approx(63.0, abs=0.5)


def test_the_mean_heads_landmarks_are_those_of_its_camera(model):
    fit = fit_at(model, Pose(0))
    fit = FaceFit(fit.camera, fit.pose, np.zeros_like(fit.identity), fit.expression, fit.error)
    camera = frame_camera(model, fit, Pose(40), 96)
    expected = camera.project(model.mean[model.landmark_vertices])[:, :2]
    np.testing.assert_allclose(mean_landmarks(model, 40, 96), expected, atol=1e-3)
