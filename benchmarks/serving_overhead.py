"""What gRPC and the server add to the time of the model.

python -m benchmarks.serving_overhead --requests=300 --large_requests=20

For each request: the client's time from call to answer, less the time the same request spent in
the model by the server's own clock (runtime_latency). Medians; server and client share the machine.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks import serving_common as common


def measure(base: Path, side: int, count: int, name: str) -> None:
    """Prints one row of the table."""
    server = common.ServerProcess(base)
    request = common.predict_request(common.random_images(1, side, side, 3)).SerializeToString()
    added, models = [], []
    with common.connect(server.address) as channel:
        call = channel.unary_unary(common.PREDICT)
        for _ in range(3):
            call(request)
        for _ in range(count):
            before = server.runtime_seconds()
            started = time.perf_counter()
            call(request)
            wall = time.perf_counter() - started
            model = server.runtime_seconds() - before
            added.append((wall - model) * 1e3)
            models.append(model * 1e3)
    server.stop()
    median, model = statistics.median(added), statistics.median(models)
    print(
        f"| {name} | {side} | {count} | {model:.2f} | {median:.2f} | {100 * median / model:.1f} % |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--large_requests", type=int, default=20)
    parser.add_argument("--filters", type=int, default=64)
    parser.add_argument("--blocks", type=int, default=10)
    arguments = parser.parse_args()
    print("| model | side | requests | model ms | added ms | added |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        trivial, generator = Path(folder, "trivial"), Path(folder, "generator")
        trivial.mkdir()
        common.save_adder(trivial, 1)
        measure(trivial, 64, arguments.requests, "trivial")
        measure(trivial, 224, arguments.requests, "trivial")
        common.save_generator(generator, filters=arguments.filters, blocks=arguments.blocks)
        name = f"generator, {arguments.blocks} blocks of {arguments.filters}"
        measure(generator, 224, arguments.large_requests, name)


if __name__ == "__main__":
    main()
