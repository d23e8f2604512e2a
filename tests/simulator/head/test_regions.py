import numpy as np
import pytest

from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.head.regions import head_regions, smoothstep


def test_smoothstep():
    np.testing.assert_allclose(smoothstep(1.0, 3.0, np.array([0, 1, 2, 3, 9])), [0, 0, 0.5, 1, 1])


def test_hair_grows_on_the_skull_and_not_on_the_face():
    model = MorphableModel.load()
    regions = head_regions(model.mean, model.landmark_vertices)
    face = model.landmark_vertices[17:]
    assert regions.hair[face].max() == 0
    assert regions.loose[face].max() < 0.05
    assert regions.ear[face].max() == 0
    top, back = model.mean[:, 1].argmax(), model.mean[:, 2].argmin()
    for vertex in (top, back):
        assert regions.hair[vertex] == 1
        assert regions.loose[vertex] == 1
        assert regions.skull[vertex]
    tip = model.mean[:, 0].argmax()
    assert regions.ear[tip] == 1
    assert regions.loose[tip] > 0.9
    assert regions.hair[regions.ear == 1].max() == 0
    neck = model.mean[:, 1].argmin()
    assert regions.hair[neck] == regions.loose[neck] == 0
    assert not regions.skull[neck]


def test_a_sideburn_grows_before_the_ear_and_nothing_in_it():
    model = MorphableModel.load()
    mean, regions = model.mean, head_regions(model.mean, model.landmark_vertices)
    points = mean[model.landmark_vertices]
    brow, jaw = points[17:27, 1].mean(), points[[0, 16], 2].mean()
    profile = np.stack([(mean[:, 1] - brow), mean[:, 2] - jaw], axis=1) / regions.height

    def at(height, depth):
        return int(np.hypot(*(profile - [height, depth]).T).argmin())

    assert regions.hair[at(-0.25, -0.24)] > 0.5
    assert regions.hair[at(-0.6, -0.2)] == 0
    concha = at(-0.35, -0.38)
    assert regions.hair[concha] == 0
    assert regions.ear[concha] == 1


def test_the_jaw_below_the_ears_does_not_grow_and_the_neck_is_no_front():
    model = MorphableModel.load()
    regions = head_regions(model.mean, model.landmark_vertices)
    chin, tip = model.landmark_vertices[8], model.mean[:, 0].argmax()
    assert regions.grows[tip] > 0.9
    assert regions.grows[chin] == 0
    assert regions.front[model.landmark_vertices[30]] == 1
    assert regions.front[model.mean[:, 1].argmin()] == regions.front[tip] == 0


def test_the_mouth_is_the_lips_and_what_lies_between_them():
    model = MorphableModel.load()
    regions = head_regions(model.mean, model.landmark_vertices)
    assert regions.mouth[model.landmark_vertices[60:68]].min() == 1
    assert regions.mouth[model.landmark_vertices[48:60]].min() > 0.4
    outside = model.landmark_vertices[[*range(17), 30, 33, 36, 45]]
    assert regions.mouth[outside].max() == 0
    behind = model.mean[:, 2] < 0
    assert regions.mouth[behind].max() == 0


def test_an_eye_is_its_lids_and_what_lies_between_them():
    model = MorphableModel.load()
    eyes = head_regions(model.mean, model.landmark_vertices).eyes
    at = model.landmark_vertices
    assert eyes[at[36:48]].min() == 1
    middles = model.mean[at[36:48]].reshape(2, 6, 3).mean(axis=1)
    nearest = np.linalg.norm(model.mean - middles[:, None], axis=2).argmin(axis=1)
    assert eyes[nearest].min() > 0.9
    assert eyes[at[np.r_[0:17, 27:36, 48:68]]].max() < 0.2
    assert eyes[model.mean[:, 2] < 0].max() == 0


def test_the_jaw_shades_the_throat_and_neither_face_nor_ear():
    model = MorphableModel.load()
    mean, regions = model.mean, head_regions(model.mean, model.landmark_vertices)
    points = mean[model.landmark_vertices]
    assert regions.under_jaw[model.landmark_vertices[17:]].max() == 0
    assert regions.under_jaw[model.landmark_vertices[8]] < 0.2
    assert regions.under_jaw[mean[:, 0].argmax()] == 0
    deep = regions.under_jaw > 0.9
    assert deep.sum() > 30
    assert mean[deep, 2].max() < points[8, 2]  # Behind the chin,
    before_ears = deep & (mean[:, 2] > points[[0, 16], 2].mean())
    assert mean[before_ears, 1].max() < points[48:60, 1].mean()  # and below the mouth.
    # Left and right alike.
    np.testing.assert_allclose(regions.under_jaw, regions.under_jaw[model.mirror], atol=0.02)


def test_hair_begins_close_above_and_behind_the_ear():
    """No halo of skin round the ear: its rim lies .03 behind its widest point and .09 above."""
    model = MorphableModel.load()
    regions = head_regions(model.mean, model.landmark_vertices)
    widest = model.mean[[model.mean[:, 0].argmin(), model.mean[:, 0].argmax()]].mean(axis=0)
    _, above, forward = ((model.mean - widest) / regions.height).T
    for part in (
        (np.abs(forward - 0.06) < 0.08) & (np.abs(above - 0.16) < 0.04),
        (np.abs(forward + 0.1) < 0.04) & (np.abs(above + 0.08) < 0.08),
    ):
        assert part.sum() >= 4
        assert regions.hair[part].min() > 0.8
    rim = (
        (np.abs(forward + 0.02) < 0.015)
        & (np.abs(above) < 0.05)
        & (np.abs(model.mean[:, 0]) > 0.75)
    )
    assert rim.sum() >= 4
    assert regions.ear[rim].min() > 0.8


def test_the_jaw_s_edge_is_its_shade_and_the_rounded_skin_above_it():
    model = MorphableModel.load()
    regions = head_regions(model.mean, model.landmark_vertices)
    assert (regions.jaw_edge >= regions.under_jaw - 1e-6).all()
    rounded = regions.jaw_edge > regions.under_jaw + 0.3
    assert rounded.sum() > 10
    assert regions.jaw_edge[model.landmark_vertices[17:]].max() == 0.0
    assert regions.jaw_edge[regions.hair == 1.0].max() == 0.0


def test_beside_the_nose_is_a_band_from_below_the_eye_to_the_mouth():
    model = MorphableModel.load()
    regions = head_regions(model.mean, model.landmark_vertices)
    points = model.landmark_vertices
    share = regions.beside_nose
    inner, wing, corner = (model.mean[points[mark]] for mark in (39, 31, 48))
    y, z = model.mean[:, 1], model.mean[:, 2]
    down = 0.25 * inner[1] + 0.75 * wing[1]
    slope = (np.abs(y - down) < 0.03 * regions.height) & (
        np.abs(z - 0.5 * (inner + wing)[2] + 0.04 * regions.height) < 0.03 * regions.height
    )
    assert slope.sum() >= 4
    assert share[slope].min() > 0.8
    for marks in (slice(0, 28), slice(36, 48), slice(48, 68), [30]):  # jaw, brows, eyes, lips, tip
        assert share[points[marks]].max() < 0.5
    assert share[points[30]] == 0.0
    assert not share[(y > inner[1]) | (y < corner[1])].any()
    sides = [share[side].sum() for side in (model.mean[:, 0] < 0, model.mean[:, 0] > 0)]
    assert sides[0] == pytest.approx(sides[1], rel=0.1)


def test_the_jaw_s_slope_is_its_side_and_neither_cheek_nor_neck_nor_chin():
    model = MorphableModel.load()
    regions = head_regions(model.mean, model.landmark_vertices)
    points, y, z = model.landmark_vertices, model.mean[:, 1], model.mean[:, 2]
    corner, chin = model.mean[points[4]], model.mean[points[8]]
    between = 0.5 * (corner + chin)
    near = np.linalg.norm(model.mean[:, 1:] - between[1:], axis=1) < 0.06 * regions.height
    assert near.sum() >= 4
    assert regions.jaw_slope[near].max() > 0.9
    assert regions.jaw_slope[points[[*range(17, 48)]]].max() < 0.05  # brows, nose, eyes
    assert regions.jaw_slope[y.argmin()] == 0.0
    assert regions.jaw_slope[z > chin[2] + 1e-6].max() == 0.0
    assert regions.jaw_slope[regions.ear > 0.5].max() < 0.05


def test_under_the_eyes_begins_below_the_lower_lids_and_ends_on_the_cheek():
    model = MorphableModel.load()
    regions = head_regions(model.mean, model.landmark_vertices)
    share, points = regions.under_eyes, model.mean[model.landmark_vertices]
    for lid, upper in (((40, 41), (37, 38)), ((46, 47), (43, 44))):
        assert share[model.landmark_vertices[list(upper)]].max() == 0
        middle = points[list(lid)].mean(axis=0)
        near = np.hypot(*(model.mean[:, :2] - middle[:2] + [0, 0.06 * regions.height]).T)
        near[model.mean[:, 2] < 0] = np.inf
        assert share[near.argmin()] > 0.9
    skin = share > 0.5
    assert 20 < skin.sum() < 0.05 * len(share)
    # Neither brows, nor nose, nor lips.
    nose = model.landmark_vertices[30]
    assert share[regions.brows].max() == 0
    assert share[nose] == 0
    assert share[regions.mouth > 0.1].max() == 0
