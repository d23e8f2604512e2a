"""A drawn head moved, scaled and turned by known amounts is laid back onto itself."""

import cv2
import numpy as np
import pytest

from dagan_tf.simulator.registration import person_share, register

SIZE = 112


def drawn(side=-1):
    """A head before a wall that grows darker downwards, its nose to the left for side < 0."""
    image = np.full((SIZE, SIZE, 3), 200, np.float32)
    image -= np.arange(SIZE)[:, None, None] * 0.15
    head = np.zeros((SIZE, SIZE), np.uint8)
    cv2.ellipse(head, (72, 56), (44, 50), 0, 0, 360, 255, -1)
    cv2.fillPoly(head, [np.array([[32, 50], [14, 68], [34, 74]])], 255)
    cv2.rectangle(head, (60, 90), (111, 111), 255, -1)
    image[head > 0] = (190, 140, 110)
    for x, y, r in ((44, 46, 5), (42, 84, 6), (84, 60, 8), (50, 38, 3)):
        cv2.circle(image, (x, y), r, (70, 40, 40), -1)
    image = np.rint(image).astype(np.uint8)
    return (image, head) if side < 0 else (image[:, ::-1].copy(), head[:, ::-1].copy())


def moved(image, scale, angle, right, down):
    matrix = cv2.getRotationMatrix2D(((SIZE - 1) / 2,) * 2, angle, scale)
    matrix[:, 2] += (right, down)
    return cv2.warpAffine(image, matrix, (SIZE, SIZE), borderMode=cv2.BORDER_REPLICATE)


@pytest.mark.parametrize("yaw", [-90, 90, -45])
def test_a_moved_picture_comes_back(yaw):
    view, head = drawn(yaw)
    photo = moved(view, 1.05, 3.0, -2.0, 2.5)
    before = np.abs(photo.astype(int) - view)[head > 0].mean()
    found = register(photo, view, head, yaw)
    after = np.abs(found.photo.astype(int) - view)[found.inside > 0].mean()
    assert before > 3
    assert after < 0.35 * before
    assert found.cost < 0.02
    assert 0.8 < (found.inside > 0).sum() / (head > 0).sum() < 1
    assert not np.any(found.inside[head == 0])


@pytest.mark.parametrize("yaw", [-90, 90])
def test_the_person_is_what_the_backdrop_does_not_reach(yaw):
    image, head = drawn(yaw)
    hole = (slice(50, 58), slice(70, 78)) if yaw < 0 else (slice(50, 58), slice(34, 42))
    image[hole] = (193, 193, 193)  # as light as the wall, but inside
    share = person_share(image, yaw)
    assert share[head > 0].mean() > 0.99
    ahead = slice(0, 60) if yaw < 0 else slice(52, SIZE)
    assert share[:, ahead][head[:, ahead] == 0].max() < 0.05
    assert share[hole].min() == 1.0
