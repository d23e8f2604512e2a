"""Two processes on one training through TF_CONFIG: the run of one process, files and all."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from dagan_tf.config.settings import load_config
from dagan_tf.errors import DaganError
from dagan_tf.loop import strategy
from dagan_tf.training.train import RealPhotos, train
from dagan_tf.training.workers import Workers, check_same_step
from tests.helpers.toy_folders import make_real, make_simulated
from tests.training.test_recovery import checkpoint_values
from tests.training.test_train import TINY

ROOT = Path(__file__).parents[2]
SETTINGS = [*TINY, "training.steps=20", "loss.balance_rate=0.1"]
SCRIPT = """
import os, signal, sys
from dagan_tf.config.settings import load_config
from dagan_tf.loop import callbacks
from dagan_tf.training.train import RealPhotos, train
worker, simulated, real, model_dir = sys.argv[1:5]
plain = callbacks.MetricsLog.after_step
def interrupting(self):
    plain(self)
    if self.step == 7 and worker == "1":  # not the chief
        os.kill(os.getpid(), signal.SIGINT)
callbacks.MetricsLog.after_step = interrupting
result = train(load_config("small-64", sys.argv[5:]), simulated, RealPhotos(real, aligned=True),
               model_dir)
print(result.step, result.reason)
"""


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("localhost", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def start_worker(index, cluster, script, *arguments):
    environment = {
        "PYTHONPATH": str(ROOT),
        "PATH": "/usr/bin",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}}),
    }
    return subprocess.Popen(
        [str(part) for part in (sys.executable, script, index, *arguments)],
        cwd=ROOT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.slow
def test_two_workers_resume_train_as_one_and_stop_together(tmp_path):
    simulated, real = make_simulated(tmp_path / "sim"), make_real(tmp_path / "real")
    one, two = tmp_path / "one", tmp_path / "two"
    config = load_config("small-64", [*SETTINGS, "training.steps=7"])
    train(config, simulated, RealPhotos(real, aligned=True), one, verbose=False)
    shutil.copytree(one, two)  # as it was at step 4
    for path in (two / "checkpoints").glob("ckpt-7.*"):
        path.unlink()
    script = tmp_path / "worker.py"
    script.write_text(SCRIPT)
    cluster = {"worker": [f"localhost:{port}" for port in free_ports(2)]}
    running = [
        start_worker(index, cluster, script, simulated, real, two, *SETTINGS) for index in range(2)
    ]
    answers = [process.communicate(timeout=400) for process in running]
    for (out, err), process in zip(answers, running, strict=True):
        assert process.returncode == 0, err[-3000:]
        assert out.splitlines() == ["7 interrupted"]

    want, got = checkpoint_values(one), checkpoint_values(two)
    assert want.keys() == got.keys()
    for name, value in want.items():
        if not re.search("progress/(best|smoothed)", name):  # L_con is not linear in the batch.
            np.testing.assert_allclose(got[name], value, atol=2e-5, err_msg=name)
    lines = [
        {line["step"]: line for line in map(json.loads, (folder / "metrics.jsonl").open())}
        for folder in (one, two)
    ]
    assert list(lines[1]) == [2, 4, 6]
    for name in ("real_error", "refined_error", "identity_loss_refined", "balance"):
        assert lines[1][6][name] == pytest.approx(lines[0][6][name], abs=1e-4), name

    # Only the first one writes and speaks.
    assert {path.name for path in two.iterdir()} - {path.name for path in one.iterdir()} == {
        "records-1"
    }
    assert len(list((two / "tensorboard").iterdir())) == 2  # of step 0 on, and of step 4 on
    assert ["step 6/20" in err for _, err in answers] == [True, False]


def test_what_tf_config_may_say(monkeypatch):
    for text in (
        "",
        "{}",
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}',
    ):
        monkeypatch.setitem(os.environ, "TF_CONFIG", text)
        assert strategy.make_cluster_strategy() is None
    two = '{"cluster": {"worker": ["a:1", "b:2"]%s}, "task": {"type": "worker", "index": %s}}'
    for text, message in (
        ("{", "TF_CONFIG = '{' cannot be read"),
        ('{"cluster": 3}', "cannot be read"),
        (two % (', "ps": ["c:3"]', 0), "job 'ps', expected only 'chief' and 'worker'"),
        (two % ("", 2), r"task 'worker' 2 is none of the cluster \{'worker': 2\}"),
        (two % ("", 0), "TensorFlow is running already"),
    ):
        monkeypatch.setitem(os.environ, "TF_CONFIG", text)
        with pytest.raises(DaganError, match=message):
            strategy.make_cluster_strategy()


def test_devices_are_not_chosen_beside_workers(monkeypatch, tmp_path):
    from dagan_tf.training import train as module

    monkeypatch.setattr(module, "make_cluster_strategy", object)
    with pytest.raises(DaganError, match="devices = GPU:0: expected none with several workers"):
        train(load_config("small-64"), "s", RealPhotos("r"), tmp_path, devices=["GPU:0"])


def test_workers_that_see_different_checkpoints_are_told_so(monkeypatch):
    workers = Workers(tf.distribute.get_strategy(), index=1, count=3)
    monkeypatch.setattr(Workers, "gather", lambda *_: [4, 4, 4])
    check_same_step(workers, 4)
    monkeypatch.setattr(Workers, "gather", lambda *_: [6, 0, 3])
    with pytest.raises(DaganError, match=r"checkpoints of the steps \[6, 0, 3\]"):
        check_same_step(workers, 0)


def test_a_lost_worker_is_one_line():
    def lose(batch):
        raise tf.errors.UnavailableError(None, None, "recvmsg: Connection reset by peer")

    dagan = SimpleNamespace(metrics=[], train_step=lambda batch: None)
    workers = Workers(tf.distribute.get_strategy(), index=0, count=2)
    workers.fit(dagan, tf.data.Dataset.range(3), 2, [])
    callback = keras.callbacks.Callback()
    callback.on_train_batch_end = lose
    with pytest.raises(DaganError, match="worker 0 of 2 has lost another one"):
        workers.fit(dagan, tf.data.Dataset.range(3), 2, [callback])
