"""Printed and handwritten digits as images and as records."""

import numpy as np

from dagan_tf.data.digits import NAMES, handwritten_digits, printed_digits, write_digit_records
from dagan_tf.data.records import read_records


def test_printed_digits_are_grey_seeded_and_in_the_frame():
    images, labels = printed_digits(40, 16, seed=3)
    assert (images.shape, images.dtype) == ((40, 16, 16, 3), np.uint8)
    assert labels.tolist() == list(range(10)) * 4
    assert (images == images[..., :1]).all()
    np.testing.assert_array_equal(printed_digits(40, 16, seed=3)[0], images)
    assert (printed_digits(40, 16, seed=4)[0] != images).any()
    grey = images[..., 0].astype(float)
    assert (grey.max(axis=(1, 2)) > 100).all()
    place = np.arange(16) - 7.5
    offsets = [(g.sum(axis) * place).sum() / g.sum() for g in grey for axis in (0, 1)]
    assert abs(np.mean(offsets)) < 0.6  # on average in the middle
    assert max(map(abs, offsets)) < 4


def test_a_zero_has_a_hole_and_a_one_has_not():
    images, _ = printed_digits(200, 16, seed=0)
    centre = images[:, 6:10, 7:9, 0].mean(axis=(1, 2)).reshape(20, 10).mean(axis=0)
    assert centre[0] < 0.6 * centre[1]


def test_handwriting_is_cut_once_and_enlarged():
    (known, known_labels), (unseen, unseen_labels) = handwritten_digits(16)
    assert (len(known), len(unseen)) == (899, 898)
    assert len(known_labels) == 899
    assert known.shape[1:] == (16, 16, 3)
    assert known.max() == 255
    assert set(unseen_labels) == set(range(10))
    flat = {image.tobytes() for image in known}
    assert sum(image.tobytes() in flat for image in unseen) == 0


def test_records_carry_labels_only_if_given(tmp_path):
    images, labels = printed_digits(12, 16, seed=0)
    index = write_digit_records(tmp_path / "a", images, labels, domain="simulated")
    assert (index.count, index.image_size, index.identities) == (12, 16, list(NAMES))
    assert write_digit_records(tmp_path / "b", images, None, domain="real").identities == []
    found = {record.source: record.identity for record in read_records(tmp_path / "a")}
    assert [found[f"simulated/{i}"] for i in range(12)] == list("012345678901")
