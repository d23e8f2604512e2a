import copy
import pickle
from dataclasses import replace
from multiprocessing import get_context

import cv2
import numpy as np
import pytest

from dagan_tf.errors import DaganError
from dagan_tf.faces.face import Face, FaceFinder, FaceNotFoundError
from dagan_tf.faces.filling import inside_photo
from dagan_tf.simulator.acceptance import ProfileError, SmallFaceError
from dagan_tf.simulator.fitting.fit import FitError, fit_landmarks
from dagan_tf.simulator.fitting.framing import frame_matrix
from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.render.camera import turned_upright
from dagan_tf.simulator.simulator import Simulator


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    return Simulator(image_size=96)


@pytest.fixture(scope="module")
def face(astronaut) -> Face:
    return FaceFinder().find_one(astronaut)


@pytest.fixture(scope="module")
def views(simulator, astronaut, face):
    return simulator.simulate(astronaut, (-90, -45, 0, 45, 90), identity="collins", face=face)


def test_a_view_says_what_it_shows(views):
    for view, yaw in zip(views, (-90, -45, 0, 45, 90), strict=True):
        assert view.image.shape == (96, 96, 3)
        assert view.image.dtype == np.uint8
        assert set(np.unique(view.mask)) <= {0, 255}
        assert view.landmarks.shape == (68, 2)
        assert (view.pose.yaw, view.pose.roll, view.identity) == (yaw, 0.0, "collins")
        assert view.pose == turned_upright(view.source_pose, yaw)


@pytest.mark.parametrize("place", [1, 2, 3])
def test_skin_is_cheeks_and_chin_but_neither_hair_nor_ears_nor_what_is_above_the_brows(
    views, place
):
    view, points = views[place], views[place].landmarks
    assert np.all(view.skin <= view.head)
    nose, chin = points[30], points[8]
    cheek = 0.5 * (nose + points[3 if place > 2 else 13])
    for x, y in (cheek, chin - (0, 0.05 * (chin - nose)[1])):
        assert view.skin[round(y), round(x)] > 250
    mouth = points[60:68].mean(axis=0)
    assert view.skin[round(mouth[1]), round(mouth[0])] < 128  # lips and teeth are none
    above = int(points[17:27, 1].min()) - 2
    assert view.skin[:above].max() < 0.5 * 255  # what is compared is mostly skin
    assert view.head[:above].any()
    if place == 2:  # An ear at either side of the face, and what is next to it.
        left, right = points[0], points[16]
        assert view.skin[int(left[1]), : int(left[0]) - 4].max() < 0.6 * 255
        assert view.skin[int(right[1]), int(right[0]) + 5 :].max() < 0.6 * 255


def test_eyes_and_mouth_of_a_profile_are_round(views):
    points = views[4].landmarks
    height = points[8, 1] - points[27, 1]
    # .05 and .16 with the head's own, flat ones.
    assert (points[[37, 38], 0].mean() - points[36, 0]) / height > 0.07
    assert (points[[51, 57], 0].mean() - points[48, 0]) / height > 0.17


def test_the_photo_s_own_pose_gives_back_the_photo(simulator, astronaut, face):
    aligned, _, _, _, fit = simulator.align(astronaut, face=face)
    view = simulator.simulate(astronaut, [fit.pose.yaw], face=face)[0]
    shown = view.mask == 255
    face_box = np.zeros_like(shown)
    left, top = view.landmarks.min(axis=0).astype(int)
    right, bottom = view.landmarks.max(axis=0).astype(int)
    face_box[top:bottom, left:right] = True
    inside = shown & face_box
    assert inside.sum() > 0.6 * face_box.sum()
    difference = np.abs(view.image.astype(int) - aligned.astype(int))[inside]
    assert difference.mean() < 6.0


def test_the_nose_moves_with_the_yaw(views):
    nose = [view.landmarks[30, 0] for view in views]
    eyes = [view.landmarks[[36, 45], 0].mean() for view in views]
    ahead = np.array(nose) - np.array(eyes)
    assert (np.diff(ahead[1:4]) > 3.0).all()  # -45, 0, 45
    assert ahead[0] < -5.0
    assert ahead[-1] > 5.0


def test_a_detector_finds_the_turned_face_where_the_view_says_it_is(simulator, astronaut, face):
    large = Simulator(image_size=224, finder=simulator.finder)
    for view in large.simulate(astronaut, (-35, 35), face=face):
        found = fit_landmarks(large.model, large.finder.find_one(view.image).landmarks)
        # The predictor pulls the far jaw of this photo outwards, by up to 12 degrees at -35.
        assert abs(found.pose.yaw - view.pose.yaw) < 14.0
        assert abs(found.pose.yaw) > 20.0


def test_less_of_a_turned_head_was_really_shown(views):
    shown = [np.mean(view.mask) for view in views]
    assert shown[2] > shown[1] > shown[0]
    assert shown[2] > shown[3] > shown[4]


def test_the_same_photo_gives_the_same_view(simulator, astronaut, face, views):
    again = simulator.simulate(astronaut, [45], face=face)[0]
    np.testing.assert_array_equal(again.image, views[3].image)


def test_no_hole_and_no_old_face_beside_the_new_one(astronaut, face):
    plain = Simulator(image_size=96, background="none")
    view = plain.simulate(astronaut, [60], face=face)[0]
    corner = view.image[:6, -6:].reshape(-1, 3)
    assert (np.abs(corner.astype(int) - 128) <= 1).all()
    # The head's inside is never left grey-black: every pixel of the face has colour.
    left, top = view.landmarks.min(axis=0).astype(int) + 4
    right, bottom = view.landmarks.max(axis=0).astype(int) - 4
    assert view.image[top:bottom, left:right].max(axis=-1).min() > 15


@pytest.mark.parametrize("background", ["keep", "blur", "none"])
def test_backgrounds_differ_only_around_the_head(astronaut, face, views, background):
    view = Simulator(image_size=96, background=background).simulate(astronaut, [0], face=face)[0]
    centre = (slice(40, 60), slice(40, 60))
    np.testing.assert_array_equal(view.image[centre], views[2].image[centre])
    assert (np.mean(view.mask) < np.mean(views[2].mask)) == (background != "keep")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"background": "sky"}, "background.*sky"),
        ({"image_size": 8}, "image_size.*8"),
    ],
)
def test_bad_settings_are_named(arguments, message):
    with pytest.raises(DaganError, match=message):
        Simulator(**arguments)


@pytest.mark.parametrize(
    ("yaws", "pitch", "message"),
    [
        ([91], None, "yaw: got 91"),
        ([float("nan")], None, "yaw"),
        ([0], 40, "pitch"),
        ([], 0, "yaw"),
    ],
)
def test_angles_out_of_range_are_refused(simulator, astronaut, face, yaws, pitch, message):
    with pytest.raises(DaganError, match=message):
        simulator.simulate(astronaut, yaws, pitch=pitch, face=face)


def test_a_photo_without_a_face_is_refused(simulator):
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    with pytest.raises(FaceNotFoundError):
        simulator.simulate(noise, [45])


@pytest.mark.parametrize("name", ["min_face", "max_fit_error"])
@pytest.mark.parametrize("value", [-1.0, float("nan")])
def test_limits_that_limit_nothing_are_refused(name, value):
    with pytest.raises(DaganError, match=f"{name}: got {value}"):
        Simulator(image_size=96, **{name: value})


def test_a_fit_above_the_limit_is_refused(astronaut, face):
    strict = Simulator(image_size=96, max_fit_error=0.001)
    with pytest.raises(FitError, match=r"0\.001"):
        strict.simulate(astronaut, [45], face=face)


def turned(fit, yaw):
    return replace(fit, pose=replace(fit.pose, yaw=yaw))


@pytest.mark.parametrize(
    ("own", "asked", "allowed"),
    [
        (0, -90, True),
        (14.9, -90, True),
        (16, 90, True),
        (16, 16, True),
        (16, 10, False),
        (16, -30, False),
        (-40, -60, True),
        (-40, -30, False),
        (-40, 60, False),
    ],
)
def test_a_turned_photo_is_only_turned_further(simulator, astronaut, face, own, asked, allowed):
    fit = turned(simulator.fit(astronaut, face=face), own)
    reason = simulator.refusal(fit, asked)
    assert (reason is None) == allowed
    if not allowed:
        assert f"got {asked:+d}" in reason
        assert f"turned by {own:+d}" in reason


def test_refused_yaws_are_left_out_and_all_refused_is_an_error(simulator, astronaut, face):
    fit = turned(simulator.fit(astronaut, face=face), -40.0)
    made = simulator.simulate(astronaut, (30, -60), fit=fit)
    assert [view.pose.yaw for view in made] == [-60]
    with pytest.raises(DaganError, match=r"got \+30.*-90 to -40"):
        simulator.simulate(astronaut, (30,), fit=fit)


def test_a_fit_that_is_given_needs_no_detection(astronaut, face, views):
    class Blind:
        def find_one(self, photo):
            raise AssertionError("the photo was searched")

    blind = Simulator(image_size=96, finder=Blind())
    view = blind.simulate(astronaut, [45], fit=blind.fit(astronaut, face=face))[0]
    np.testing.assert_array_equal(view.image, views[3].image)


def test_depth_is_in_pixels_from_the_frame_s_centre(views):
    front, profile = views[2], views[4]
    for view in (front, profile):
        assert view.depth.dtype == np.float32
    row, column = np.rint(front.landmarks[30, ::-1]).astype(int)
    # The nose is nearest in the frontal view, by as many pixels as it stands out in the profile.
    assert np.nanmax(front.depth) - front.depth[row, column] < 1.0
    ahead = profile.landmarks[30, 0] - profile.landmarks[[36, 45], 0].mean()
    eyes = [front.depth[tuple(np.rint(front.landmarks[k, ::-1]).astype(int))] for k in (36, 45)]
    assert front.depth[row, column] - np.mean(eyes) == pytest.approx(ahead, abs=2.5)
    # The centre plane passes through the head: nose before it, ears behind it.
    assert front.depth[row, column] > 0


@pytest.mark.parametrize("pitch", [-30, 30])
def test_the_face_looks_up_and_down(simulator, astronaut, face, pitch):
    view = simulator.simulate(astronaut, [0], pitch=pitch, face=face)[0]
    level = simulator.simulate(astronaut, [0], pitch=0, face=face)[0]
    rise = (level.landmarks[27, 1] - level.landmarks[30, 1]) - (
        view.landmarks[27, 1] - view.landmarks[30, 1]
    )
    assert np.sign(rise) == -np.sign(pitch)
    assert view.pose.pitch == pitch


def test_a_model_without_expressions_draws_views(astronaut, face):
    head = MorphableModel.load()
    plain = replace(head, expression_modes=head.expression_modes[:0])
    view = Simulator(image_size=96, model=plain).simulate(astronaut, [45], face=face)[0]
    assert (view.mask == 255).mean() > 0.1


def test_the_photo_s_own_pose_gives_back_hair_and_surroundings(simulator, astronaut, face):
    aligned, _, _, _, fit = simulator.align(astronaut, face=face)
    view = simulator.simulate(astronaut, [fit.pose.yaw], face=face)[0]
    difference = np.abs(view.image.astype(int) - aligned.astype(int))
    # The canvas samples the photo twice, so sharp edges differ a little.
    assert difference.mean() < 5.0
    assert (difference.max(axis=-1) > 60).mean() < 0.02


def test_hair_turns_with_the_head(views):
    # The photo's backdrop is light and the hair dark: nothing of it is left before the face.
    for view, ahead in ((views[0], np.s_[:-8]), (views[-1], np.s_[8:])):
        nose = round(float(view.landmarks[30, 0]))
        brow = round(float(view.landmarks[19, 1]))
        strip = view.image[4 : brow + 8]
        before = strip[:, :nose][:, ahead] if view is views[0] else strip[:, nose:][:, ahead]
        assert before.min(axis=-1).mean() > 110


def test_teeth_keep_their_colour(astronaut, face):
    def between_lips(image, landmarks):
        inside = np.zeros(image.shape[:2], np.uint8)
        cv2.fillPoly(inside, [np.rint(landmarks[60:68]).astype(np.int32)], 1)
        return np.percentile(image[inside == 1], 75, axis=0)

    view = Simulator(image_size=256).simulate(astronaut, [25], face=face)[0]
    teeth = between_lips(view.image, view.landmarks)
    np.testing.assert_allclose(teeth, between_lips(astronaut, face.landmarks), atol=15)


def test_a_mark_at_the_cheek_s_edge_stays_on_the_turned_face(simulator, astronaut, face):
    mouth, jaw = face.landmarks[54], face.landmarks[13]
    marked = astronaut.copy()
    place = np.rint(0.3 * mouth + 0.7 * jaw).astype(int)
    cv2.circle(marked, (int(place[0]), int(place[1])), 4, (40, 20, 15), cv2.FILLED)
    fit = simulator.fit(astronaut)
    plain, shown = (
        simulator.simulate(photo, [-60], fit=fit)[0].image.astype(float).mean(axis=2)
        for photo in (astronaut, marked)
    )
    # It lies where the photo sees the cheek edge-on, and so in part gives way to the filling.
    assert (plain - shown > 30).sum() > 20


def test_every_pixel_has_a_depth_and_off_the_head_it_is_behind(views, astronaut, face):
    for view in views:
        assert np.isfinite(view.depth).all()
    # The corner on the side of the nose shows the backdrop.
    assert views[0].depth[2, 2] < np.median(views[0].depth[40:56, 40:56])
    assert views[-1].depth[2, -3] < np.median(views[-1].depth[40:56, 40:56])
    plain = Simulator(image_size=96, background="none").simulate(astronaut, [0], face=face)[0]
    assert np.isnan(plain.depth[2, :4]).any() or np.isnan(plain.depth[-40, :4]).any()
    np.testing.assert_array_equal(plain.depth[44:50, 44:50], views[2].depth[44:50, 44:50])


def test_the_far_jaw_s_landmarks_lie_on_the_outline(astronaut, face):
    simulator = Simulator(image_size=192, background="none")
    view = simulator.simulate(astronaut, [50], face=face)[0]
    off_head = np.isnan(view.depth)
    for x, y in np.rint(view.landmarks[11:15]).astype(int):
        assert off_head[y, x : x + 8].any()
        assert not off_head[y, x - 8 : x].all()


def test_a_head_whose_backdrop_cannot_be_told_apart_is_drawn_all_the_same(
    simulator, astronaut, face, monkeypatch
):
    monkeypatch.setattr("dagan_tf.simulator.scene.head_scene.person_mask", lambda *_: None)
    view = simulator.simulate(astronaut, [60], face=face)[0]
    assert (view.mask == 255).mean() > 0.1


def test_what_lies_beyond_the_photo_is_marked_as_not_seen(simulator, astronaut, face):
    # Cut at the brows, the ears and below the chin.
    left, top = face.landmarks.min(axis=0).astype(int)
    right, bottom = face.landmarks.max(axis=0).astype(int) + 10
    cut = np.ascontiguousarray(astronaut[top:bottom, left:right])
    moved = Face(face.box, face.landmarks - np.float32([left, top]))
    aligned, mask, _, _, fit = simulator.align(cut, face=moved)
    size = simulator.image_size
    beyond = ~inside_photo(cut.shape[:2], frame_matrix(simulator.model, fit, size), size)
    assert 0.3 < beyond.mean() < 0.9
    assert not mask[beyond].any()
    assert mask[~beyond].all()
    own, side = simulator.simulate(cut, [fit.pose.yaw, 60], face=moved)
    # Two resamplings: a pixel's width of the edge is left open.
    edge = cv2.dilate((~beyond).astype(np.uint8), np.ones((5, 5))) > 0
    assert not own.mask[~edge].any()
    assert own.mask[~beyond].mean() > 0.8 * 255
    whole = simulator.simulate(astronaut, [60], face=face)[0]
    assert side.mask.mean() < 0.7 * whole.mask.mean()
    # No streaks: above the photo's end neighbouring columns do not differ.
    rows = np.flatnonzero((~beyond).any(axis=1))[0]
    across = np.abs(np.diff(aligned[: rows - 8].astype(int), axis=1))
    assert across.max() < 12


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_photo_that_lies_on_its_side_gives_the_same_views(simulator, astronaut, views, quarters):
    turned = np.ascontiguousarray(np.rot90(astronaut, quarters))
    (view,) = simulator.simulate(turned, [45])
    upright = views[3]
    assert (view.source_pose.roll - upright.source_pose.roll + 90 * quarters + 180) % 360 == (
        pytest.approx(180, abs=3)
    )
    assert view.source_pose.yaw == pytest.approx(upright.source_pose.yaw, abs=3)
    assert np.abs(view.landmarks - upright.landmarks).max() < 0.03 * 96
    assert np.abs(view.image.astype(int) - upright.image.astype(int)).mean() < 8


@pytest.mark.slow
def test_a_profile_is_aligned_but_not_turned(astronaut, face):
    """A simulated profile as the photo: its frame and its side are known."""
    maker = Simulator(image_size=224)
    for yaw, view in zip((-90, 90), maker.simulate(astronaut, (-90, 90), face=face), strict=True):
        aligned = maker.align(view.image, yaw=yaw)
        assert aligned.fit is None
        assert aligned.pose.yaw == yaw
        apart = np.abs(aligned.landmarks[[30, 8, 36]] - view.landmarks[[30, 8, 36]])
        assert apart.max() < 0.1 * 224
        # A second face is painted on no cheek, whatever the layout says.
        with pytest.raises(ProfileError):
            maker.fit(view.image, yaw=yaw)
        # Nor if it says nothing. (At +90, as of 3 of 80 views of FRLL's people, the detector takes
        # a simulated profile for a face turned by a little.)
        if yaw < 0:
            with pytest.raises(FitError):
                maker.simulate(view.image, [yaw])


def test_what_keypoints_or_the_caller_call_a_profile_is_not_fitted(simulator, astronaut, face):
    points = np.array([[5, -12], [11, -13], [30, 7], [20, 25], [-46, -3], [-20, -3]]) + 200
    keypoints = tuple((float(x), float(y)) for x, y in points)
    profile = replace(face, box=replace(face.box, keypoints=keypoints))
    with pytest.raises(
        ProfileError, match=r"shows a profile \(\+88 degrees\).*expected at most 65"
    ):
        simulator.simulate(astronaut, [90], face=profile)
    with pytest.raises(ProfileError, match=r"shows a profile \(-90 degrees\)"):
        simulator.fit(astronaut, face=face, yaw=-90.0)
    assert simulator.align(astronaut, face=profile).pose.yaw == pytest.approx(88, abs=1)


def test_landmarks_that_deny_the_detector_are_refused(simulator, astronaut, face):
    with pytest.raises(FitError, match=r"what is known \+40 degrees"):
        simulator.fit(astronaut, face=face, yaw=40.0)
    assert simulator.fit(astronaut, face=face, yaw=5.0).error < 0.1


def test_a_face_of_few_pixels_is_refused(simulator, astronaut, face):
    scale = 30.0 / face.box.width
    small = cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    assert simulator.finder.find_all(small)
    for method in (simulator.fit, simulator.align, simulator.simulate):
        with pytest.raises(SmallFaceError, match=r"is \d\d pixels wide; expected at least 32"):
            method(small)
    assert Simulator(image_size=48, min_face=20.0).fit(small).error < 0.1


def test_yaws_may_be_an_array_or_a_generator(simulator, astronaut, face):
    fit = simulator.fit(astronaut, face=face)
    wanted = [10.0, 20.0]
    for yaws in (np.array(wanted), (yaw for yaw in wanted), np.float32(wanted), range(10, 21, 10)):
        views = simulator.simulate(astronaut, yaws, fit=fit)
        assert [view.pose.yaw for view in views] == wanted
    with pytest.raises(DaganError, match="got none"):
        simulator.simulate(astronaut, np.array([]), fit=fit)
    for wrong in (30, np.float32(30), ["left"], [None], "30", b"30"):
        with pytest.raises(DaganError, match=r"yaws: got .*, expected several degrees"):
            simulator.simulate(astronaut, wrong, fit=fit)


def _landmarks(simulator, photo):
    return simulator.simulate(photo, [30])[0].landmarks


@pytest.mark.slow
def test_a_used_simulator_goes_to_another_process(simulator, astronaut):
    wanted = _landmarks(simulator, astronaut)
    for again in (pickle.loads(pickle.dumps(simulator)), copy.deepcopy(simulator)):
        np.testing.assert_array_equal(_landmarks(again, astronaut), wanted)
    with get_context("spawn").Pool(1) as pool:
        np.testing.assert_array_equal(pool.apply(_landmarks, (simulator, astronaut)), wanted)
