"""Long hair is found where a made-up photo shows it on both sides, and nowhere else."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from dagan_tf.simulator.fitting.fit import FaceFit
from dagan_tf.simulator.fitting.framing import frame_camera
from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.head.regions import head_regions
from dagan_tf.simulator.render.camera import Pose
from dagan_tf.simulator.render.grid import CANVAS_FRAMES
from dagan_tf.simulator.render.rasterizer import rasterize
from dagan_tf.simulator.scene.hair_colour import Colour, between_colours, hair_part, logs_of
from dagan_tf.simulator.scene.hair_edges import boundary, last_hair
from dagan_tf.simulator.scene.long_hair import find_long_hair

SIDE = 256
WALL, SKIN, BROWN, SHIRT = (90, 120, 200), (205, 160, 140), (70, 45, 30), (235, 235, 230)


class Person:
    """A front of the mean head on a wall, in flat colours, as on the work grid; hair is added."""

    def __init__(self) -> None:
        model = MorphableModel.load()
        self.regions = head_regions(model.mean, model.landmark_vertices)
        zeros = [
            np.zeros(len(n), np.float32) for n in (model.identity_modes, model.expression_modes)
        ]
        nobody = FaceFit(None, Pose(0.0), *zeros, 0.0)
        self.camera = frame_camera(model, nobody, Pose(0.0), SIDE, zoom=1.0 / CANVAS_FRAMES)
        self.fit = replace(nobody, camera=self.camera)
        self.placed = self.camera.project(model.vertices())
        raster = rasterize(self.placed, model.triangles, SIDE, SIDE)
        self.bare = raster.triangle_ids >= 0
        self.depth = raster.depth
        self.landmarks = self.placed[model.landmark_vertices, :2]
        self.photo = np.full((SIDE, SIDE, 3), WALL, np.uint8)
        self.photo[self.bare] = SKIN
        brow = self.landmarks[17:27, 1].mean()
        rows, columns = np.mgrid[:SIDE, :SIDE]
        self.photo[self.bare & (rows < brow - 25)] = BROWN
        self.person = self.bare.copy()
        self.middle = float(self.landmarks[27:31, 0].mean())
        self.columns, self.rows, self.brow = columns, rows, brow
        self.add((np.abs(columns - self.middle) < 25) & (rows > self.landmarks[8, 1]), SKIN)

    def add(self, where: np.ndarray, colour: tuple[int, int, int]) -> None:
        self.photo[where] = colour
        self.person |= where

    def hang(self, sides=(-1, 1), reach=70.0, inner=38.0, hem=SIDE) -> None:
        """Hair on some sides from so far beside the middle to so far, down to a row."""
        for sign in sides:
            beside = sign * (self.columns - self.middle)
            along = (self.rows > self.brow - 50) & (self.rows < hem)
            self.add((beside > inner) & (beside < reach) & along, BROWN)

    def find(self, shown=None):
        shown = np.ones_like(self.person) if shown is None else shown
        return find_long_hair(
            self.photo, self.person, shown, self.bare, self.placed[:, :2], self.landmarks,
            self.regions,
        )  # fmt: skip


@pytest.fixture
def someone() -> Person:
    return Person()


def test_no_hair_is_found_beside_a_bare_head_on_its_shoulders(someone):
    assert someone.find() is None
    someone.add(someone.rows > someone.landmarks[8, 1] + 12, SHIRT)
    assert someone.find() is None


def test_hair_is_followed_down_both_sides(someone):
    someone.hang()
    hair = someone.find()
    face = (hair.rows > someone.brow) & (hair.rows < someone.landmarks[48:60, 1].mean())
    for sign, one in zip((-1, 1), hair.sides, strict=True):
        np.testing.assert_allclose(sign * (one.inner - someone.middle)[face], 38.0, atol=1.5)
        np.testing.assert_allclose(sign * (one.outer - someone.middle)[5:], 70.0, atol=1.5)
        # Where it hangs free of the neck it goes back to it.
        assert (sign * (one.inner - someone.middle) > 20.0).all()
        assert one.hem == np.inf
    mask = hair.mask(SIDE)
    assert mask[150, 70]
    assert not mask[150, 128]


@pytest.mark.parametrize("side", [-1, 1])
def test_what_is_on_one_side_only_is_no_long_hair(someone, side):
    someone.hang(sides=(side,))
    assert someone.find() is None


def test_it_ends_where_the_neck_or_the_shirt_is_seen(someone):
    chin = someone.landmarks[8, 1]
    someone.hang(hem=chin + 5)
    assert someone.find().sides[0].hem == pytest.approx(chin + 5, abs=4)
    someone.add((someone.rows > chin + 20) & ~someone.bare, SHIRT)
    assert someone.find().sides[1].hem == pytest.approx(chin + 5, abs=4)


def test_on_a_shirt_it_ends_where_the_colour_changes(someone):
    someone.hang()
    hem = someone.landmarks[8, 1] + 10
    beside = np.abs(someone.columns - someone.middle) > 25
    someone.add((someone.rows > hem) & beside, SHIRT)
    hair = someone.find()
    assert hair.sides[0].hem == pytest.approx(hem, abs=4)
    assert hair.own[int(hem) + 8, 70] < 0.1


def test_over_a_collar_of_its_colour_it_leaves_the_neck_free(someone):
    someone.hang()
    someone.add(someone.rows > someone.landmarks[8, 1] + 12, BROWN)
    for sign, one in zip((-1, 1), someone.find().sides, strict=True):
        assert (sign * (one.inner - someone.middle) > 15.0).all()


def test_hair_that_ends_at_the_ears_is_short(someone):
    someone.hang(hem=someone.brow + 35)
    assert someone.find() is None


def test_below_the_photo_s_end_hair_goes_on_as_it_was(someone):
    someone.hang()
    shown = someone.rows < 190
    hair = someone.find(shown)
    below = hair.rows > 195
    assert np.ptp(hair.sides[1].outer[below]) < 0.5
    assert hair.sides[1].hem == np.inf


def test_backdrop_between_locks_is_not_its_own(someone):
    someone.hang()
    gap = np.zeros_like(someone.person)
    gap[120:170, 60:80] = True
    someone.photo[cv2.erode(gap.astype(np.uint8), np.ones((3, 3))) > 0] = WALL
    own = someone.find().own
    assert own[140, 70] < 0.1
    assert own[140, 85] > 0.9


def test_hair_may_cover_the_cheek_s_side(someone):
    someone.hang(inner=33.0)
    hair = someone.find()
    beside = (hair.rows > someone.brow) & (hair.rows < someone.landmarks[8, 1])
    np.testing.assert_allclose((hair.sides[1].inner - someone.middle)[beside], 33.0, atol=2.5)


def test_a_face_beyond_the_image_has_no_hair(someone):
    someone.hang()
    someone.landmarks[:, 1] += 200.0
    assert someone.find() is None


def test_a_boundary_parts_what_tells_and_moves_by_few_pixels_a_row():
    tells = np.where(np.arange(40) < 15, -1.0, 1.0) * np.ones((30, 1))
    # One row tells nonsense.
    tells[12] = 1.0
    path = boundary(tells, np.full(30, 3.0), np.full(30, 35.0))
    np.testing.assert_array_equal(np.delete(path, 12), 15)
    assert abs(path[12] - 15) <= 3
    limited = boundary(tells, np.full(30, 18.0), np.full(30, 35.0))
    assert limited.min() == 18


def test_mixtures_are_told_from_the_backdrop_but_shade_is_hair():
    backdrop = np.broadcast_to(logs_of(np.array(WALL)), (1, 3, 3))
    hair = logs_of(np.array(BROWN))
    half = 0.5 * (hair + backdrop[0, 0])
    shade = backdrop[0, 0] + [-0.9, 0.3, 0.9]
    part = hair_part(np.stack([backdrop[0, 0], half, shade])[None], backdrop, hair)[0]
    np.testing.assert_allclose(part, [0.0, 0.5, 1.0], atol=0.05)
    alike = np.broadcast_to(hair + 0.05, (1, 3, 3))
    assert (hair_part(alike, alike, hair) == 1.0).all()


def test_trees_and_bright_walls_are_neither_hair_nor_skin():
    hair, skin = (logs_of(np.array(colour)) for colour in (BROWN, SKIN))
    way = np.linspace(0.0, 1.0, 5)[:, None]
    np.testing.assert_allclose(between_colours((1 - way) * hair + way * skin, hair, skin), 1.0)
    # Gloss of the hair's hue, and hair in the shade.
    assert between_colours(hair + np.array([[0.8], [-0.4]]), hair, skin).min() > 0.99
    others = logs_of(np.array([[120, 150, 70], [70, 110, 200], [250, 230, 215]]))
    assert between_colours(others, hair, skin).max() < 0.1


def test_hair_ends_where_other_colours_go_on_beside_it():
    column = np.arange(60)
    own = np.where(column < 30, 1.0, 0.1) * np.ones((40, 1))
    # Backdrop between two locks.
    own[10:12, 12:] = 0.0
    last = last_hair(own, np.full(40, 5.0), np.full(40, 50.0), 3.0)
    np.testing.assert_allclose(last, 30.0, atol=0.5)
    # It goes no farther than the person.
    assert last_hair(np.ones((40, 60)), np.full(40, 5.0), np.full(40, 44.0), 3.0).max() <= 45.0


def test_the_person_s_outline_is_not_followed_into_a_tree(someone):
    someone.hang()
    tree = (someone.columns - someone.middle > 70) & (someone.columns - someone.middle < 95)
    someone.add(tree & (someone.rows > someone.brow - 50), (120, 150, 70))
    hair = someone.find()
    face = (hair.rows > someone.brow) & (hair.rows < someone.landmarks[48:60, 1].mean())
    np.testing.assert_allclose((hair.sides[1].outer - someone.middle)[face], 70.0, atol=3.0)


def test_a_colour_is_nearest_to_its_own():
    rng = np.random.default_rng(0)
    logs = logs_of(np.array(BROWN)) + rng.normal(0, 0.1, (500, 3))
    colour = Colour.of(logs)
    assert np.median(colour.distance(logs)) < 4.0
    assert colour.distance(logs_of(np.array(SKIN))) > 16.0
    assert colour.likelihood(logs).mean() > colour.likelihood(logs_of(np.array(SKIN)))


def test_regions_without_ears_do_not_matter(someone):
    someone.hang()
    someone.regions = replace(someone.regions, ear=np.zeros_like(someone.regions.ear))
    assert someone.find() is not None
