import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagan_tf.faces.alignment import (
    apply_similarity,
    fit_similarity,
    invert_similarity,
    roi_matrix,
    upright,
    upright_square,
    warp_similarity,
)


def similarity(scale=1.0, degrees=0.0, shift=(0.0, 0.0)):
    angle = np.deg2rad(degrees)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([linear, shift])


@given(st.floats(0.05, 20), st.floats(-180, 180), st.floats(-1e3, 1e3), st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_fit_recovers_an_exact_similarity(scale, degrees, shift, seed):
    source = np.random.default_rng(seed).normal(size=(7, 2)) * 40
    expected = similarity(scale, degrees, (shift, -shift))
    np.testing.assert_allclose(
        fit_similarity(source, apply_similarity(expected, source)), expected, atol=1e-8 * 1e3
    )


def test_fit_agrees_with_scikit_image_on_noisy_points():
    transform = pytest.importorskip("skimage.transform")
    rng = np.random.default_rng(0)
    for _ in range(20):
        source = rng.normal(size=(68, 2)) * 50 + 200
        target = apply_similarity(similarity(0.7, 33, (5, 9)), source) + rng.normal(size=(68, 2))
        if hasattr(transform.SimilarityTransform, "from_estimate"):  # scikit-image >= 0.26
            oracle = transform.SimilarityTransform.from_estimate(source, target)
        else:
            oracle = transform.SimilarityTransform()
            oracle.estimate(source, target)
        np.testing.assert_allclose(
            fit_similarity(source, target), oracle.params[:2], rtol=1e-9, atol=1e-9
        )


def test_fit_is_the_least_squares_optimum_even_for_mirrored_points():
    rng = np.random.default_rng(1)
    source = rng.normal(size=(10, 2))
    target = source * [-1, 1] + 0.1 * rng.normal(size=(10, 2))
    best = fit_similarity(source, target)
    assert np.linalg.det(best[:, :2]) > 0

    def error(matrix):
        return np.square(apply_similarity(matrix, source) - target).sum()

    for _ in range(200):
        a, b, x, y = 1e-3 * rng.normal(size=4)
        assert error(best + np.array([[a, -b, x], [b, a, y]])) > error(best)


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        (np.ones((5, 2)), np.zeros((5, 2)), "coincide"),
        (np.full((5, 2), 1e6), np.zeros((5, 2)), "coincide"),
        (np.zeros((5, 2)), np.zeros((4, 2)), "expected both"),
        (np.zeros((1, 2)), np.zeros((1, 2)), "N >= 2"),
        (np.array([[0, 0], [np.nan, 1]]), np.zeros((2, 2)), "not finite"),
    ],
)
def test_fit_refuses(source, target, message):
    with pytest.raises(ValueError, match=message):
        fit_similarity(source, target)


def test_inverse_and_dtype():
    matrix = similarity(0.3, 70, (4, -8))
    points = np.random.default_rng(2).normal(size=(3, 4, 2)).astype(np.float32)
    there = apply_similarity(matrix, points)
    assert there.dtype == np.float32
    np.testing.assert_allclose(
        apply_similarity(invert_similarity(matrix), there), points, atol=1e-5
    )
    # A quarter turn by hand: x right, y down, (1, 0) -> (0, 1).
    np.testing.assert_allclose(apply_similarity(similarity(2, 90, (1, 1)), [[1, 0]]), [[1, 3]])


def test_identity_and_whole_pixel_shift_are_exact():
    photo = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    np.testing.assert_array_equal(warp_similarity(photo, similarity(), 40), photo)
    shifted = warp_similarity(photo, similarity(shift=(-5, -7)), 20)
    np.testing.assert_array_equal(shifted, photo[7:27, 5:25])
    turned = warp_similarity(photo, similarity(degrees=90, shift=(39, 0)), 40)
    np.testing.assert_array_equal(turned, np.rot90(photo, -1))


@pytest.mark.parametrize(("factor", "rounding"), [(2, 0.51), (3, 0.51), (4, 1.01), (6, 1.01)])
def test_whole_shrinking_is_the_area_average(factor, rounding):
    photo = np.random.default_rng(0).integers(0, 256, (20 * factor,) * 2 + (3,), dtype=np.uint8)
    shift = 0.5 / factor - 0.5  # Edges stay edges: x' + 0.5 = (x + 0.5) / factor.
    small = warp_similarity(photo, similarity(1 / factor, shift=(shift, shift)), 20)
    blocks = photo.reshape(20, factor, 20, factor, 3).mean(axis=(1, 3))
    assert np.abs(small - blocks).max() <= rounding


@pytest.mark.parametrize(("numerator", "denominator"), [(4, 3), (5, 2), (11, 2), (7, 1), (28, 3)])
def test_broken_shrinking_is_near_the_exact_area_average(astronaut, numerator, denominator):
    size = 512 * denominator // numerator // denominator * denominator
    used = size * numerator // denominator
    photo = np.ascontiguousarray(astronaut[:used, :used])
    scale = denominator / numerator
    shift = 0.5 * scale - 0.5
    matrix = similarity(scale, shift=(shift, shift))
    small = warp_similarity(photo, matrix, size)
    fine = photo.repeat(denominator, axis=0).repeat(denominator, axis=1).astype(np.float64)
    area = fine.reshape(size, numerator, size, numerator, 3).mean(axis=(1, 3))
    difference = np.abs(small - area).mean()
    assert difference < 1.5
    # Point sampling, which aliases, is much farther away.
    naive = cv2.warpAffine(photo, matrix, (size, size), flags=cv2.INTER_NEAREST)
    assert difference < 0.3 * np.abs(naive - area).mean()


@pytest.mark.parametrize("degrees", [0, 30])
def test_shrinking_a_fine_pattern_gives_its_mean(degrees):
    board = ((np.indices((600, 600)).sum(axis=0) % 2) * 255).astype(np.uint8)
    photo = np.dstack([board] * 3)
    centre = apply_similarity(similarity(1 / 5.3, degrees), [[300, 300]])[0]
    small = warp_similarity(photo, similarity(1 / 5.3, degrees, 32 - centre), 64)
    assert np.abs(small.astype(int) - 127).max() <= 12


@pytest.mark.parametrize("scale", [3.0, 1.0, 0.6, 0.21])
def test_features_land_where_the_matrix_says(scale):
    rows, columns = np.indices((300, 300))
    spot = np.array([140.3, 171.8])
    blob = 255 * np.exp(-((columns - spot[0]) ** 2 + (rows - spot[1]) ** 2) / (2 * 9.0**2))
    size = 200
    centre = apply_similarity(similarity(scale, 20), spot)
    matrix = similarity(scale, 20, np.array([90.0, 110.0]) - centre)
    warped = warp_similarity(np.rint(blob).astype(np.uint8), matrix, size).astype(float)
    rows, columns = np.indices((size, size))
    found = np.array([(columns * warped).sum(), (rows * warped).sum()]) / warped.sum()
    np.testing.assert_allclose(found, [90, 110], atol=0.05)


def test_borders():
    photo = np.full((10, 10, 3), 200, np.uint8)
    for scale in (1.0, 0.5):
        outside = similarity(scale, shift=(30, 30))
        assert (warp_similarity(photo, outside, 64) == 200).all()
        black = warp_similarity(photo, outside, 64, border="black")
        assert black[5, 5].tolist() == [0, 0, 0]
        assert black[32, 32].tolist() == [200, 200, 200]
    far = warp_similarity(photo, similarity(shift=(-5000, 0)), 8, border="black")
    assert not far.any()


def test_wide_photo_beyond_opencvs_limit():
    photo = np.zeros((8, 40_000, 3), np.uint8)
    photo[:, 35_000:] = 255
    warped = warp_similarity(photo, similarity(shift=(-34_990, 0)), 20)
    np.testing.assert_array_equal(warped[4, :, 0], [0] * 10 + [255] * 10)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 0}, "size is 0"),
        ({"border": "wrap"}, "border is 'wrap'; expected one of replicate, black"),
        ({"matrix": np.array([[-1.0, 0, 0], [0, 1, 0]])}, "mirrors"),
        ({"matrix": np.eye(3)}, r"expected \(2, 3\)"),
        ({"photo": np.zeros((4, 4, 3), np.float32)}, "float32"),
    ],
)
def test_warp_refuses(change, message):
    arguments = {"photo": np.zeros((4, 4, 3), np.uint8), "matrix": similarity(), "size": 4}
    with pytest.raises(ValueError, match=message):
        warp_similarity(**(arguments | change))


@pytest.fixture
def upright_face() -> np.ndarray:
    """68 points of a plain mirror-symmetric face: jaw, brows, nose, eyes, mouth."""
    angles = np.deg2rad(np.linspace(180, 0, 17))
    jaw = np.column_stack([100 + 60 * np.cos(angles), 100 + 70 * np.sin(angles)])
    brows = [(x, 70.0) for x in (55, 63, 71, 79, 87, 113, 121, 129, 137, 145)]
    nose = [(100.0, y) for y in (85, 95, 105, 115)] + [(x, 120.0) for x in (90, 95, 100, 105, 110)]
    eyes = [
        (centre + dx, 85.0 + dy)
        for centre in (75, 125)
        for dx, dy in ((-10, 0), (-4, -4), (4, -4), (10, 0), (4, 4), (-4, 4))
    ]
    mouth = [(100 + 20 * np.cos(a), 140 - 8 * np.sin(a)) for a in np.linspace(np.pi, -np.pi, 20)]
    return np.vstack([jaw, brows, nose, eyes, mouth])


@pytest.mark.parametrize("degrees", [0, -50, 25, 160])
def test_roi_is_upright_centred_and_holds_the_margin(upright_face, degrees):
    turned = apply_similarity(similarity(1.7, degrees, (30, 400)), upright_face)
    points = apply_similarity(roi_matrix(turned, 200, margin=0.25), turned)
    low, high = points.min(axis=0), points.max(axis=0)
    np.testing.assert_allclose((low + high) / 2, 99.5, atol=1e-6)
    assert (high - low).max() == pytest.approx(200 / 1.5)
    eyes = points[42:48].mean(axis=0) - points[36:42].mean(axis=0)
    assert abs(eyes[1]) < 1.5  # The mouth's end point is counted twice: not quite symmetric.
    assert eyes[0] > 0


def test_roi_of_a_profile_follows_the_long_line(upright_face):
    profile = (upright_face - [100, 0]) * [0.1, 1]
    profile[36:42] += [0, 3]  # A short, slanted line of the eyes says little.
    matrix = roi_matrix(profile, 100)
    tilt = np.rad2deg(np.arctan2(matrix[1, 0], matrix[0, 0]))
    slant = np.rad2deg(np.arctan2(-3, 5))
    assert abs(tilt) < 0.2 * abs(slant)


def test_roi_refuses_points_that_are_no_face():
    with pytest.raises(ValueError, match="no upright direction"):
        roi_matrix(np.ones((68, 2)), 100)
    with pytest.raises(ValueError, match="expected"):
        roi_matrix(np.ones((5, 2)), 100)


def test_a_tilted_place_comes_upright_to_the_middle():
    # A head tilted clockwise by 30 degrees: its chin lies to the lower left of its brow.
    brow, chin = np.array([200.0, 100.0]), np.array([150.0, 100.0 + 50.0 * np.sqrt(3.0)])
    matrix = upright_square((brow + chin) / 2, 30.0, 0.5, 101)
    found = apply_similarity(matrix, np.stack([brow, chin]))
    np.testing.assert_allclose(found, [[50.0, 25.0], [50.0, 75.0]], atol=1e-9)
    np.testing.assert_allclose(upright(30.0) @ upright(-30.0), np.eye(2), atol=1e-12)
