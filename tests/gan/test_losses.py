"""Losses against hand-computed numbers and against NumPy, SciPy and scikit-learn."""

import functools

import numpy as np
import pytest
import scipy.special
import sklearn.metrics
import tensorflow as tf

from dagan_tf.gan import losses

RNG = np.random.default_rng(0)


def pixels(*rows):
    """Images of one row of grey pixels: float32 (N, 1, W, 3)."""
    return tf.constant(np.repeat(np.array(rows, np.float32)[:, None, :, None], 3, axis=3))


class TestPosePerception:
    def test_by_hand(self):
        loss = losses.pose_perception(pixels([0, 1], [0.5, 0.5]), pixels([1, 1], [0, -0.5]))
        np.testing.assert_allclose(loss, [0.5, 0.75])

    def test_the_paper_divides_by_pixels_only(self):
        loss = losses.pose_perception(pixels([0, 1]), pixels([1, 1]), scale="pixel")
        np.testing.assert_allclose(loss, [1.5])

    def test_mask_by_hand(self):
        mask = tf.constant([[[[1.0], [0.0]]]])
        a, b = pixels([0, 0]), pixels([0.4, 0.8])
        # (0.4 + 0.25 * 0.8) / 2
        loss = losses.pose_perception(a, b, mask, outside_weight=0.25)
        np.testing.assert_allclose(loss, [0.3], rtol=1e-6)
        unmasked = losses.pose_perception(a, b, mask, outside_weight=1.0)
        np.testing.assert_allclose(unmasked, [0.6], rtol=1e-6)

    def test_numpy(self):
        a, b = RNG.uniform(-1, 1, (2, 4, 5, 6, 3)).astype(np.float32)
        mask = RNG.uniform(0, 1, (4, 5, 6, 1)).astype(np.float32)
        weight = 0.3 + 0.7 * mask
        want = (np.abs(a - b) * weight).sum((1, 2, 3)) / (5 * 6)
        got = losses.pose_perception(a, b, mask, outside_weight=0.3, scale="pixel")
        np.testing.assert_allclose(got, want, rtol=1e-5)


def test_reconstruction_error_by_hand():
    error = losses.reconstruction_error(pixels([1, -1], [0, 0]), pixels([0, 0], [0.25, 0]))
    np.testing.assert_allclose(error, [1.0, 0.125])


class TestIdentityPerception:
    logits = RNG.normal(0, 2, (6, 4)).astype(np.float32)
    labels = np.array([0, 3, 1, 2, 2, 0], np.int32)

    def test_softmax_by_hand(self):
        logits = tf.constant([[0.0, 0.0], [np.log(3.0), 0.0]])
        loss = losses.identity_perception(logits, tf.constant([0, 1]))
        np.testing.assert_allclose(loss, [np.log(2), np.log(4)], rtol=1e-6)

    def test_sigmoid_by_hand(self):
        # -(log sigmoid(0) + log(1 - sigmoid(log 3))) / 2 = (log 2 + log 4) / 2
        loss = losses.identity_perception(
            tf.constant([[0.0, np.log(3.0)]]), tf.constant([0]), "sigmoid"
        )
        np.testing.assert_allclose(loss, [(np.log(2) + np.log(4)) / 2], rtol=1e-6)

    def test_softmax_against_scikit_learn(self):
        got = tf.reduce_mean(losses.identity_perception(self.logits, self.labels))
        probabilities = scipy.special.softmax(self.logits.astype(np.float64), axis=1)
        want = sklearn.metrics.log_loss(self.labels, probabilities, labels=range(4))
        np.testing.assert_allclose(got, want, rtol=1e-5)

    def test_sigmoid_against_scikit_learn(self):
        got = losses.identity_perception(self.logits, self.labels, "sigmoid")
        probabilities = scipy.special.expit(self.logits.astype(np.float64))
        want = [
            sklearn.metrics.log_loss(np.arange(4) == label, p, labels=[0, 1])
            for label, p in zip(self.labels, probabilities, strict=True)
        ]
        np.testing.assert_allclose(got, want, rtol=1e-5)

    @pytest.mark.parametrize("form", ["softmax", "sigmoid"])
    def test_unlabelled_images_cost_nothing_and_teach_nothing(self, form):
        logits = tf.Variable(self.logits)
        labels = tf.constant([-1, 3, -1, 2, 2, -1])
        with tf.GradientTape() as tape:
            loss = losses.identity_perception(logits, labels, form)
        gradient = tape.gradient(loss, logits).numpy()
        np.testing.assert_array_equal(loss.numpy() == 0, labels.numpy() < 0)
        np.testing.assert_array_equal(np.abs(gradient).sum(1) == 0, labels.numpy() < 0)


class TestConfidentLabels:
    logits = tf.math.log([[0.9, 0.06, 0.04], [0.2, 0.3, 0.5], [0.03, 0.02, 0.95], [0.1, 0.8, 0.1]])
    labels = tf.constant([-1, -1, 1, -1])

    @pytest.mark.parametrize(
        ("confidence", "want"),
        [(0.95, [-1, -1, 1, -1]), (0.85, [0, -1, 1, -1]), (0.5, [0, 2, 1, 1])],
    )
    def test_only_the_sure_and_unlabelled_are_named(self, confidence, want):
        got = losses.confident_labels(self.logits, self.labels, confidence - 1e-4)
        np.testing.assert_array_equal(got, want)

    def test_the_sigmoid_form_asks_each_identity_alone(self):
        logits = tf.constant([[2.0, 2.1], [-3.0, -1.0]])  # sigmoid 0.88, 0.89; 0.05, 0.27
        got = losses.confident_labels(logits, tf.constant([-1, -1]), 0.85, "sigmoid")
        np.testing.assert_array_equal(got, [1, -1])


class TestAdversarial:
    def test_discriminator_by_hand(self):
        loss = losses.adversarial_discriminator(
            tf.constant([1.0, 2.0]), tf.constant([4.0, 0.0]), 0.25
        )
        np.testing.assert_allclose(loss, [0.0, 2.0])

    def test_generator_by_hand(self):
        error = tf.constant([4.0, 1.0])
        np.testing.assert_allclose(losses.adversarial_generator(error, 0.25), [4.0, 1.0])
        literal = losses.adversarial_generator(error, 0.25, "literal")
        np.testing.assert_allclose(literal, [1.0, 0.25])

    def test_the_literal_form_is_dead_at_balance_zero(self):
        error = tf.Variable([4.0])
        for form, slope in (("literal", 0.0), ("began", 1.0)):
            with tf.GradientTape() as tape:
                loss = losses.adversarial_generator(error, 0.0, form)
            np.testing.assert_array_equal(tape.gradient(loss, error), [slope])


def test_embedding_perception_by_hand():
    simulated = tf.constant([[1.0, 2.0], [0.0, 0.0], [5.0, 5.0]])
    refined = tf.constant([[2.0, 2.0], [0.0, 3.0], [5.5, 4.0]])
    loss = losses.embedding_perception(simulated, refined, tf.constant([0.5, -1.0]))
    np.testing.assert_allclose(loss, [0.25 + 1.0, 0.25 + 16.0, 0.0])


def test_convergence_measure_by_hand():
    # 2 + |0.5 * 2 - 4| and 2 + |0.5 * 2 - 0.5|
    measure = losses.convergence_measure(tf.constant([2.0, 2.0]), tf.constant([4.0, 0.5]), 0.5)
    np.testing.assert_allclose(measure, [5.0, 2.5])


class TestPoseForms:
    """Differences 0.05 and 0.4 (grey)."""

    def loss(self, **kwargs):
        return losses.pose_perception(pixels([0, 0]), pixels([0.05, 0.4]), **kwargs)

    def test_l2(self):
        np.testing.assert_allclose(self.loss(form="l2"), [(0.0025 + 0.16) / 2], rtol=1e-6)

    @pytest.mark.parametrize(
        ("form", "red", "rest"), [("l1", 0.7011, 0.2989), ("l2", 0.4915, 0.0893)]
    )
    def test_a_change_of_colour_costs_more_than_one_of_brightness(self, form, red, rest):
        assert_close = np.testing.assert_allclose
        darker = losses.pose_perception(pixels([0, 0]), pixels([1, 0]), form=form, colour_weight=2)
        assert_close(darker, [0.5], rtol=1e-3)
        redder = tf.constant([[[[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]]])
        # By hand: a red of 1 has luma 0.2989; 0.7011 and twice 0.2989 remain, squared in L2.
        want = (1 / 3 + 2 * (red + 2 * rest) / 3) / 2
        loss = losses.pose_perception(pixels([0, 0]), redder, form=form, colour_weight=2)
        assert_close(loss, [want], rtol=1e-3)
        # The mask and the blocks hold for both parts.
        loss = losses.pose_perception(
            pixels([0, 0]),
            redder,
            tf.zeros((1, 1, 2, 1)),
            outside_weight=0.5,
            form=form,
            colour_weight=2,
        )
        assert_close(loss, [want / 2], rtol=1e-3)

    def test_blocks_are_averaged_before_comparing(self):
        checks = np.indices((4, 4)).sum(axis=0) % 2 * 2.0 - 1.0  # -1, 1: each block's mean is 0
        image = tf.constant(np.repeat(checks[None, :, :, None], 3, axis=3), tf.float32)
        flat = tf.zeros_like(image)
        np.testing.assert_allclose(losses.pose_perception(flat, image), [1.0])
        np.testing.assert_allclose(losses.pose_perception(flat, image, downsample=2), [0.0])
        mask = tf.constant(
            np.repeat([[1.0, 1.0, 0.0, 0.0]], 4, axis=0)[None, :, :, None], tf.float32
        )
        shifted = flat + 0.5
        loss = losses.pose_perception(flat, shifted, mask, outside_weight=0.2, downsample=2)
        np.testing.assert_allclose(loss, [0.5 * (1 + 0.2) / 2], rtol=1e-6)


def test_decisions_by_hand():
    logits = tf.constant([[0.0, 2.0], [-1.0, 3.0]])[:, :, None, None]
    softplus = lambda z: np.log1p(np.exp(z))  # noqa: E731
    real = [np.mean([softplus(0.0), softplus(-2.0)]), np.mean([softplus(1.0), softplus(-3.0)])]
    fake = [np.mean([softplus(0.0), softplus(2.0)]), np.mean([softplus(-1.0), softplus(3.0)])]
    np.testing.assert_allclose(losses.decision_error(logits, real=True), real, rtol=1e-6)
    np.testing.assert_allclose(losses.decision_error(logits, real=False), fake, rtol=1e-6)
    weights = tf.constant([[2.0, 0.0], [0.5, 0.5]])[:, :, None, None]
    weighted = [softplus(0.0), 0.5 * real[1]]
    np.testing.assert_allclose(
        losses.decision_error(logits, real=True, weights=weights), weighted, rtol=1e-6
    )
    # The refiner wants the same as if its images were real.
    np.testing.assert_allclose(losses.decision_deceived(logits, weights), weighted, rtol=1e-6)


def test_hinge_decisions_against_numpy():
    logits = tf.constant([[0.0, 2.0], [-1.0, 3.0]])[:, :, None, None]
    weights = tf.constant([[2.0, 0.0], [0.5, 0.5]])[:, :, None, None]
    error = functools.partial(losses.decision_error, logits, form="hinge")
    np.testing.assert_allclose(error(real=True), [0.5, 1.0])
    np.testing.assert_allclose(error(real=False), [2.0, 2.0])
    np.testing.assert_allclose(error(real=True, weights=weights), [1.0, 0.5])
    np.testing.assert_allclose(losses.decision_deceived(logits, form="hinge"), [-1.0, -1.0])
    np.testing.assert_allclose(losses.decision_deceived(logits, weights, "hinge"), [0.0, -0.5])


@pytest.mark.parametrize("form", ["cross_entropy", "hinge"])
def test_an_undecided_discriminator(form):
    for real in (True, False):
        error = losses.decision_error(tf.zeros((1, 2, 2, 1)), real=real, form=form)
        np.testing.assert_allclose(error, losses.UNDECIDED[form], rtol=1e-6)
