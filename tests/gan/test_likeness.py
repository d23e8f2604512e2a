"""The frozen recogniser as an agent: its steps, its loss, its part in the step."""

import numpy as np
import pytest
import tensorflow as tf

from dagan_tf.config.settings import DataConfig, load_config
from dagan_tf.data.record_format import Record
from dagan_tf.data.records import write_records
from dagan_tf.errors import DaganError
from dagan_tf.faces.photo_io import encode_png
from dagan_tf.gan.likeness import Likeness
from dagan_tf.pretrained.model_folder import load_generator
from dagan_tf.training.run import train_on_records
from tests.gan.test_dagan import TINY

SIZE = 16
NOBODY = tf.fill((3,), -1)


def write(folder, domain, yaws, seed, people=None):
    images = np.random.default_rng(seed).integers(0, 256, (len(yaws), SIZE, SIZE, 3), np.uint8)
    records = [
        Record(encode_png(image), SIZE, person, f"{index}", domain, yaw=yaw)
        for index, (image, yaw, person) in enumerate(
            zip(images, yaws, people or ["p"] * len(yaws), strict=True)
        )
    ]
    write_records(folder, records)
    return tf.constant(images / 127.5 - 1.0, tf.float32), tf.constant(yaws, tf.float32)


def grey(images):
    weights = tf.constant([0.2989, 0.5870, 0.1140])
    return tf.repeat(tf.reduce_sum(images * weights, axis=-1, keepdims=True), 3, axis=-1)


@pytest.mark.slow
@pytest.mark.parametrize("flip", [False, True])
def test_the_gap_is_the_difference_of_means(tmp_path, flip):
    simulated = write(tmp_path / "simulated", "simulated", [30, -80, 5], 0)
    real = write(tmp_path / "real", "real", [90, -90], 1)
    config = DataConfig(image_size=SIZE, horizontal_flip=flip)
    likeness = Likeness.measured(tmp_path / "simulated", tmp_path / "real", config)

    def mean(images, yaws):
        found = likeness.embed(images, yaws)
        if flip:
            found = tf.concat([found, likeness.embed(images[:, :, ::-1], -yaws)], axis=0)
        return tf.reduce_mean(found, axis=0)

    gap = mean(*real) - mean(*simulated)
    assert float(tf.norm(gap)) > 0.01
    # An image left as it is lies the whole gap from where it ought to be.
    loss = likeness(simulated[0], simulated[0], simulated[1], tf.fill((3, 5), 0.5), NOBODY)
    np.testing.assert_allclose(loss, [float(tf.reduce_sum(gap**2))] * 3, rtol=1e-3)
    grey_gap = mean(grey(real[0]), real[1]) - mean(grey(simulated[0]), simulated[1])
    loss = likeness(
        simulated[0],
        simulated[0],
        simulated[1],
        tf.constant([[0.0, 0.5, 0.5, 0.5, 0.5]] * 3),
        NOBODY,
    )
    np.testing.assert_allclose(loss, [float(tf.reduce_sum(grey_gap**2))] * 3, rtol=1e-3)
    assert abs(loss[0] / float(tf.reduce_sum(gap**2)) - 1) > 0.01
    # One that has moved: by which way it went the sign of the gap is known.
    refined = simulated[0][::-1]
    loss = likeness(simulated[0], refined, simulated[1], tf.fill((3, 5), 0.5), NOBODY)
    move = likeness.embed(refined, simulated[1]) - likeness.embed(*simulated)
    np.testing.assert_allclose(loss, tf.reduce_sum((move - gap) ** 2, axis=1), rtol=1e-3)
    assert np.abs(loss / tf.reduce_sum((move + gap) ** 2, axis=1) - 1).max() > 0.01


@pytest.mark.slow
def test_each_person_has_a_step_of_their_own(tmp_path):
    folders = tmp_path / "simulated", tmp_path / "real"
    # b has no photo, c no simulated view; the rows are in the order of the labels.
    drawn, drawn_yaws = write(folders[0], "simulated", [30, -80, 5, 40], 0, ["a", "b", "d", "a"])
    photos, yaws = write(folders[1], "real", [90, -90, 20, 0], 1, ["d", "a", "c", "d"])
    config = DataConfig(image_size=SIZE, horizontal_flip=False)
    likeness = Likeness.measured(*folders, config, ["d", "a", "b", "c"])

    def mean(images, yaws, rows):
        return tf.reduce_mean(tf.gather(likeness.embed(images, yaws), rows), axis=0)

    common = mean(photos, yaws, range(4)) - mean(drawn, drawn_yaws, range(4))
    own = [
        mean(photos, yaws, [0, 3]) - mean(drawn, drawn_yaws, [2]),
        mean(photos, yaws, [1]) - mean(drawn, drawn_yaws, [0, 3]),
    ]
    assert min(float(tf.norm(step - common)) for step in own) > 0.01
    # An image left as it is lies the whole step from where it ought to be.
    want = [float(tf.reduce_sum(step**2)) for step in (*own, common, common, common)]
    shown = [tf.repeat(drawn[:1], 5, axis=0)] * 2
    draws, labels = tf.fill((5, 5), 0.5), tf.constant([0, 1, 2, 3, -1])
    loss = likeness(*shown, tf.zeros(5), draws, labels)
    np.testing.assert_allclose(loss, want, rtol=1e-3)
    # Without own steps labels do not count.
    alike = Likeness.measured(*folders, config)(*shown, tf.zeros(5), draws, labels)
    np.testing.assert_allclose(alike, [want[-1]] * 5, rtol=1e-3)


@pytest.mark.parametrize(
    ("drawn", "moves"),
    [
        ([0.6, 0.5, 0.5, 0.5, 0.5], [0.0, 0.0, 0.0, 0.0]),
        ([0.4, 0.5, 0.5, 0.5, 0.5], [0.0, 0.0, 0.0, 0.0]),
        # By hand: 0.04 sides of 2 x 0.9 - 1 to the right, of 2 x 0.2 - 1 down; 0.1 and 0.15 radians
        # of 0.4 and of -0.8.
        ([0.6, 0.9, 0.2, 0.7, 0.1], [0.032, -0.024, 0.04, -0.12]),
    ],
)
def test_a_refined_face_is_compared_with_its_own_simulated_one(drawn, moves):
    images = tf.random.stateless_uniform((2, SIZE, SIZE, 3), (1, 2), -1, 1)
    yaws = tf.constant([0.0, 60.0])
    draws = tf.constant([drawn, drawn])
    none = Likeness(SIZE)
    np.testing.assert_allclose(none(images, images, yaws, draws, NOBODY[:2]), [0, 0], atol=1e-10)

    def embedded(index):
        shown = grey(images) if drawn[0] < 0.5 else images
        return none.embed(shown[index : index + 1], yaws[:1], tf.constant([moves]))

    expected = tf.reduce_sum((embedded(0) - embedded(1)) ** 2)
    swapped = none(images[:1], images[1:], yaws[:1], draws[:1], NOBODY[:1])
    np.testing.assert_allclose(swapped, [float(expected)], rtol=1e-4)


def test_faces_of_unknown_yaw_are_refused(tmp_path):
    write(tmp_path / "simulated", "simulated", [30], 0)
    write(tmp_path / "real", "real", [float("nan"), 20], 1)
    with pytest.raises(DaganError, match=r"real'.*yaw of 1 images.*embedding_weight"):
        Likeness.measured(tmp_path / "simulated", tmp_path / "real", DataConfig(image_size=SIZE))


@pytest.mark.parametrize(("step", "measured"), [("own", ["p"]), ("common", [])])
def test_a_training_measures_the_steps_it_is_set_to(tmp_path, monkeypatch, step, measured):
    class Asked(Exception):
        pass

    def measure(simulated, real, config, identities):
        raise Asked(list(identities))

    monkeypatch.setattr(Likeness, "measured", measure)
    for seed, domain in enumerate(("simulated", "real")):
        write(tmp_path / domain, domain, [30, -80, 5, 90], seed)
    overrides = [*TINY, "loss.embedding_weight=3", f"loss.embedding_step={step}"]
    folders = tmp_path / "simulated", tmp_path / "real"
    with pytest.raises(Asked) as asked:
        train_on_records(
            load_config("small-64", overrides), *folders, ["p"], tmp_path / "model", verbose=False
        )
    assert asked.value.args == (measured,)


@pytest.mark.slow
def test_a_training_with_it_resumes_to_the_bit(tmp_path, monkeypatch):
    for seed, domain in enumerate(("simulated", "real")):
        write(tmp_path / domain, domain, [30, -80, 5, 90], seed)

    folders = tmp_path / "simulated", tmp_path / "real"
    # Measured anew at every start, to the bit; then one is enough, and one traced step.
    data = load_config("small-64", TINY).data
    likeness, again = (Likeness.measured(*folders, data, ["p"]) for _ in range(2))
    np.testing.assert_array_equal(likeness._steps, again._steps)
    asked = []
    monkeypatch.setattr(Likeness, "measured", lambda *given: asked.append(given) or likeness)

    def run(name, steps):
        overrides = [*TINY, "loss.embedding_weight=3", "loss.embedding_step=own"]
        overrides += ["training.checkpoint_every=2"]
        config = load_config("small-64", [*overrides, f"training.steps={steps}"])
        train_on_records(config, *folders, ["p"], tmp_path / name, verbose=False)
        return load_generator(tmp_path / name).get_weights()

    whole = run("whole", 4)
    half = run("parts", 2)
    for a, b in zip(whole, run("parts", 4), strict=True):
        np.testing.assert_array_equal(a, b)
    assert any(np.any(a != b) for a, b in zip(whole, half, strict=True))
    assert asked == [(*folders, data, ["p"])] * 3
