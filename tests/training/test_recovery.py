"""What may go wrong: kills, damaged checkpoints, a full disk, divergence; and bit-equal resumes."""

import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from dagan_tf.config.settings import load_config
from dagan_tf.loop import callbacks
from dagan_tf.loop.checkpoints import CheckpointError, list_checkpoints, read_best
from dagan_tf.loop.watch import DivergedError
from dagan_tf.pretrained.model_folder import load_generator
from dagan_tf.training.train import RealPhotos, train
from tests.helpers.toy_folders import make_real, make_simulated
from tests.training.test_train import TINY

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("toy")
    return make_simulated(root / "sim"), RealPhotos(make_real(root / "real"), aligned=True)


def run(folders, model_dir, steps, *overrides, **kwargs):
    config = load_config("small-64", [*TINY, f"training.steps={steps}", *overrides])
    return train(config, *folders, model_dir, verbose=False, **kwargs)


def damage(prefix):
    for path in Path(prefix).parent.glob(f"{Path(prefix).name}.data-*"):
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])


@pytest.mark.slow
def test_a_damaged_checkpoint_gives_way_to_the_one_before(folders, tmp_path, capfd):
    run(folders, tmp_path, 8)
    newest, before = list_checkpoints(tmp_path)
    wanted = [v.copy() for v in load_generator(tmp_path).get_weights()]
    damage(newest)
    (tmp_path / "checkpoints" / "checkpoint").write_text("no list any more")
    assert [path[-1] for path in (newest, before)] == ["8", "4"]
    assert run(folders, tmp_path, 8).step == 8  # trained again from step 4
    told = capfd.readouterr().err
    assert "damaged checkpoint" in told
    assert f"the one before is used, '{before}'" in told
    for a, b in zip(wanted, load_generator(tmp_path).get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    for path in list_checkpoints(tmp_path):
        damage(path)
    with pytest.raises(CheckpointError, match="all are damaged"):
        run(folders, tmp_path, 9)


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_the_checkpoint_before_stays(folders, tmp_path, monkeypatch):
    plain = callbacks.MetricsLog.after_step

    def filling(self):
        plain(self)
        if self.step == 6:  # no file may grow beyond 20 kB from here on
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    monkeypatch.setattr(callbacks.MetricsLog, "after_step", filling)
    try:
        with pytest.raises(CheckpointError, match=r"step 8: no checkpoint could be.*step 4 stands"):
            run(folders, tmp_path, 12, "generator.filters=24")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    monkeypatch.undo()
    assert [path[-1] for path in list_checkpoints(tmp_path)] == ["4"]
    assert run(folders, tmp_path, 12, "generator.filters=24").step == 12


@pytest.mark.slow
def test_divergence_goes_back_to_the_best_with_lower_rates(folders, tmp_path, monkeypatch, capfd):
    plain = callbacks.MetricsLog.after_step
    broken = []

    def breaking(self):
        if self.step == 6 and not broken:
            broken.append(self.model.generator.trainable_variables[-1])  # its output
            broken[0].assign(broken[0] * float("nan"))
        plain(self)

    monkeypatch.setattr(callbacks.MetricsLog, "after_step", breaking)
    assert run(folders, tmp_path, 10, "training.on_nan=rollback").step == 10
    assert "back to step 4 with the learning rates times 0.5 (1 of 3)" in capfd.readouterr().err
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4, 6, 8, 10]
    assert lines[-1]["generator_learning_rate"] == pytest.approx(
        lines[1]["generator_learning_rate"] / 2
    )
    assert all(np.isfinite(w).all() for w in load_generator(tmp_path).get_weights())


@pytest.mark.slow
def test_rollbacks_end(folders, tmp_path):
    with pytest.raises(DivergedError):
        run(
            folders, tmp_path, 12, "training.on_nan=rollback", "training.max_rollbacks=1",
            "training.learning_rate_floor=1e30", "training.generator_learning_rate=1e30",
            "training.checkpoint_every=1", "training.log_every=1",
        )  # fmt: skip


@pytest.mark.slow
def test_the_best_checkpoint_is_kept_by_the_given_measure(folders, tmp_path):
    measured = []

    def realism(refiner):
        measured.append(refiner.get_weights())
        return [3.0, 1.0, 2.0][len(measured) - 1]

    run(folders, tmp_path, 12, realism=realism)
    best = read_best(tmp_path)
    assert (best.step, best.measure, best.value) == (8, "realism", 1.0)
    kept = tf.train.load_checkpoint(str(tmp_path / "best" / "ckpt-8"))
    np.testing.assert_allclose(
        kept.get_tensor("averages/0/.ATTRIBUTES/VARIABLE_VALUE"), measured[1][0], atol=1e-7
    )
    assert sorted(path.name for path in (tmp_path / "best").iterdir()) == [
        "best.json", "ckpt-8.data-00000-of-00001", "ckpt-8.index",
    ]  # fmt: skip


@pytest.mark.slow
def test_best_by_smoothed_convergence_counts_only_after_warmup(folders, tmp_path):
    run(folders, tmp_path, 4, "training.warmup_steps=4")
    assert read_best(tmp_path) is None
    run(folders, tmp_path, 8, "training.warmup_steps=4")
    assert (read_best(tmp_path).step, read_best(tmp_path).measure) == (8, "convergence_smoothed")


SCRIPT = """
import os, signal, sys
from dagan_tf.config.settings import load_config
from dagan_tf.loop import callbacks
from dagan_tf.training.train import RealPhotos, train
simulated, real, killed, whole = sys.argv[1:5]
plain = callbacks.MetricsLog.after_step
def killing(self):
    plain(self)
    if self.step == 7:
        os.kill(os.getpid(), signal.SIGKILL)
if not os.path.exists(killed):
    callbacks.MetricsLog.after_step = killing
for model_dir in (killed, whole):
    train(load_config("small-64", sys.argv[5:]), simulated, RealPhotos(real, aligned=True),
          model_dir, deterministic=True, verbose=False)
"""


def checkpoint_values(model_dir):
    reader = tf.train.load_checkpoint(list_checkpoints(model_dir)[0])
    return {
        name: reader.get_tensor(name)
        for name in reader.get_variable_to_shape_map()
        if name.endswith("VARIABLE_VALUE") and "save_counter" not in name
    }


@pytest.mark.slow
def test_killed_and_resumed_is_whole_to_the_bit_and_loses_only_steps_since_the_checkpoint(
    folders, tmp_path
):
    """Weights, both optimisers, k, averages, history and progress, from processes of their own."""
    settings = [
        *TINY, "training.history_size=6", "training.plateau_steps=3", "loss.balance_rate=0.1",
        "training.checkpoint_every=5", "training.steps=12",
    ]  # fmt: skip
    script = tmp_path / "run.py"
    script.write_text(SCRIPT)
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    command = [sys.executable, script, folders[0], folders[1].folder, killed, whole, *settings]

    def call():
        return subprocess.run(
            [str(part) for part in command], cwd=ROOT, capture_output=True, text=True,
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin", "TF_CPP_MIN_LOG_LEVEL": "3"},
        )  # fmt: skip

    assert call().returncode == -9
    assert [path[-1] for path in list_checkpoints(killed)] == ["5"]
    assert not whole.exists()
    done = call()
    assert done.returncode == 0, done.stderr[-2000:]
    want, got = checkpoint_values(whole), checkpoint_values(killed)
    assert want.keys() == got.keys()
    for kind in ("generator_optimizer", "discriminator_optimizer", "averages", "history",
                 "progress", "balance"):  # fmt: skip
        assert any(name.startswith(kind) for name in want), kind
    for name, value in want.items():
        np.testing.assert_array_equal(got[name], value, err_msg=name)
