import numpy as np

from dagan_tf.faces.filling import frame_photo, inside_photo, push_pull


def test_what_is_known_stays_and_what_is_not_lies_between():
    image = np.tile(np.linspace(0, 200, 64, dtype=np.float32)[None, :, None], (64, 1, 3))
    known = np.ones((64, 64), np.float32)
    known[20:40, 20:40] = 0
    hole = known == 0
    filled = push_pull(np.where(hole[..., None], 999, image).astype(np.float32), known)
    np.testing.assert_array_equal(filled[~hole], image[~hole])
    assert filled[hole].min() > image[0, 10, 0]
    assert filled[hole].max() < image[0, 50, 0]
    # It follows the ramp, not only its mean.
    assert filled[30, 37, 0] - filled[30, 22, 0] > 15


def test_nothing_known_gives_grey():
    filled = push_pull(np.zeros((9, 5, 3), np.float32), np.zeros((9, 5), np.float32))
    np.testing.assert_allclose(filled, 127.5)


def test_only_pixels_whose_centres_lie_in_the_photo_are_inside():
    shift = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, -1.0]])  # 2 to the right, 1 up
    inside = inside_photo((4, 3), shift, 8)
    wanted = np.zeros((8, 8), bool)
    wanted[:3, 2:5] = True
    np.testing.assert_array_equal(inside, wanted)
    half = np.array([[0.5, 0.0, -0.25], [0.0, 0.5, -0.25]])  # a photo twice as large, exactly
    assert inside_photo((16, 16), half, 8).all()
    assert not inside_photo((14, 16), half, 8)[7].any()


def test_no_streaks_beyond_the_photo_s_edge():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::8] = 255
    stripes[:, 1::8] = 255
    below = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, -32.0]])
    image, shown = frame_photo(stripes, below, 64)
    np.testing.assert_array_equal(image[:32], stripes[32:])
    assert shown[:32].all()
    assert not shown[32:].any()
    assert np.ptp(image[-1, 8:-8].astype(int)) < 20  # 255 when edge pixels are repeated
    assert 30 < image[-1].mean() < 100  # the stripes' mean is 64


def test_a_photo_that_fills_the_frame_is_left_alone():
    photo = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    image, shown = frame_photo(photo, np.eye(2, 3), 20)
    np.testing.assert_array_equal(image, photo)
    assert shown.all()
