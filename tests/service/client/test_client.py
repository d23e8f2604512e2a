"""Both clients against a server that fails as told; each test runs blocking and on asyncio."""

import asyncio
import random
import time
from types import SimpleNamespace

import grpc
import numpy as np
import pytest

from dagan_tf.service.client.asyncio_client import AsyncRefinerClient
from dagan_tf.service.client.client import RefinerClient, RetryPolicy, ServiceError, TlsFiles
from dagan_tf.service.client.messages import split_files
from dagan_tf.service.client.options import ClientOptions
from dagan_tf.service.client.retry import Attempts
from tests.helpers import faulty_server
from tests.helpers.faulty_server import FaultyServer

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
QUICK = RetryPolicy(attempts=5, initial_seconds=0.02, max_seconds=0.05)


def _images(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def _blocking(method, address, argument, **settings):
    with RefinerClient(address, **settings) as client:
        return getattr(client, method)(argument)


def _asyncio(method, address, argument, **settings):
    async def run():
        async with AsyncRefinerClient(address, **settings) as client:
            return await getattr(client, method)(argument)

    return asyncio.run(run())


@pytest.fixture(params=[_blocking, _asyncio], ids=["blocking", "asyncio"])
def call(request):
    return request.param


def test_unavailable_is_asked_again_until_it_answers(call):
    images = _images(2, 6, 5, 3)
    with FaultyServer([UNAVAILABLE] * 4) as server:
        refined = call("refine", server.address, images, retry=QUICK)
        np.testing.assert_array_equal(refined, 255 - images)
        assert len(server.requests) == 5
        assert len({request.SerializeToString() for request in server.requests}) == 1


def test_attempts_are_counted(call):
    with FaultyServer([UNAVAILABLE] * 9) as server:
        with pytest.raises(ServiceError, match="UNAVAILABLE: as told") as caught:
            call("refine", server.address, _images(1, 4, 4, 3), retry=QUICK)
        assert caught.value.code == UNAVAILABLE
        assert len(server.requests) == 5


NOT_RETRIED = [code for code in grpc.StatusCode if code.name not in ("OK", "UNAVAILABLE")]


@pytest.mark.parametrize("code", NOT_RETRIED, ids=lambda code: code.name)
def test_other_codes_are_never_retried(call, code):
    with FaultyServer([code] * 3) as server:
        with pytest.raises(ServiceError, match=f"{code.name}: as told") as caught:
            call("refine", server.address, _images(1, 4, 4, 3), retry=QUICK)
        assert caught.value.code == code
        assert len(server.requests) == 1


def test_deadline_includes_repetitions(call):
    endless = RetryPolicy(attempts=10**6, initial_seconds=0.05, max_seconds=0.05)
    with FaultyServer([UNAVAILABLE] * 10**4) as server:
        started = time.monotonic()
        with pytest.raises(ServiceError, match="UNAVAILABLE"):
            call("refine", server.address, _images(1, 4, 4, 3), timeout_seconds=0.6, retry=endless)
        assert 0.3 < time.monotonic() - started < 3
        assert 5 < len(server.requests) < 40


def test_deadline_of_a_slow_answer(call):
    with FaultyServer(delay=lambda number: 1.0) as server:
        with pytest.raises(ServiceError, match="DEADLINE_EXCEEDED"):
            call("refine", server.address, _images(1, 4, 4, 3), timeout_seconds=0.2, retry=QUICK)
        assert len(server.requests) == 1


@pytest.mark.parametrize("as_int_val", [False, True])
def test_batches_stay_under_4_mib_both_ways(call, as_int_val):
    images = _images(12, 500, 500, 3)  # 0.72 MiB each; an answer in varints takes half more.
    with FaultyServer(as_int_val=as_int_val) as server:
        limit = 4 * 2**20
        refined = call("refine", server.address, images, batch_size=64, max_message_bytes=limit)
        np.testing.assert_array_equal(refined, 255 - images)
        sizes = [request.ByteSize() for request in server.requests]
        assert max(sizes) < limit
        assert len(sizes) == 6
    with (
        FaultyServer() as server,
        pytest.raises(ServiceError, match=r"RESOURCE_EXHAUSTED.*larger than max"),
    ):
        call("refine", server.address, images)  # The server's limit, unknown to this client.


def test_requests_hold_standard_fields_and_raw_bytes(call):
    images = _images(3, 6, 5, 3)
    with FaultyServer() as server:
        call("refine", server.address, images, model_name="faces", version=4)
        (request,) = server.requests
    assert {field.name for field, _ in request.ListFields()} == {"model_spec", "inputs"}
    assert request.model_spec.name == "faces"
    assert request.model_spec.version.value == 4
    assert request.model_spec.signature_name == "serving_default"
    assert request.inputs["images"].tensor_content == images.tobytes()
    assert not request.DiscardUnknownFields()


def test_encoded_files_go_as_they_are(call):
    files = [bytes([number]) * (number + 1) for number in range(5)]
    with FaultyServer() as server:
        refined = call("refine_encoded", server.address, files, batch_size=2)
        assert refined == [data[::-1] for data in files]
        assert sorted(len(r.inputs["image_bytes"].string_val) for r in server.requests) == [1, 2, 2]
        assert call("refine_encoded", server.address, []) == []
    assert server.requests[0].model_spec.signature_name == "encoded"


def test_files_are_grouped_by_number_and_size():
    options = ClientOptions("a", batch_size=3, max_message_bytes=64 * 2**10 + 100)
    files = [b"x" * size for size in (40, 50, 20, 90, 5, 2, 1, 1)]
    groups = [[len(data) for data in group] for group in split_files(files, options)]
    assert groups == [[40, 50], [20], [90, 5, 2], [1, 1]]
    with pytest.raises(ServiceError, match="one file of 101 bytes"):
        split_files([b"x" * 101], options)


def test_requests_overlap_and_answers_keep_their_order(call):
    images = _images(12, 4, 4, 3)
    delays = random.Random(0)
    with FaultyServer(delay=lambda number: delays.uniform(0.02, 0.12)) as server:
        refined = call("refine", server.address, images, batch_size=1, concurrency=3)
        np.testing.assert_array_equal(refined, 255 - images)
        assert server.most_at_once == 3
        call("refine", server.address, images[:3], batch_size=1, concurrency=1)
    assert len(server.requests) == 15


def test_at_a_failure_the_rest_is_not_sent(call):
    with FaultyServer([grpc.StatusCode.INTERNAL], delay=lambda number: 0.05) as server:
        with pytest.raises(ServiceError, match="INTERNAL"):
            call("refine", server.address, _images(40, 4, 4, 3), batch_size=1, concurrency=2)
        time.sleep(0.3)
        assert len(server.requests) < 10


@pytest.mark.parametrize(
    ("server", "message"),
    [
        ({"answer": lambda images: images[:, :2]}, r"uint8 \(1, 2, 4, 3\); expected uint8 \(1, 4"),
        ({"answer": lambda images: images / np.float32(2)}, "'refined' is float32"),
        ({"output": "output_0"}, r"the answer holds \['output_0'\]; expected 'refined'"),
    ],
)
def test_answers_that_do_not_fit_are_named(call, server, message):
    with FaultyServer(**server) as running, pytest.raises(ServiceError, match=message) as caught:
        call("refine", running.address, _images(1, 4, 4, 3))
    assert caught.value.code is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0"),
        ({"concurrency": 0}, "concurrency is 0"),
        ({"timeout_seconds": -1}, "timeout_seconds is -1"),
        ({"retry": RetryPolicy(attempts=0)}, "attempts is 0"),
        ({"tls": TlsFiles(private_key="k")}, "together or not at all"),
        ({"tls": TlsFiles(root_certificates="/absent.pem")}, "/absent.pem: cannot be read"),
        ({"tls": TlsFiles(root_certificates=faulty_server.__file__)},
         "expected a PEM file"),
    ],
)  # fmt: skip
def test_bad_settings_are_named(settings, message):
    with pytest.raises(ServiceError, match=message):
        RefinerClient("127.0.0.1:1", **settings)


def _error(code=UNAVAILABLE, metadata=()):
    return SimpleNamespace(code=lambda: code, trailing_metadata=lambda: metadata)


def test_pauses_by_hand():
    policy = RetryPolicy(attempts=6, initial_seconds=0.2, multiplier=2, max_seconds=1)
    attempts = Attempts(policy, 100, clock=lambda: 0.0, draw=lambda: 0.5)
    pauses = [attempts.pause_after(_error()) for _ in range(6)]
    # Three quarters of 0.2, 0.4, 0.8, 1 and 1; the sixth attempt was the last.
    assert pauses == [pytest.approx(p) for p in (0.15, 0.3, 0.6, 0.75, 0.75)] + [None]
    assert policy.pause(1, 0.0) == 0.1
    assert policy.pause(9, 1.0) == 1.0


def test_what_the_server_says_of_the_pause_holds():
    def pause(text, timeout=100.0):
        attempts = Attempts(RetryPolicy(), timeout, clock=lambda: 0.0)
        return attempts.pause_after(_error(metadata=(("grpc-retry-pushback-ms", text),)))

    assert pause("2000") == 2.0
    assert pause("2000", timeout=1.5) is None
    assert pause("-1") is None
    assert pause("soon") is None
