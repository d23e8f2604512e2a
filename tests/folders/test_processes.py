"""Jobs in one process beside this one (those over several: test_pack, test_simulate)."""

import os
import time

import numpy as np
import pytest

from dagan_tf.errors import DaganError
from dagan_tf.folders.processes import jobs_beside

PATIENCE = 60.0


def start(folder):
    return folder


def work(folder, job):
    """Says who it is and leaves a file; -1 ends the process."""
    if job < 0:
        os._exit(7)
    (folder / f"{job}").write_text(str(os.getpid()))
    return job, os.getpid(), np.full(1000, job)


def wait_for(done):
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def lives(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_begins_by_itself_and_answers_in_order(tmp_path):
    with jobs_beside([3, 1, 2], work, start, (tmp_path,)) as results:
        wait_for((tmp_path / "3").exists)
        found = list(results)
    assert [job for job, _, _ in found] == [3, 1, 2]
    assert [values[0] for _, _, values in found] == [3, 1, 2]
    assert len({pid for _, pid, _ in found} | {os.getpid()}) == 2


def test_it_ends_with_the_block(tmp_path):
    with jobs_beside(range(100), work, start, (tmp_path,)) as results:
        pid = next(results)[1]
        assert lives(pid)
    assert not lives(pid)


def test_it_dies(tmp_path):
    with jobs_beside([0, -1, 2], work, start, (tmp_path,)) as results:
        assert next(results)[0] == 0
        with pytest.raises(DaganError, match=r"process beside this one ended at job 2 of 3"):
            next(results)
