import numpy as np

from dagan_tf.simulator.scene.lighting import (
    LEAST_LIGHT,
    MOST_DIRECTED,
    estimate_light,
    light_on,
    rolled_off,
)


def sphere(count=500):
    points = np.random.default_rng(0).standard_normal((count, 3))
    points[:, 2] = np.abs(points[:, 2])
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def test_the_light_of_a_lit_sphere_is_found_in_spite_of_some_hair():
    normals = sphere()
    true = np.array([0.4, -0.1, 0.2])
    colours = np.outer(1.0 + normals @ true, [150.0, 110.0, 90.0])
    colours[:40] *= 0.2
    found = estimate_light(colours, normals, np.ones(len(normals)))
    assert found @ true / np.linalg.norm(found) / np.linalg.norm(true) > 0.97
    assert 0.6 < np.linalg.norm(found) / np.linalg.norm(true) < 1.1


def test_even_or_unknown_light_has_no_direction_and_strong_light_is_bounded():
    normals = sphere()
    even = np.full((500, 3), 120.0)
    assert np.linalg.norm(estimate_light(even, normals, np.ones(500))) < 1e-6
    np.testing.assert_array_equal(estimate_light(even, normals, np.zeros(500)), 0.0)
    hard = np.outer(np.maximum(0.0, normals[:, 0]), [200.0] * 3)
    assert np.linalg.norm(estimate_light(hard, normals, np.ones(500))) <= MOST_DIRECTED + 1e-9


def test_light_on_a_surface():
    normals = np.array([[1, 0, 0], [0, 1, 0], [-1, 0, 0]], np.float32)
    np.testing.assert_allclose(light_on(normals, np.array([0.6, 0, 0])), [1.6, 1.0, LEAST_LIGHT])


def test_brightness_is_held_below_a_limit_softly():
    brightness = np.array([10.0, 75.0, 100.0, 150.0, 400.0])
    held = brightness * rolled_off(brightness, 100.0)
    np.testing.assert_allclose(held[:2], brightness[:2], rtol=0.01)
    assert (np.diff(held) > 0).all()
    assert 90 < held[2] < 95
    assert held[-1] < 100.01
