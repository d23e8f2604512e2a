"""Where hair grows at the side of a head: as the front says, the same on both sides."""

import numpy as np
import pytest

from dagan_tf.simulator.head.hairline import Hairline
from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.head.regions import head_regions

# Two vertices of one side (0 is read, 1 drawn), their mirror images (2 and 3), and one of neither.
MIRROR = np.array([2, 3, 0, 1, 4])
GENERAL = np.array([0.0, 0.2, 0.0, 0.2, 0.6], np.float32)


def hairline(weight: float = 1.0) -> Hairline:
    arrays = [np.float32(each) for each in ([0.4], [0.5], [weight], [[2.0]], [[0.5]])]
    centre, usual, weights, inwards, outwards = arrays
    return Hairline(np.array([0]), centre, np.array([1]), usual, weights, inwards, outwards)


@pytest.mark.parametrize(
    ("like_hair", "seen", "expected"),
    [
        # .5 + (.5 - .4) * 2 * .5 = .6 is .8 of the way from .2 to .7: .896; .5 is .6: .648.
        ([0.5, 0, 0.4, 0, 0], [1, 1, 1, 1, 1], [0, 0.896, 0, 0.648, 0.6]),
        # What is not seen says nothing.
        ([0.5, 0, 0.4, 0, 0], [0, 0, 0, 0, 0], [0, 0.648, 0, 0.648, 0.6]),
        ([-0.2, 0, 1.2, 0, 0], [1, 1, 1, 1, 1], [0, 0.0, 0, 1.0, 0.6]),
    ],
)
def test_each_side_follows_what_the_front_shows_of_it(like_hair, seen, expected):
    drawn = hairline().hair(np.float32(like_hair), np.float32(seen), GENERAL, MIRROR)
    np.testing.assert_allclose(drawn, expected, atol=1e-6)
    assert drawn.dtype == np.float32


def test_hair_that_the_photo_shows_where_heads_have_hair_is_hair():
    # A guess of 0, but the vertex itself is seen to be hair: as much as heads have there.
    like_hair = np.float32([-0.2, 1.0, 1.2, -0.2, 0.0])
    drawn = hairline().hair(like_hair, np.ones(5, np.float32), GENERAL, MIRROR)
    np.testing.assert_allclose(drawn[[1, 3]], [0.2, 1.0], atol=1e-6)


def test_hair_that_cannot_be_told_from_skin_has_the_usual_line():
    drawn = hairline().hair(None, np.ones(5, np.float32), GENERAL, MIRROR)
    np.testing.assert_allclose(drawn, [0, 0.648, 0, 0.648, 0.6], atol=1e-6)


def test_at_its_border_it_gives_way_to_the_general_one():
    drawn = hairline(0.5).hair(None, np.ones(5, np.float32), GENERAL, MIRROR)
    np.testing.assert_allclose(drawn, [0, 0.424, 0, 0.424, 0.6], atol=1e-6)


def test_the_packaged_one_brings_a_sideburn_down_before_the_ear_if_the_temple_is_hairy():
    model = MorphableModel.load()
    regions = head_regions(model.mean, model.landmark_vertices)
    seen = np.ones(len(model.mean), np.float32)
    bare, hairy = (
        model.hairline.hair(np.full(len(seen), level, np.float32), seen, regions.hair, model.mirror)
        for level in (0.0, 0.8)
    )
    # Between temple and ear, on a level with the brow and a little above.
    points = model.mean[model.landmark_vertices]
    above = (model.mean[:, 1] - points[17:27, 1].mean()) / regions.height
    before = (model.mean[:, 2] - points[[0, 16], 2].mean()) / regions.height
    strip = (above > -0.1) & (above < 0.3) & (before > -0.1) & (before < 0.1) & (regions.ear < 0.1)
    assert strip.sum() > 20
    assert hairy[strip].mean() > bare[strip].mean() + 0.1
    # A head's two sides differ only if the photo's do.
    np.testing.assert_allclose(hairy, hairy[model.mirror], atol=1e-5)
