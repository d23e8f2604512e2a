"""Detection, landmarks, the finder and the embedding on one public-domain portrait."""

import pickle

import cv2
import dlib
import numpy as np
import pytest

from dagan_tf.embedders.dlib_resnet import FaceEmbedder, distance
from dagan_tf.errors import DaganError
from dagan_tf.faces.detector import FaceBox, FaceDetector
from dagan_tf.faces.face import FaceFinder, FaceNotFoundError, SeveralFacesError
from dagan_tf.faces.landmarks import LandmarkPredictor
from dagan_tf.faces.weights import FACE_EMBEDDING, LANDMARKS_68, weight_path


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return FaceFinder()


@pytest.fixture(scope="module")
def face(finder, astronaut):
    return finder.find_one(astronaut)


def shape_of(photo, rectangle):
    shape = dlib.shape_predictor(str(weight_path(LANDMARKS_68)))(photo, rectangle)
    return shape, np.array([(part.x, part.y) for part in shape.parts()], dtype=float)


def relative_error(points, reference):
    eyes = np.hypot(*(reference[36] - reference[45]))
    return np.sqrt(np.square(points - reference).sum(axis=1).mean()) / eyes


def test_the_face_is_found_once_by_hog(astronaut):
    boxes = FaceDetector(["hog", "cnn"]).detect(astronaut)
    assert len(boxes) == 1
    (oracle,) = dlib.get_frontal_face_detector()(astronaut)
    assert boxes[0] == FaceBox(
        oracle.left(), oracle.top(), oracle.width() - 1, oracle.height() - 1, boxes[0].score, "hog"
    )
    assert boxes[0].score > 0.5


@pytest.mark.parametrize("scale", [0.15, 0.4, 5.0])
def test_small_and_large_photos(astronaut, finder, face, scale):
    crop = astronaut[40:220, 130:310]
    photo = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found = finder.find_one(photo)
    assert found.box.detector == "blaze"
    real_scale = np.array(photo.shape[1::-1]) / crop.shape[1::-1]
    back = (found.landmarks + 0.5) / real_scale - 0.5 + (130, 40)
    assert relative_error(back, face.landmarks) < (0.05 if scale < 1 else 0.03)


def test_landmarks_agree_with_dlib_at_full_size(astronaut, face):
    assert face.landmarks.shape == (68, 2)
    assert face.landmarks.dtype == np.float32
    (rectangle,) = dlib.get_frontal_face_detector()(astronaut)
    _, oracle = shape_of(astronaut, rectangle)
    assert relative_error(face.landmarks, oracle) < 0.03


def test_box_at_the_border_and_outside(astronaut, face):
    predictor = LandmarkPredictor()
    left, top = int(face.box.left) + 10, int(face.box.top) + 10
    cut = np.ascontiguousarray(astronaut[top:, left:])
    moved = FaceBox(face.box.left - left, face.box.top - top, 87, 87, 1.0, "given")
    points = predictor.predict(cut, moved) + np.array([left, top])
    assert relative_error(points, face.landmarks) < 0.15
    with pytest.raises(DaganError, match="outside the photo of 512x512"):
        predictor.predict(astronaut, FaceBox(900, 900, 50, 50, 1.0, "given"))


def test_cnn_takes_over_where_hog_sees_nothing(astronaut, face):
    photo = np.ascontiguousarray(astronaut[20:260, 100:340])
    detector = FaceDetector(["hog", "cnn"])
    detector._run_hog = lambda photo: []
    (box,) = detector.detect(photo)
    assert box.detector == "cnn"
    oracle = FaceFinder(["hog"]).find_one(astronaut).box
    assert abs(box.left + box.width / 2 + 100 - (oracle.left + oracle.width / 2)) < 12
    assert abs(box.width - oracle.width) < 15
    without = FaceDetector(["hog"])
    without._run_hog = detector._run_hog
    assert without.detect(photo) == []


def test_the_cnns_box_gives_the_same_landmarks(astronaut, face):
    photo = np.ascontiguousarray(astronaut[20:260, 100:340])
    (box,) = FaceDetector(["cnn"]).detect(photo)
    points = LandmarkPredictor().predict(photo, box) + np.array([100, 20])
    assert relative_error(points, face.landmarks) < 0.04


@pytest.mark.slow
def test_no_face(finder):
    blank = np.full((120, 90, 3), 128, np.uint8)
    assert finder.find_all(blank) == []
    assert FaceDetector(["hog"]).detect(blank) == []
    with pytest.raises(FaceNotFoundError, match="no face found in the photo of 90x120 pixels"):
        finder.find_one(blank)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 2), (20, 400)])
def test_absurd_shapes_hold_no_face(size):
    photo = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    assert FaceDetector().detect(photo) == []


def test_a_badge_is_no_second_face(astronaut, finder):
    """HOG takes the badge of the mirrored portrait for a face once JPEG has blurred it."""
    _, file = cv2.imencode(".jpg", astronaut[:, ::-1, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 75])
    photo = cv2.imdecode(file, cv2.IMREAD_COLOR_RGB)
    assert len(dlib.get_frontal_face_detector()(photo)) == 2
    assert finder.find_one(photo).box.top < 100


def test_several_faces(astronaut, finder):
    face_crop = astronaut[40:220, 130:310]
    pair = np.hstack([face_crop, face_crop])
    assert len(finder.find_all(pair)) == 2
    with pytest.raises(SeveralFacesError, match="2 faces found"):
        finder.find_one(pair)
    big = cv2.resize(face_crop, (360, 360), interpolation=cv2.INTER_CUBIC)
    photo = np.hstack([np.vstack([face_crop, face_crop]), big])
    faces = finder.find_all(photo)
    assert len(faces) == 3
    assert faces[0].box.area > 2 * faces[1].box.area
    assert finder.find_one(photo).box == faces[0].box


def test_given_landmarks_are_used_as_they_are(finder, astronaut, face):
    given = face.landmarks.astype(np.float64)
    found = finder.find_one(astronaut, landmarks=given)
    np.testing.assert_array_equal(found.landmarks, face.landmarks)
    assert found.box.detector == "given"
    given[:] = 0
    assert found.landmarks.any()  # A copy: the caller's array may change.


def test_given_box_is_used(finder, astronaut, face):
    hog = FaceFinder(["hog"]).find_one(astronaut)
    box = FaceBox(hog.box.left, hog.box.top, hog.box.width, hog.box.height, 1.0, "given")
    found = finder.find_one(astronaut, box=box)
    assert found.box is box
    np.testing.assert_array_equal(found.landmarks, hog.landmarks)
    assert relative_error(found.landmarks, face.landmarks) < 0.03


@pytest.mark.parametrize(
    ("landmarks", "message"),
    [
        (np.zeros((5, 2)), r"shape \(5, 2\); expected \(68, 2\)"),
        (np.full((68, 2), np.nan), "not finite"),
        (np.full((68, 2), 50.0), "not a face"),
        (np.random.default_rng(0).uniform(600, 700, (68, 2)), "0 of 68 landmarks lie inside"),
        ([["a", "b"]] * 68, "not an array of numbers"),
    ],
)
def test_bad_landmarks(finder, astronaut, landmarks, message):
    with pytest.raises(DaganError, match=message):
        finder.find_one(astronaut, landmarks=landmarks)


@pytest.mark.parametrize(
    "photo", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3)), np.zeros((0, 9, 3), np.uint8), "a"]
)
def test_bad_photo(finder, photo):
    with pytest.raises(ValueError, match="expected"):
        finder.find_one(photo)


@pytest.mark.parametrize("bad", [{"width": 0.0}, {"left": float("nan")}])
def test_bad_box(bad):
    values = {"left": 1.0, "top": 1.0, "width": 5.0, "height": 5.0, "score": 1.0}
    with pytest.raises(ValueError, match="FaceBox"):
        FaceBox(**(values | bad), detector="given")


def test_used_objects_can_be_pickled(finder, astronaut, face):
    assert finder.find_one(astronaut)
    again = pickle.loads(pickle.dumps(finder)).find_one(astronaut)
    np.testing.assert_array_equal(again.landmarks, face.landmarks)
    embedder = FaceEmbedder()
    first = embedder.embed(astronaut, face.landmarks)
    data = pickle.dumps(embedder)
    assert len(data) < 1000
    np.testing.assert_array_equal(pickle.loads(data).embed(astronaut, face.landmarks), first)


def test_embedding_agrees_with_dlibs_own_way(astronaut, face):
    (rectangle,) = dlib.get_frontal_face_detector()(astronaut)
    shape, _ = shape_of(astronaut, rectangle)
    network = dlib.face_recognition_model_v1(str(weight_path(FACE_EMBEDDING)))
    oracle = np.array(network.compute_face_descriptor(astronaut, shape))
    embedding = FaceEmbedder().embed(astronaut, face.landmarks)
    assert embedding.shape == (128,)
    assert embedding.dtype == np.float32
    assert distance(embedding, oracle) < 0.15


def test_embedding_knows_the_person_again_but_not_another_texture(astronaut, face, finder):
    embedder = FaceEmbedder()
    original = embedder.embed(astronaut, face.landmarks)
    mirrored = np.ascontiguousarray(astronaut[:, ::-1])
    small = cv2.resize(astronaut[40:220, 130:310], (90, 90), interpolation=cv2.INTER_AREA)
    for photo in (mirrored, small):
        other = embedder.embed(photo, finder.find_one(photo).landmarks)
        assert distance(original, other) < 0.4
    noise = np.random.default_rng(0).integers(0, 256, astronaut.shape, dtype=np.uint8)
    assert distance(original, embedder.embed(noise, face.landmarks)) > 0.6


def test_distance_by_hand():
    assert distance(np.zeros(2, np.float32), np.array([3, 4], np.float32)) == 5.0
