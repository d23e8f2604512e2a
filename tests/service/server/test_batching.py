"""The batcher by itself, without TensorFlow, and within a server."""

import threading
import time
from concurrent import futures

import grpc
import numpy as np
import pytest
import tensorflow as tf

from dagan_tf.service.server.batching import Batcher
from dagan_tf.service.server.config_file import BatchingParameters
from dagan_tf.service.server.metrics import ServerMetrics
from dagan_tf.service.server.server import start_server
from dagan_tf.service.server.status import RequestError
from tests.helpers.small_models import Caller, request, save_adder, zeros

KEY = ("model", 1, "signature")


class Model:
    """Doubles; notes the batches it sees, and waits while it is held."""

    def __init__(self) -> None:
        self.batches: list[np.ndarray] = []
        self.go = threading.Event()
        self.go.set()
        self.entered = threading.Event()

    def __call__(self, inputs):
        self.batches.append(inputs["x"].copy())
        self.entered.set()
        assert self.go.wait(10)
        if (inputs["x"] < 0).any():
            raise RequestError(grpc.StatusCode.INVALID_ARGUMENT, "negative")
        return {"y": inputs["x"] * 2}


@pytest.fixture
def model():
    return Model()


@pytest.fixture
def make():
    made = []

    def make(max_pixels: int = 0, **parameters) -> Batcher:
        parameters = {"num_batch_threads": 1, "batch_timeout_micros": 0, **parameters}
        made.append(
            Batcher(BatchingParameters(**parameters), ServerMetrics(), max_pixels=max_pixels)
        )
        return made[-1]

    yield make
    for batcher in made:
        batcher.stop()


def _array(*values: float) -> dict[str, np.ndarray]:
    return {"x": np.array(values)}


def _hold(batcher: Batcher, model: Model):
    """Occupies the only thread: what comes then has to queue."""
    model.go.clear()
    ticket = batcher.submit(KEY, _array(0), model)
    assert model.entered.wait(10)
    return ticket


def test_waiting_requests_become_one_batch_and_each_gets_its_part(make, model):
    batcher = make(max_batch_size=8)
    first = _hold(batcher, model)
    tickets = [batcher.submit(KEY, _array(*values), model) for values in ((1, 2), (3,), (4, 5))]
    model.go.set()
    assert [ticket.result()["y"].tolist() for ticket in tickets] == [[2, 4], [6], [8, 10]]
    assert first.result()["y"].tolist() == [0]
    assert [batch.tolist() for batch in model.batches] == [[0], [1, 2, 3, 4, 5]]


def test_batch_of_several_requests_keeps_to_the_pixels(make, model):
    batcher = make(max_pixels=2 * 4 * 4, max_batch_size=8)
    _hold(batcher, model)
    small = [batcher.submit(KEY, {"x": np.ones((1, 4, 4, 1))}, model) for _ in range(5)]
    large = [batcher.submit(KEY, {"x": np.ones((1, 8, 8, 1))}, model) for _ in range(2)]
    many = batcher.submit(KEY, {"x": np.ones((3, 4, 5, 1))}, model)
    model.go.set()
    assert all((ticket.result()["y"] == 2).all() for ticket in [*small, *large, many])
    sizes: dict[tuple[int, ...], list[int]] = {}
    for batch in model.batches[1:]:
        sizes.setdefault(batch.shape[1:3], []).append(len(batch))
    # A request of its own is not taken apart; one larger than the limit still runs.
    assert sizes == {(4, 4): [2, 2, 1], (8, 8): [1, 1], (4, 5): [3]}


def test_full_by_pixels_does_not_wait_for_the_timeout(make, model):
    batcher = make(max_pixels=4 * 4, max_batch_size=8, batch_timeout_micros=60_000_000)
    assert (batcher.submit(KEY, {"x": np.ones((1, 4, 4, 1))}, model).result()["y"] == 2).all()


def test_full_batch_does_not_wait_for_the_timeout(make, model):
    batcher = make(max_batch_size=2, batch_timeout_micros=60_000_000)
    tickets = [batcher.submit(KEY, _array(value), model) for value in (1, 2)]
    assert [ticket.result()["y"].tolist() for ticket in tickets] == [[2], [4]]


def test_timeout_lets_a_part_of_a_batch_go(make, model):
    batcher = make(max_batch_size=100, batch_timeout_micros=100_000)
    started = time.monotonic()
    tickets = [batcher.submit(KEY, _array(value), model) for value in (1, 2)]
    assert [ticket.result()["y"].tolist() for ticket in tickets] == [[2], [4]]
    assert 0.09 < time.monotonic() - started < 5
    assert len(model.batches) == 1


def test_different_keys_and_shapes_are_not_mixed(make, model):
    batcher = make(max_batch_size=8)
    _hold(batcher, model)
    a = batcher.submit(KEY, {"x": np.ones((1, 2))}, model)
    b = batcher.submit(KEY, {"x": np.ones((1, 3))}, model)
    c = batcher.submit(("other",), {"x": np.ones((1, 2))}, model)
    model.go.set()
    assert [ticket.result()["y"].shape for ticket in (a, b, c)] == [(1, 2), (1, 3), (1, 2)]
    assert sorted(batch.shape for batch in model.batches) == [(1,), (1, 2), (1, 2), (1, 3)]


def test_padding_to_an_allowed_size_repeats_a_row_and_is_cut_off(make, model):
    batcher = make(max_batch_size=4, allowed_batch_sizes=(1, 4))
    _hold(batcher, model)
    ticket = batcher.submit(KEY, _array(5, 6), model)
    model.go.set()
    assert ticket.result()["y"].tolist() == [10, 12]
    assert model.batches[-1].tolist() == [5, 6, 5, 5]


def test_one_bad_request_does_not_fail_its_neighbours(make, model):
    batcher = make(max_batch_size=8)
    _hold(batcher, model)
    good, bad = (batcher.submit(KEY, _array(value), model) for value in (1, -1))
    model.go.set()
    assert good.result()["y"].tolist() == [2]
    with pytest.raises(RequestError, match="negative"):
        bad.result()


def test_large_requests_are_refused_or_split(make, model):
    with pytest.raises(RequestError, match="Task size 3 is larger than maximum input batch size 2"):
        make(max_batch_size=2).submit(KEY, _array(1, 2, 3), model)
    batcher = make(max_batch_size=5, enable_large_batch_splitting=True, max_execution_batch_size=2)
    assert batcher.submit(KEY, _array(1, 2, 3, 4, 5), model).result()["y"].tolist() == [
        2, 4, 6, 8, 10,
    ]  # fmt: skip
    assert max(len(batch) for batch in model.batches) == 2


def test_full_queue_refuses_and_serves_what_it_took(make, model):
    batcher = make(max_batch_size=2, max_enqueued_batches=2)
    _hold(batcher, model)
    tickets = [batcher.submit(KEY, _array(value), model) for value in range(4)]
    with pytest.raises(RequestError, match="is full") as caught:
        batcher.submit(KEY, _array(9), model)
    assert caught.value.code == grpc.StatusCode.UNAVAILABLE
    model.go.set()
    assert [ticket.result()["y"].tolist() for ticket in tickets] == [[0], [2], [4], [6]]


def test_cancelled_and_late_requests_leave_the_queue_unrun(make, model):
    batcher = make(max_batch_size=2)
    _hold(batcher, model)
    cancelled = batcher.submit(KEY, _array(1), model)
    late = batcher.submit(KEY, _array(2), model, deadline=time.monotonic() + 0.05)
    kept = batcher.submit(KEY, _array(3), model)
    cancelled.cancel()
    with pytest.raises(RequestError, match="Cancelled"):
        cancelled.result()
    with pytest.raises(RequestError, match="Deadline"):
        late.result()
    model.go.set()
    assert kept.result()["y"].tolist() == [6]
    assert [batch.tolist() for batch in model.batches] == [[0], [3]]


def test_stop_answers_what_waits_and_ends_every_thread(model):
    parameters = BatchingParameters(max_batch_size=1, num_batch_threads=2)
    batcher = Batcher(parameters, ServerMetrics())
    model.go.clear()
    tickets = [batcher.submit(KEY, _array(value), model) for value in range(5)]
    assert model.entered.wait(10)
    stopping = threading.Thread(target=batcher.stop)
    stopping.start()
    model.go.set()
    assert [ticket.result()["y"].tolist() for ticket in tickets] == [[0], [2], [4], [6], [8]]
    stopping.join(10)
    assert not stopping.is_alive()


def test_lone_request_runs_in_the_callers_thread_and_others_queue_behind_it(make):
    batcher, threads, go = make(max_batch_size=8), [], threading.Event()

    def run(inputs):
        threads.append((threading.current_thread(), len(inputs["x"])))
        assert go.wait(10)
        return {"y": inputs["x"]}

    def ask():
        return batcher.submit(KEY, _array(1), run, here=True).result()

    lone = threading.Thread(target=ask)
    lone.start()
    while not threads:
        time.sleep(0.01)
    tickets = [batcher.submit(KEY, _array(value), run, here=True) for value in (2, 3)]
    time.sleep(0.05)
    assert threads == [(lone, 1)]  # One thread is all there is.
    go.set()
    assert [ticket.result()["y"].tolist() for ticket in tickets] == [[2], [3]]
    lone.join()
    assert [size for _, size in threads] == [1, 2]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"x": np.array(1.0)}, "at least one dimension"),
        ({"x": np.ones(2), "z": np.ones(3)}, "equal 0th-dimension"),
        ({"x": np.ones(0)}, "1 or more"),
    ],
)
def test_what_cannot_be_batched(make, model, inputs, message):
    with pytest.raises(RequestError, match=message):
        make().submit(KEY, inputs, model)


def test_outputs_that_do_not_follow_the_batch(make):
    ticket = make().submit(KEY, _array(1, 2), lambda inputs: {"y": np.ones(1)})
    with pytest.raises(RequestError, match="0th dimension does not equal"):
        ticket.result()


def test_within_a_server(tmp_path):
    save_adder(tmp_path / "1", 7)
    parameters = BatchingParameters(max_batch_size=16, batch_timeout_micros=20_000)
    running = start_server(
        tmp_path, port=0, batching=parameters, metrics_path="/m", rest_api_port=0
    )
    with Caller(running.address) as caller, futures.ThreadPoolExecutor(16) as pool:
        images = [zeros(1, 2, 2, 3) + index for index in range(40)]
        answers = list(pool.map(lambda image: caller.predict(request(image)), images))
        for image, answer in zip(images, answers, strict=True):
            np.testing.assert_array_equal(tf.make_ndarray(answer.outputs["refined"]), image + 7)
        caller.predict(request(zeros()), timeout=None)
        with pytest.raises(grpc.RpcError, match="white is refused"):
            caller.predict(request(zeros() + 255))
    running.stop()
