"""Work that comes again: how often, what ends it, and what does not."""

import itertools
import logging
import threading
import time

import pytest

from dagan_tf.errors import DaganError
from dagan_tf.service.periodic import Periodic


class Work:
    """Counts its calls; fails with `error` if there is one."""

    def __init__(self, error: Exception | None = None) -> None:
        self.calls: list[float] = []
        self.threads: set[threading.Thread] = set()
        self._error = error

    def __call__(self) -> None:
        self.calls.append(time.monotonic())
        self.threads.add(threading.current_thread())
        if self._error is not None:
            raise self._error

    def wait(self, count: int) -> bool:
        """Whether so many calls came within ten seconds."""
        end = time.monotonic() + 10
        while len(self.calls) < count and time.monotonic() < end:
            time.sleep(0.005)
        return len(self.calls) >= count


def test_it_comes_again_at_intervals_in_a_thread_of_its_own():
    work, began = Work(), time.monotonic()
    periodic = Periodic(work, 0.05)
    assert work.wait(3)
    periodic.stop()
    assert work.calls[0] - began >= 0.05
    assert all(later - earlier >= 0.05 for earlier, later in itertools.pairwise(work.calls))
    (thread,) = work.threads
    assert thread is not threading.current_thread()
    assert thread.daemon


def test_stop_waits_for_a_call_under_way_and_there_is_no_other():
    running, go_on, ended = threading.Event(), threading.Event(), []

    def work() -> None:
        running.set()
        go_on.wait(10)
        ended.append(1)

    periodic = Periodic(work, 0.01)
    assert running.wait(10)
    threading.Timer(0.2, go_on.set).start()
    periodic.stop()
    assert ended == [1]
    time.sleep(0.1)
    assert ended == [1]


def test_stop_does_not_wait_for_the_interval():
    periodic, began = Periodic(Work(), 3600), time.monotonic()
    periodic.stop()
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "error", [DaganError("a broken model"), OSError("a broken disk"), KeyError("expected")]
)
def test_an_expected_error_is_logged_and_does_not_end_it(error, caplog):
    work = Work(error)
    with caplog.at_level(logging.ERROR, logger="absl"):
        periodic = Periodic(work, 0.01, expected=(KeyError,))
        assert work.wait(3)
        periodic.stop()
    assert str(error) in caplog.text


def test_a_defect_ends_it_loudly(monkeypatch):
    seen = []
    monkeypatch.setattr(threading, "excepthook", lambda caught: seen.append(caught.exc_type))
    work = Work(KeyError("a defect"))
    periodic = Periodic(work, 0.01)
    assert work.wait(1)
    periodic.stop()
    assert len(work.calls) == 1
    assert seen == [KeyError]
