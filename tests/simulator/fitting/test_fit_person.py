import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from dagan_tf.simulator.fitting import fit as fitting
from dagan_tf.simulator.fitting.basis import fit_basis
from dagan_tf.simulator.fitting.fit import FitError, fit_landmarks, fit_person
from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.render.camera import Camera, Pose, rotation_matrix

YAWS = (-40.0, 0.0, 40.0)


@pytest.fixture(scope="module")
def model() -> MorphableModel:
    return MorphableModel.load()


def noisy_views(model, identity, rng):
    basis = fit_basis(model)
    coefficients = np.zeros(basis.modes.shape[2])
    coefficients[basis.expressions :][: len(identity)] = identity
    views = []
    for yaw in YAWS:
        rotation = rotation_matrix(Pose(yaw))
        points, _ = basis.place(rotation, coefficients)
        seen = Camera(100.0, rotation, np.array([300.0, 300.0])).project(points)[:, :2]
        views.append(seen + 1.6 * rng.standard_normal((68, 2)))
    return views


def shape_error(model, identity, truth):
    places = [model.vertices(values)[model.landmark_vertices] for values in (identity, truth)]
    return np.sqrt(((places[0] - places[1]) ** 2).sum(axis=1).mean())


def test_a_shared_identity_is_nearer_to_the_truth_than_single_ones(model):
    single, shared = [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        truth = rng.standard_normal(30)
        views = noisy_views(model, truth, rng)
        single += [
            np.mean([shape_error(model, fit_landmarks(model, v).identity, truth) for v in views])
        ]
        fits = fit_person(model, views)
        shared.append(shape_error(model, fits[0].identity, truth))
        for fit, yaw in zip(fits, YAWS, strict=True):
            np.testing.assert_array_equal(fit.identity, fits[0].identity)
            assert abs(fit.pose.yaw - yaw) < 4.0
    assert all(np.array(shared) < np.array(single))
    assert np.mean(shared) < 0.75 * np.mean(single)


def test_one_photo_is_fitted_as_by_fit_landmarks(model):
    rng = np.random.default_rng(3)
    view = noisy_views(model, rng.standard_normal(10), rng)[0]
    alone, person = fit_landmarks(model, view), fit_person(model, [view])[0]
    np.testing.assert_array_equal(person.identity, alone.identity)
    assert person.error == alone.error


def test_photos_may_have_any_size_and_their_own_expression(model):
    rng = np.random.default_rng(4)
    views = noisy_views(model, rng.standard_normal(10), rng)
    fits = fit_person(model, views)
    moved = fit_person(model, [views[0], 5.0 * views[1] + 70.0, views[2]])
    np.testing.assert_allclose(moved[0].identity, fits[0].identity, atol=2e-3)
    np.testing.assert_allclose(moved[1].camera.scale, 5.0 * fits[1].camera.scale, rtol=1e-4)
    assert (fits[0].expression != fits[1].expression).any()


def test_no_photo_and_a_bad_one_are_refused(model):
    with pytest.raises(FitError, match="no photo"):
        fit_person(model, [])
    with pytest.raises(FitError, match="68 finite"):
        fit_person(model, [np.zeros((67, 2))])


def test_people_of_frll_share_their_identity_between_photos(model, frll_dir):
    from dagan_tf.faces.face import FaceFinder
    from dagan_tf.faces.photo_io import read_photo

    finder = FaceFinder()
    front = sorted((frll_dir / "neutral_front").glob("*.jpg"))[1:8:2]
    for path in front:
        name = path.name.split("_")[0]
        views = [path]
        for side in ("left", "right"):
            views += sorted((frll_dir / f"neutral_{side}_3quarter").glob(f"{name}_*.jpg"))[:1]
        assert len(views) == 3
        fits = fit_person(model, [finder.find_one(read_photo(view)).landmarks for view in views])
        np.testing.assert_array_equal(fits[0].identity, fits[2].identity)
        assert fits[0].error < 0.05
        assert max(fit.error for fit in fits) < 0.07
        assert [np.sign(round(fit.pose.yaw / 30)) for fit in fits] == [0, -1, 1]


def test_a_fit_holds_blas_to_one_thread(model, monkeypatch):
    found = []
    real = fitting.normal_equations

    def watched(*arguments):
        pools = threadpool_info()
        found.append({pool["num_threads"] for pool in pools if pool["user_api"] == "blas"})
        return real(*arguments)

    monkeypatch.setattr(fitting, "normal_equations", watched)
    with threadpool_limits(2, user_api="blas"):
        fit_person(model, noisy_views(model, np.zeros(1), np.random.default_rng(0)))
    assert found
    assert all(threads == {1} for threads in found)
