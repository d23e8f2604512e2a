"""Jobs in one process beside this one (those over several: test_pack, test_simulate)."""

import os
import threading
import time

import numpy as np
import pytest

from dagan_tf.errors import DaganError
from dagan_tf.folders.processes import jobs_beside, one_ahead

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


def test_one_is_made_while_the_one_before_is_used():
    made, begun = [], threading.Event()

    def numbers():
        for number in range(4):
            made.append(number)
            if number == 1:
                begun.set()
            yield number

    results = one_ahead(numbers())
    assert next(results) == 0
    assert begun.wait(PATIENCE)
    assert list(results) == [1, 2, 3]
    assert made == [0, 1, 2, 3]


def test_what_fails_ahead_is_raised_where_it_would_have_been():
    def numbers():
        yield 0
        raise DaganError("of the second")

    results = one_ahead(numbers())
    assert next(results) == 0
    with pytest.raises(DaganError, match="of the second"):
        next(results)
