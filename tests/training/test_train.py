"""The whole training on made-up folders: files, resuming, refusals, loading the refiner."""

import json
import os
import signal

import numpy as np
import pytest
import tensorflow as tf

from dagan_tf.config.settings import load_config
from dagan_tf.core.files import writing_to
from dagan_tf.data.records import read_records
from dagan_tf.errors import DaganError
from dagan_tf.faces.photo_io import read_photo
from dagan_tf.loop import callbacks
from dagan_tf.loop.checkpoints import CheckpointError
from dagan_tf.loop.watch import DivergedError
from dagan_tf.pretrained.model_folder import load_generator, read_identities
from dagan_tf.training.train import RealPhotos, train
from tests.helpers.toy_folders import make_real, make_simulated

TINY = [
    "data.image_size=16", "generator.filters=4", "generator.blocks=1", "generator.downsample=1",
    "generator.smooth=false",
    "discriminator.filters=4", "discriminator.bottleneck=6", "discriminator.convs_per_stage=1",
    "discriminator.downsample=1", "training.batch_size=4", "training.warmup_steps=0",
    "training.log_every=2", "training.checkpoint_every=4", "training.samples_every=4",
    "training.sample_count=3", "training.max_minutes=0",
    "training.generator_learning_rate=0.01", "loss.pose_weight=0.5",
]  # fmt: skip


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("toy")
    return make_simulated(root / "sim"), RealPhotos(make_real(root / "real"), aligned=True)


def run(folders, model_dir, steps, *overrides):
    config = load_config("small-64", [*TINY, f"training.steps={steps}", *overrides])
    return train(config, *folders, model_dir, verbose=False)


def weights(model_dir, ema=False):
    return load_generator(model_dir, ema=ema).get_weights()


def steps_logged(model_dir):
    return [
        json.loads(line)["step"] for line in (model_dir / "metrics.jsonl").read_text().splitlines()
    ]


@pytest.fixture(scope="module")
def trained(folders, tmp_path_factory):
    model_dir = tmp_path_factory.mktemp("model") / "deep" / "er"
    result = run(folders, model_dir, 6)
    assert (result.step, result.reason) == (6, "finished")
    return model_dir


def test_what_a_training_leaves(trained):
    assert load_config(trained / "config.yaml").training.steps == 6
    assert read_identities(trained) == ["p0", "p1", "p2"]
    assert steps_logged(trained) == [2, 4, 6]
    grids = sorted(path.name for path in (trained / "samples").iterdir())
    assert grids == ["step_000000.png", "step_000004.png", "step_000006.png"]
    assert {"checkpoints", "tensorboard", "records"} <= {path.name for path in trained.iterdir()}


def test_the_first_grid_shows_an_identity_refiner(trained):
    grid = read_photo(trained / "samples" / "step_000000.png")
    assert grid.shape == (5 * 16, 3 * 16, 3)
    np.testing.assert_array_equal(grid[:16], grid[16:32])
    later = read_photo(trained / "samples" / "step_000006.png")
    np.testing.assert_array_equal(later[:16], grid[:16])
    assert (later[:16] != later[16:32]).any()


def test_tensorboard_events_can_be_read(trained):
    tags = set()
    for path in (trained / "tensorboard").iterdir():
        for item in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(item.numpy())
            tags |= {(value.tag, event.step) for value in event.summary.value}
    assert {("convergence", 2), ("balance", 6), ("samples", 0), ("images_per_second", 4)} <= tags


@pytest.mark.slow
def test_resuming_equals_training_in_one_go(trained, folders, tmp_path):
    assert run(folders, tmp_path, 4).step == 4
    assert run(folders, tmp_path, 6).step == 6
    assert steps_logged(tmp_path) == [2, 4, 6]
    for ema in (False, True):
        for a, b in zip(weights(trained, ema), weights(tmp_path, ema), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)


def test_a_finished_training_is_left_alone(trained, folders):
    before = {path: path.stat().st_mtime_ns for path in (trained / "checkpoints").iterdir()}
    assert run(folders, trained, 6).step == 6
    assert before == {path: path.stat().st_mtime_ns for path in (trained / "checkpoints").iterdir()}


@pytest.mark.slow
def test_another_configuration_or_other_people_are_refused(trained, folders, tmp_path):
    records = (trained / "records" / "simulated" / "index.json").read_bytes()
    with pytest.raises(CheckpointError, match=r"loss\.pose_weight: 0\.5 -> 0\.25"):
        run(folders, trained, 8, "loss.pose_weight=0.25", "data.image_size=32")
    assert (trained / "records" / "simulated" / "index.json").read_bytes() == records
    run(folders, tmp_path / "model", 1)
    others = make_simulated(tmp_path / "others", people=4)
    with pytest.raises(CheckpointError, match=r"3 identities, the simulated folder has 4.*'p3'"):
        run((others, folders[1]), tmp_path / "model", 2)


@pytest.mark.slow
def test_ctrl_c_saves_and_the_next_run_goes_on(folders, tmp_path, monkeypatch):
    plain = callbacks.MetricsLog.after_step

    def interrupting(self):
        plain(self)
        if self.step == 3:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(callbacks.MetricsLog, "after_step", interrupting)
    result = run(folders, tmp_path, 6)
    assert (result.step, result.reason) == (3, "interrupted")
    assert load_generator(tmp_path)
    monkeypatch.undo()
    assert run(folders, tmp_path, 6).step == 6


@pytest.mark.slow
def test_divergence_stops_with_one_line_and_is_not_saved(folders, tmp_path):
    with pytest.raises(DivergedError, match=r"step \d+: .* (nan|inf), training has div"):
        run(folders, tmp_path, 40, "training.generator_learning_rate=1e30")
    assert not saved(tmp_path) or all(np.isfinite(w).all() for w in weights(tmp_path))


def saved(model_dir):
    return tf.train.latest_checkpoint(str(model_dir / "checkpoints"))


@pytest.mark.slow
def test_max_minutes(folders, tmp_path):
    result = run(folders, tmp_path, 100_000, "training.max_minutes=0.01")
    assert result.reason == "time"
    assert 0 < result.step < 100_000
    assert saved(tmp_path).endswith(f"-{result.step}")


def test_loading_the_refiner(trained):
    plain, average = weights(trained), weights(trained, ema=True)
    assert any(not np.allclose(a, b) for a, b in zip(plain, average, strict=True))
    refiner = load_generator(trained)
    x = np.zeros((1, 24, 40, 3), np.float32)
    assert refiner(x).shape == x.shape


def test_loading_refusals(trained, tmp_path):
    with pytest.raises(CheckpointError, match=r"no config\.yaml"):
        load_generator(tmp_path)
    load_config(trained / "config.yaml").save(tmp_path / "config.yaml")
    with pytest.raises(CheckpointError, match="no checkpoint yet"):
        load_generator(tmp_path)
    os.symlink(trained / "checkpoints", tmp_path / "checkpoints")
    config = load_config(trained / "config.yaml", ["generator.filters=5"])
    config.save(tmp_path / "config.yaml")
    with pytest.raises(CheckpointError, match="damaged or of another model"):
        load_generator(tmp_path)


def test_batches_must_split_over_the_devices(folders, tmp_path):
    config = load_config("small-64", [*TINY, "training.batch_size=3"])
    with pytest.raises(DaganError, match="batch_size = 3: expected a multiple of the 2 devices"):
        train(config, *folders, tmp_path, devices=["CPU:0", "CPU:1"], verbose=False)


@pytest.mark.slow
def test_two_devices_from_files_to_files(folders, tmp_path, trained):
    config = load_config("small-64", [*TINY, "training.steps=6"])
    result = train(config, *folders, tmp_path, devices=["CPU:0", "CPU:1"], verbose=False)
    assert result.step == 6
    for a, b in zip(weights(trained), weights(tmp_path), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_an_absent_device_is_named(folders, tmp_path):
    config = load_config("small-64", TINY)
    with pytest.raises(DaganError, match=r"device 'GPU:7': expected one of CPU:0"):
        train(config, *folders, tmp_path, devices=["gpu:7"], verbose=False)


@pytest.mark.slow
def test_held_out_people_are_in_no_record(folders, tmp_path):
    config = load_config("small-64", [*TINY, "training.steps=1"])
    train(config, *folders, tmp_path / "m", held_out=["p1", "p3"], verbose=False)
    assert read_identities(tmp_path / "m") == ["p0", "p2"]
    for domain in ("simulated", "real"):
        people = {item.identity for item in read_records(tmp_path / "m" / "records" / domain)}
        assert people == {"p0", "p2"}
    everybody = [f"p{number}" for number in range(4)]
    with pytest.raises(DaganError, match="held-out"):
        train(config, *folders, tmp_path / "n", held_out=everybody, verbose=False)


def test_a_second_training_is_refused_before_it_packs(folders, tmp_path):
    with writing_to(tmp_path), pytest.raises(DaganError, match="another process is writing"):
        run(folders, tmp_path, 1)
    assert not list(tmp_path.iterdir())
