"""Every adversarial form against the losses added up by hand from the networks' own answers."""

import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from dagan_tf.config.reading import ConfigError
from dagan_tf.config.settings import load_config
from dagan_tf.gan import losses
from dagan_tf.gan.augmentation import augment
from dagan_tf.gan.history import History
from dagan_tf.gan.objectives import objectives
from tests.gan.test_dagan import PEOPLE, TINY, batches
from tests.helpers.shared_graphs import build_dagan

WEIGHTS = ["loss.identity_weight=0.3", "loss.pose_weight=0.7", "generator.input_skip=false"]
FORMS = ["began", "literal", "gan", "patch"]


def found(
    form,
    *overrides,
    adversaries=1.0,
    balance=0.25,
    step=0,
    history=None,
    likeness=None,
    labels=None,
):
    extra = ["loss.initial_balance=0.25"] if form == "literal" else []
    config = load_config(
        "small-64", [*TINY, *WEIGHTS, *extra, f"loss.adversarial={form}", *overrides]
    )
    keras.utils.set_random_seed(0)
    model = build_dagan(config, PEOPLE, likeness=likeness)
    batch = next(iter(batches(1)))
    if labels is not None:
        batch["real_label"] = tf.constant(labels)
    got = objectives(
        config.loss, model.generator, model.discriminator, batch,
        balance=tf.constant(balance), adversaries=tf.constant(adversaries),
        step=tf.constant(step, tf.int64), history=history, likeness=likeness,
    )  # fmt: skip
    return model, batch, got


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("scale", "pixel"),
        ("form", "l2"),
        ("downsample", 2),
        ("colour_weight", 3.0),
    ],
)
def test_every_setting_of_the_pose_loss_reaches_it(key, value):
    model, batch, got = found("gan", f"loss.pose_{key}={value}")
    pair = batch["simulated"], model.generator(batch["simulated"]), batch["mask"]
    plain = losses.pose_perception(*pair, outside_weight=0.1)
    want = float(np.mean(losses.pose_perception(*pair, outside_weight=0.1, **{key: value})))
    assert abs(want / float(np.mean(plain)) - 1) > 0.01
    assert float(got.values["pose_loss"]) == pytest.approx(want, rel=1e-4)


@pytest.mark.parametrize("form", FORMS)
def test_weights_and_signs(form):
    model, batch, got = found(form)
    refined = model.generator(batch["simulated"])
    real_answer, real_logits = model.discriminator(batch["real"])
    refined_answer, refined_logits = model.discriminator(refined)

    def softplus(z):
        return float(np.log1p(np.exp(np.asarray(z, np.float64))).mean())

    if form in ("began", "literal"):
        real = float(np.abs(batch["real"] - real_answer).mean())
        fake = float(np.abs(refined - refined_answer).mean())
        against = real - 0.25 * fake
        towards = fake * (0.25 if form == "literal" else 1.0)
    else:
        real, fake, towards = (
            softplus(-real_answer),
            softplus(refined_answer),
            softplus(-refined_answer),
        )
        against = real + fake
        assert refined_answer.shape[1:] == ((1, 1, 1) if form == "gan" else (8, 8, 1))
    masked = losses.pose_perception(batch["simulated"], refined, batch["mask"], outside_weight=0.1)
    pose = float(np.mean(masked))
    identity = [
        float(np.mean(losses.identity_perception(logits, labels)))
        for logits, labels in (
            (real_logits, batch["real_label"]), (refined_logits, batch["simulated_label"]),
        )
    ]  # fmt: skip
    assert float(got.discriminator_loss) == pytest.approx(against + 0.3 * sum(identity), rel=1e-4)
    assert float(got.generator_loss) == pytest.approx(
        towards + 0.7 * pose + 0.3 * identity[1], rel=1e-4
    )
    assert float(got.values["real_error"]) == pytest.approx(real, rel=1e-4)
    assert float(got.values["refined_error"]) == pytest.approx(fake, rel=1e-4)


@pytest.mark.parametrize("form", FORMS)
def test_in_warmup_the_refiner_has_the_pose_loss_only(form):
    _, _, got = found(form, adversaries=0.0)
    assert float(got.generator_loss) == pytest.approx(
        0.7 * float(got.values["pose_loss"]), rel=1e-5
    )


def test_the_penalty_is_added_every_fourth_step_four_times():
    overrides = ["loss.adversarial=patch", "loss.identity_weight=0", "discriminator.patch_heads=2"]
    model, batch, plain = found("patch", *overrides)
    _, _, with_penalty = found("patch", *overrides, "loss.gradient_penalty=0.5")
    real = batch["real"]
    with tf.GradientTape() as tape:
        tape.watch(real)
        answer = model.discriminator(real)[0]
        assert answer.shape[1:] == (16, 16, 2)
        total = tf.reduce_sum(tf.reduce_mean(answer, axis=(1, 2, 3)))
    squares = float(tf.reduce_mean(tf.reduce_sum(tape.gradient(total, real) ** 2, (1, 2, 3))))
    assert squares > 1e-5
    assert float(with_penalty.discriminator_loss) == pytest.approx(
        float(plain.discriminator_loss) + 0.5 * 4 * squares, rel=1e-5
    )
    assert float(with_penalty.generator_loss) == pytest.approx(float(plain.generator_loss))


def test_a_likeness_that_is_wanted_and_not_there_is_refused():
    with pytest.raises(ConfigError, match=r"embedding_weight = 0.5: expected a likeness agent"):
        found("patch", "loss.embedding_weight=0.5")


def test_the_likeness_is_weighed_into_the_refiners_loss_only():
    def likeness(simulated, refined, yaws, draws, labels):
        difference = tf.reduce_mean(refined - 2 * simulated, axis=(1, 2, 3))
        return difference + yaws + 100 * draws[:, 2] + 10 * tf.cast(labels, tf.float32)

    model, batch, got = found("patch", "loss.embedding_weight=0.6", likeness=likeness)
    _, _, plain = found("patch")
    difference = model.generator(batch["simulated"]) - 2 * batch["simulated"]
    want = float(tf.reduce_mean(difference) + tf.reduce_mean(batch["simulated_yaw"]))
    want += 100 * float(tf.reduce_mean(batch["simulated_draws"][:, 2]))
    want += 10 * float(tf.reduce_mean(tf.cast(batch["simulated_label"], tf.float32)))
    assert abs(want) > 1
    assert float(got.values["embedding_loss"]) == pytest.approx(want, rel=1e-5)
    assert float(got.generator_loss) == pytest.approx(
        float(plain.generator_loss) + 0.6 * want, rel=1e-4
    )
    assert float(got.discriminator_loss) == pytest.approx(float(plain.discriminator_loss))


@pytest.mark.parametrize(("step", "own"), [(6, False), (7, True)])
def test_until_its_step_nobodys_own_change_is_asked_for(step, own):
    def likeness(simulated, refined, yaws, draws, labels):
        return tf.cast(labels, tf.float32)

    overrides = ["loss.embedding_weight=1", "loss.embedding_own_from=7"]
    _, batch, got = found("patch", *overrides, step=step, likeness=likeness)
    labels = batch["simulated_label"].numpy()
    assert labels.mean() > 0
    assert float(got.values["embedding_loss"]) == pytest.approx(labels.mean() if own else -1)


def test_all_that_the_discriminator_sees_is_changed_by_the_batch_s_draws():
    model, batch, got = found("patch", "loss.identity_weight=0", "loss.augment=true")
    refined = model.generator(batch["simulated"])
    answers = [
        model.discriminator(augment(images, batch[f"{domain}_draws"]))[0]
        for images, domain in ((batch["real"], "real"), (refined, "simulated"))
    ]
    real, fake = (float(tf.reduce_mean(tf.nn.softplus(a))) for a in (-answers[0], answers[1]))
    assert float(got.values["real_error"]) == pytest.approx(real, rel=1e-4)
    assert float(got.values["refined_error"]) == pytest.approx(fake, rel=1e-4)
    _, _, plain = found("patch", "loss.identity_weight=0")
    assert abs(float(plain.values["real_error"]) - real) > 1e-5
    assert float(got.values["pose_loss"]) == pytest.approx(float(plain.values["pose_loss"]))


def test_the_auto_encoder_reconstructs_what_it_saw():
    model, batch, got = found("began", "loss.augment=true")
    seen = augment(batch["real"], batch["real_draws"])
    want = float(tf.reduce_mean(tf.abs(seen - model.discriminator(seen)[0])))
    assert float(got.values["real_error"]) == pytest.approx(want, rel=1e-4)
    refined = augment(model.generator(batch["simulated"]), batch["simulated_draws"])
    want = float(tf.reduce_mean(tf.abs(refined - model.discriminator(refined)[0])))
    assert float(got.values["refined_error"]) == pytest.approx(want, rel=1e-4)


def test_the_auto_encoder_takes_no_gradient_penalty():
    with pytest.raises(ConfigError, match=r"gradient_penalty = 1.0 .* expected `gan` or `patch`"):
        load_config("small-64", ["loss.gradient_penalty=1"])


@pytest.mark.slow
def test_switches_of_the_ablations():
    _, _, plain = found("began")
    _, _, no_pose = found("began", "loss.pose_weight=0")
    _, _, no_identity = found("began", "loss.identity_weight=0")
    v = {name: float(value) for name, value in no_pose.values.items()}
    assert float(no_pose.generator_loss) == pytest.approx(
        v["refined_error"] + 0.3 * v["identity_loss_refined"], rel=1e-4
    )
    v = {name: float(value) for name, value in no_identity.values.items()}
    assert float(no_identity.discriminator_loss) == pytest.approx(
        v["real_error"] - 0.25 * v["refined_error"], rel=1e-4
    )
    assert float(plain.generator_loss) > 0


def test_the_discriminator_alone_learns_from_the_history():
    history = History(4, 16)
    old = tf.fill((4, 16, 16, 3), 0.9)
    history.exchange(old, tf.zeros(4, tf.int32), tf.constant(0, tf.int64))
    history.exchange(old, tf.zeros(4, tf.int32), tf.constant(1, tf.int64))
    model, batch, got = found("began", "loss.identity_weight=0", history=history)
    refined = model.generator(batch["simulated"])
    mixed = tf.concat([old[:2], refined[2:]], axis=0)
    judged = float(np.abs(mixed - model.discriminator(mixed)[0]).mean())
    want = float(got.values["real_error"]) - 0.25 * judged
    assert float(got.discriminator_loss) == pytest.approx(want, rel=1e-4)
    fresh = float(np.abs(refined - model.discriminator(refined)[0]).mean())
    assert float(got.values["refined_error"]) == pytest.approx(fresh, rel=1e-4)
    assert abs(judged - fresh) > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("augmented", ["false", "true"])
def test_unlabelled_reals_are_learned_as_what_the_agent_surely_calls_them(augmented):
    overrides = [f"loss.augment={augmented}"]
    labels = np.array([-1, -1, 1, -1], np.int32)
    model, batch, _ = found("gan", *overrides, labels=labels)

    def logs(images):
        return scipy.special.log_softmax(np.asarray(model.discriminator(images)[1], float), axis=1)

    plain = logs(batch["real"])
    changed = augment(batch["real"], batch["real_draws"])
    seen = logs(changed) if augmented == "true" else plain
    sureness = np.exp(plain.max(axis=1))
    confidence = float(np.median(sureness[labels < 0]) - 1e-6)
    named = np.where((labels < 0) & (sureness >= confidence), plain.argmax(axis=1), labels)
    assert list(named < 0).count(True) == 1
    want = -sum(seen[i, label] for i, label in enumerate(named) if label >= 0) / len(labels)
    sure = f"loss.identity_confidence={confidence}"
    _, _, got = found("gan", *overrides, sure, labels=labels)
    assert float(got.values["identity_loss_real"]) == pytest.approx(want, rel=1e-4)
