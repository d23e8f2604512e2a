import numpy as np
import pytest

from dagan_tf.errors import DaganError
from dagan_tf.scoring.templates.pose import pool_faces, pose_routed_scores
from tests.helpers.toy_templates import templates_of

TEMPLATES = templates_of([0, 1, 2, 3], [0, 1, 1, 2], [0, 0, 1])
YAW = np.array([0.0, 10, -70, 65])
FIRST, SECOND = np.array([0]), np.array([1])


def test_images_of_a_bin_are_averaged():
    images = np.array([10, 20, 30, 41], np.uint8)[:, None, None, None] * np.ones((2, 2, 3), int)
    pooled = pool_faces(images.astype(np.uint8), TEMPLATES, YAW)
    assert pooled.owner.tolist() == [0, 0, 1]
    assert pooled.images[:, 0, 0, 0].tolist() == [15, 30, 41]
    assert pooled.counts.tolist() == [2, 1, 1]
    quality = np.array([0.1, 0.9, 0.9, 0.9])
    finer = pool_faces(images.astype(np.uint8), TEMPLATES, YAW, quality, quality_edges=[0.5])
    assert finer.images[:, 0, 0, 0].tolist() == [10, 20, 30, 41]


def test_faces_go_to_the_network_of_their_pose():
    one = np.array([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    profile = np.array([[9.0, 9], [9, 9], [3, 4], [1, 0]])
    scores = pose_routed_scores([one, one, profile], TEMPLATES, YAW, FIRST, SECOND)
    # Both templates have a profile, of which the third network says (.6, .8) and (1, 0).
    assert scores[0] == pytest.approx(0.6)


def test_without_a_common_pose_all_networks_judge_all_faces():
    features = np.array([[1.0, 0], [0, 1], [0, 1], [0, 1]])
    scores = pose_routed_scores([features] * 3, TEMPLATES, np.array([0, 0, 0, 80]), FIRST, SECOND)
    assert scores[0] == pytest.approx(2 / 5**0.5)


def test_bad_input_is_named():
    features = np.ones((4, 2))
    with pytest.raises(DaganError, match="2 networks for 3 ranges"):
        pose_routed_scores([features] * 2, TEMPLATES, YAW, FIRST, SECOND)
    with pytest.raises(DaganError, match="yaw: expected 4 finite"):
        pose_routed_scores([features] * 3, TEMPLATES, YAW * np.nan, FIRST, SECOND)
    with pytest.raises(DaganError, match="yaw_edges"):
        pool_faces(np.zeros((4, 2, 2, 3), np.uint8), TEMPLATES, YAW, yaw_edges=[0, 0])
