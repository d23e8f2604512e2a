"""Images a second with batching and without, side by side.

python -m benchmarks.serving_batching --seconds=10

Two servers of the same model; each cell is measured in slices that alternate between them.
"""

import argparse
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from benchmarks import serving_common as common

SLICES = 3


def measure(address: str, images: np.ndarray, clients: int, seconds: float) -> list[float]:
    """Seconds of every request of so many clients that ask one thing after the other."""
    request = common.predict_request(images).SerializeToString()
    end = time.perf_counter() + seconds
    taken: list[float] = []

    def ask() -> None:
        with common.connect(address) as channel:
            call = channel.unary_unary(common.PREDICT)
            while (started := time.perf_counter()) < end:
                call(request)
                taken.append(time.perf_counter() - started)

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="A cell.")
    parser.add_argument("--filters", type=int, default=16)
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--timeout_micros", type=int, default=0)
    parser.add_argument("--num_batch_threads", type=int, default=4)
    parser.add_argument("--max_batch_size", type=int, default=8)
    arguments = parser.parse_args()
    print(
        "| model | side | clients | single /s | batched /s | ratio | single p50 ms | "
        "batched p50 ms |\n|---|---|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "batching.config")
        config.write_text(
            f"max_batch_size {{ value: {arguments.max_batch_size} }}\n"
            f"batch_timeout_micros {{ value: {arguments.timeout_micros} }}\n"
            "max_enqueued_batches { value: 100 }\n"
            f"num_batch_threads {{ value: {arguments.num_batch_threads} }}\n"
        )
        trivial, generator = Path(folder, "trivial"), Path(folder, "generator")
        trivial.mkdir()
        common.save_adder(trivial, 1)
        common.save_generator(generator, filters=arguments.filters, blocks=arguments.blocks)
        name = f"generator, {arguments.blocks} blocks of {arguments.filters}"
        for base, label, sides in ((trivial, "trivial", (64,)), (generator, name, (32, 64, 128))):
            single = common.ServerProcess(base)
            batched = common.ServerProcess(
                base, "--enable_batching", f"--batching_parameters_file={config}"
            )
            for side in sides:
                images = common.random_images(1, side, side, 3)
                for clients in (1, 8, 32):
                    taken: dict[str, list[float]] = {single.address: [], batched.address: []}
                    for address in taken:
                        measure(address, images, clients, 0.5)
                    for _ in range(SLICES):
                        for address, seconds in taken.items():
                            part = arguments.seconds / 2 / SLICES
                            seconds += measure(address, images, clients, part)
                    rates = [len(s) / (arguments.seconds / 2) for s in taken.values()]
                    p50 = [1e3 * float(np.median(s)) for s in taken.values()]
                    print(
                        f"| {label} | {side} | {clients} | {rates[0]:.0f} | {rates[1]:.0f} | "
                        f"{rates[1] / rates[0]:.2f} | {p50[0]:.1f} | {p50[1]:.1f} |",
                        flush=True,
                    )
            single.stop()
            batched.stop()


if __name__ == "__main__":
    main()
