import numpy as np
import pytest

from dagan_tf.errors import DaganError
from dagan_tf.evaluation.face_set import FaceSet
from dagan_tf.evaluation.kept import (
    angle_errors,
    fitted_yaws,
    leakage,
    leakage_row,
    pose_row,
)
from dagan_tf.evaluation.measure import Measure
from dagan_tf.simulator.fitting.basis import fit_basis
from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.render.camera import Camera, Pose, rotation_matrix


def test_angle_errors_by_hand_go_the_short_way_round():
    found = np.array([30.0, -40.0, 175.0, -170.0, np.nan])
    asked = np.array([45.0, -45.0, -175.0, 170.0, 0.0])
    np.testing.assert_allclose(angle_errors(found, asked), [15, 5, 10, 20, np.nan])
    with pytest.raises(DaganError, match=r"found \(5,\) and asked \(4,\)"):
        angle_errors(found, asked[:4])
    with pytest.raises(DaganError, match="asked angle 4 is nan"):
        angle_errors(asked, found)


def test_leakage_by_hand():
    gallery = np.array([[0.0], [10.0], [20.0]])
    # b goes over to c, a stays a, the second b was never nearest to b.
    found = leakage(
        np.array([[1.0], [11.0], [17.0]]),
        np.array([[2.0], [16.0], [18.0]]),
        ["a", "b", "b"],
        gallery,
        ["a", "b", "c"],
    )
    np.testing.assert_allclose(found.before, [9 - 1, 9 - 1, 3 - 7])
    np.testing.assert_allclose(found.after, [8 - 2, 4 - 6, 2 - 8])
    assert found.became_another.tolist() == [False, True, False]
    assert found.nearest.tolist() == ["b", "c", "c"]
    with pytest.raises(DaganError, match="3 inputs, 2 results, 3 people"):
        leakage(np.zeros((3, 1)), np.zeros((2, 1)), ["a", "b", "b"], gallery, ["a", "b", "c"])


def test_the_rows_count_what_is_not_known_and_name_the_network():
    row = pose_row(np.array([40.0, np.nan, -45.0]), np.array([45.0, 45.0, -45.0]), ["a", "b", "c"])
    assert row[Measure("yaw error, degrees")].value == 2.5
    assert row[Measure("yaw not found")] == pytest.approx(1 / 3)
    lost = pose_row(np.full(2, np.nan), np.zeros(2), ["a", "b"])
    assert lost == {Measure("yaw error, degrees"): None, Measure("yaw not found"): 1.0}

    def faces(values, people):
        embeddings = {"net": np.array(values)[:, None]}
        return FaceSet(np.zeros((len(people), 8, 8, 3), np.uint8), np.array(people), embeddings)

    gallery = faces([0.0, 10.0, 20.0], ["a", "b", "c"])
    row = leakage_row(faces([1.0, 11.0], ["a", "b"]), faces([2.0, 16.0], ["a", "b"]), gallery)
    assert row[Measure("net became another person")].value == 0.5


def test_yaws_of_the_mean_head_are_found_and_what_is_no_face_is_not():
    model = MorphableModel.load()
    basis = fit_basis(model)

    def seen(yaw):
        rotation = rotation_matrix(Pose(yaw))
        points, _ = basis.place(rotation, np.zeros(basis.modes.shape[2]))
        return Camera(100.0, rotation, np.array([200.0, 180.0])).project(points)[:, :2]

    found = fitted_yaws(model, [seen(-45), None, np.zeros((68, 2)), seen(30)])
    np.testing.assert_allclose(found, [-45, np.nan, np.nan, 30], atol=0.7)
