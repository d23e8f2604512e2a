"""Clients that never stop asking, while a version is published and the server is restarted.

python -m benchmarks.serving_load --seconds=60 --clients=64

After a third of the time version 2 appears, after two thirds the server gets SIGTERM and is started
again on the same port. Clients repeat UNAVAILABLE and nothing else, with backoff, not earlier than
the server asks them to. Every answer is checked: a version adds its number to each pixel.
"""

import argparse
import collections
import tempfile
import threading
import time
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from benchmarks import serving_common as common


class Client(threading.Thread):
    """Asks one thing after the other on a connection of its own."""

    def __init__(self, address: str, images: np.ndarray, stop: threading.Event) -> None:
        super().__init__()
        self._address, self._images, self._stop_asking = address, images, stop
        self.seconds: list[float] = []
        self.repeated: list[float] = []
        self.versions: collections.Counter[int] = collections.Counter()
        self.failures: collections.Counter[str] = collections.Counter()

    def run(self) -> None:
        request = common.predict_request(self._images).SerializeToString()
        with common.connect(self._address) as channel:
            call = channel.unary_unary(
                common.PREDICT, response_deserializer=predict_pb2.PredictResponse.FromString
            )
            while not self._stop_asking.is_set():
                self._ask(call, request)

    def _ask(self, call: grpc.UnaryUnaryMultiCallable, request: bytes) -> None:
        started, pause = time.perf_counter(), 0.05
        while True:
            try:
                answer = call(request, timeout=60)
                break
            except grpc.RpcError as error:
                waited = time.perf_counter() - started
                if error.code() != grpc.StatusCode.UNAVAILABLE or waited > 60:
                    self.failures[f"{error.code().name}: {error.details()}"] += 1
                    return
                time.sleep(max(pause, _pushback_seconds(error)))
                pause = min(2 * pause, 1.0)
        seconds = time.perf_counter() - started
        (self.seconds if pause == 0.05 else self.repeated).append(seconds)
        version = answer.model_spec.version.value
        self.versions[version] += 1
        refined = tf.make_ndarray(answer.outputs["refined"])
        if not np.array_equal(refined, self._images + np.uint8(version)):
            self.failures["wrong answer"] += 1


def _pushback_seconds(error: grpc.RpcError) -> float:
    """How long the server asks to be left alone, as gRPC's own retries read it (gRFC A6)."""
    metadata = dict(error.trailing_metadata() or ())
    return int(metadata.get("grpc-retry-pushback-ms", 0)) / 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--side", type=int, default=64)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder, "model")
        base.mkdir()
        common.save_adder(base, 1)
        server = common.ServerProcess(base)
        stop = threading.Event()
        images = common.random_images(1, arguments.side, arguments.side, 3)
        clients = [Client(server.address, images, stop) for _ in range(arguments.clients)]
        started = time.perf_counter()
        for client in clients:
            client.start()
        time.sleep(arguments.seconds / 3)
        common.save_adder(base, 2)
        time.sleep(max(0, started + 2 * arguments.seconds / 3 - time.perf_counter()))
        ended = time.perf_counter()
        exit_code = server.stop()
        server = common.ServerProcess(base, port=server.port)
        down = time.perf_counter() - ended
        time.sleep(max(0, started + arguments.seconds - time.perf_counter()))
        stop.set()
        for client in clients:
            client.join()
        server.stop()
    seconds = np.array([value for client in clients for value in client.seconds]) * 1e3
    repeated = [value for client in clients for value in client.repeated]
    versions = sum((client.versions for client in clients), collections.Counter())
    failures = sum((client.failures for client in clients), collections.Counter())
    print(f"clients {arguments.clients}, {arguments.seconds:g} s, {arguments.side} px")
    print(f"requests {len(seconds) + len(repeated)}, by version {dict(versions)}")
    print(f"failed {sum(failures.values())} {dict(failures)}")
    print(f"p50 {np.percentile(seconds, 50):.1f} ms, p99 {np.percentile(seconds, 99):.1f} ms")
    print(
        f"restart: exit code {exit_code}, {down:.1f} s until it served again; repeated by clients "
        f"{len(repeated)}, longest {max(repeated, default=0):.1f} s"
    )
    raise SystemExit(bool(failures))


if __name__ == "__main__":
    main()
