"""The table on made-up sets whose answer is known: half-refined faces lie half-way."""

import cv2
import numpy as np
import pytest

from dagan_tf.evaluation.comparison import (
    approach_row,
    change_row,
    distance_row,
    identity_row,
    kernel_gain,
    own_photo_row,
)
from dagan_tf.evaluation.face_set import FaceSet
from dagan_tf.evaluation.judges import pass_row, train_judges, two_sample_row
from dagan_tf.evaluation.measure import Measure

_PEOPLE = 24
_TRAIN = [f"{i:03d}" for i in range(14)]
_TEST = [f"{i:03d}" for i in range(14, _PEOPLE)]


def _faces(noise: float, seed: int) -> FaceSet:
    """Two smooth "photos" of each person, with as much grain; the embedding shows the person."""
    people = np.repeat([f"{i:03d}" for i in range(_PEOPLE)], 2)
    rng = np.random.default_rng(seed)
    images = []
    for person in people:
        own = np.random.default_rng(int(person)).uniform(60, 200, (8, 8, 3))
        coarse = own + rng.normal(0, 15, own.shape)
        smooth = cv2.resize(coarse, (32, 32), interpolation=cv2.INTER_CUBIC)
        images.append(np.clip(smooth + rng.normal(0, noise, smooth.shape), 0, 255))
    centres = np.random.default_rng(99).normal(size=(_PEOPLE, 4))
    embedding = centres[people.astype(int)] + rng.normal(0, 0.1, (len(people), 4))
    return FaceSet(np.stack(images).astype(np.uint8), people, {"net": embedding})


@pytest.fixture(scope="module")
def sets() -> dict[str, FaceSet]:
    return {"real": _faces(12, 1), "simulated": _faces(3, 2), "refined": _faces(9.5, 3)}


def test_half_refined_faces_lie_between(sets) -> None:
    real, simulated, refined = (sets[name].of(_TEST) for name in ("real", "simulated", "refined"))
    judges = train_judges(sets["real"].of(_TRAIN), sets["simulated"].of(_TRAIN))
    assert set(judges) == {"linear, whole image", "linear, face only"}
    rows = [pass_row(judges, real, faces) for faces in (simulated, refined, real)]
    for judge in judges:
        logits = [row[Measure(f"logit, {judge}")] for row in rows]
        assert logits[0] < logits[1] < logits[2]
        assert rows[0][Measure(f"pass as real, {judge}")].value < 0.3
        assert rows[2][Measure(f"pass as real, {judge}")].value > 0.7
        assert rows[0][Measure(f"AUC, {judge}")].value > 0.95
        assert Measure(f"AUC, {judge}") not in rows[2]


def test_two_sample_row_is_near_half_for_the_same_source(sets) -> None:
    real = sets["real"].of(_TEST)
    alike = two_sample_row(real, _faces(12, 7).of(_TEST), repeats=2)[
        Measure("two-sample AUC, whole image")
    ]
    apart = two_sample_row(real, sets["simulated"].of(_TEST), repeats=2)
    assert alike.low <= alike.value <= alike.high
    assert alike.value == pytest.approx(0.5, abs=0.2)
    assert apart[Measure("two-sample AUC, whole image")].value > 0.95
    assert apart[Measure("two-sample accuracy, face only")] > 0.8


def test_distances_and_their_gain(sets) -> None:
    real, simulated, refined = (sets[name].of(_TEST) for name in ("real", "simulated", "refined"))
    reference = sets["real"].of(_TRAIN)
    rows = [distance_row(real, faces, reference) for faces in (simulated, refined)]
    assert set(rows[0]) == {
        Measure(f"{measure} distance, {space}")
        for measure in ("kernel", "Fréchet")
        for space in ("net", "appearance", "pixels")
    }
    name = Measure("kernel distance, appearance")
    assert rows[1][name].value < rows[0][name].value
    gain = kernel_gain(real, simulated, refined, reference, "appearance")
    assert gain.value == pytest.approx(rows[0][name].value - rows[1][name].value)
    assert gain.low > 0


def test_identity_row_finds_a_swapped_person(sets) -> None:
    gallery, probes = sets["real"], sets["refined"].of(_TEST)
    references = {"photo": {"net": sets["real"].of(_TEST).embeddings["net"]}}
    kept = identity_row(probes, references, gallery)
    assert kept[Measure("net rank-1")].value == 1.0
    assert kept[Measure("net nearer to another person")] == 0.0
    swapped = probes.embeddings["net"].copy()
    swapped[:2] = gallery.of(_TRAIN).embeddings["net"][:2]
    row = identity_row(FaceSet(probes.images, probes.people, {"net": swapped}), references, gallery)
    assert row[Measure("net nearer to another person")] == pytest.approx(2 / 20)
    assert (
        row[Measure("net distance to photo")].value > kept[Measure("net distance to photo")].value
    )


def test_approach_row_by_hand() -> None:
    people, images = np.array(["a", "b"]), np.zeros((2, 8, 8, 3), np.uint8)
    before, after = (
        FaceSet(images, people, {"net": np.array(found, float)})
        for found in ([[3, 4], [0, 1]], [[0, 1], [0, 2.5]])
    )
    # Distances to the origin: 5 and 1 before, 1 and 2.5 after.
    row = approach_row(before, after, {"photo": {"net": np.zeros((2, 2))}})
    assert set(row) == {Measure("net approach to photo")}
    assert row[Measure("net approach to photo")].value == pytest.approx((4 - 1.5) / 2)


def test_change_row_by_hand() -> None:
    images = np.zeros((2, 8, 8, 3), np.uint8)
    images[1] = 100
    inputs = FaceSet(images, np.array(["a", "b"]), {})
    faces = FaceSet(images + np.uint8(4), inputs.people, {})
    row = change_row(faces, inputs)
    assert row[Measure("change of the simulated, grey levels")].value == 4.0
    assert row[Measure("diversity, grey levels")] == pytest.approx(100.0)


def test_own_photo_row_by_hand() -> None:
    def difference(images: np.ndarray, photos: np.ndarray) -> float:
        row = own_photo_row(FaceSet(images, np.array(["a", "b"]), {}), photos)
        return row[Measure("difference from own photo, grey levels")].value

    photos = np.full((2, 48, 48, 3), 40, np.uint8)
    images = photos.copy()
    images[0, :, :24] = 0
    images[1, :24] = 100
    # Half of each image, by 40 and by 60: (20 + 30) / 2.
    assert difference(images, photos) == 25.0
    # Within a block of 2 x 2 pixels darker and lighter ones cancel.
    stripes = photos.copy()
    stripes[:, ::2] = 80
    stripes[:, 1::2] = 0
    assert difference(stripes, photos) == 0.0
    with pytest.raises(ValueError, match=r"\(2, 48, 48, 3\) faces but \(1, 48, 48, 3\)"):
        difference(images, photos[:1])


def test_sets_must_fit_together() -> None:
    with pytest.raises(ValueError, match=r"lengths \[1, 2\]"):
        FaceSet(np.zeros((2, 8, 8, 3), np.uint8), np.array(["a"]), {})
