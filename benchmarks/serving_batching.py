"""Images a second with batching and without, side by side.

python -m benchmarks.serving_batching --seconds=10

Two servers of the same model, asked in turn for half a second each, so that what else the machine
does falls on both. The ratio is the geometric mean over the pairs with a 95 % interval (Student's t
of its logarithm).
"""

import argparse
import os
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from scipy import stats

from benchmarks import serving_common as common

SLICE_SECONDS = 0.5


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


def cells(single: list[list[float]], batched: list[list[float]]) -> str:
    """Requests a second, their ratio with its interval, and median times of the two servers."""
    rates = np.array([[len(part) / SLICE_SECONDS for part in parts] for parts in (single, batched)])
    gain = np.log(rates[1] / rates[0])
    margin = stats.t.ppf(0.975, len(gain) - 1) * gain.std(ddof=1) / len(gain) ** 0.5
    low, ratio, high = np.exp([gain.mean() - margin, gain.mean(), gain.mean() + margin])
    p50 = [1e3 * float(np.median(np.concatenate(parts))) for parts in (single, batched)]
    return (
        f"{rates[0].mean():.0f} | {rates[1].mean():.0f} | {ratio:.2f} ({low:.2f} to {high:.2f}) | "
        f"{p50[0]:.1f} | {p50[1]:.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="A cell.")
    parser.add_argument("--filters", type=int, default=16)
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--timeout_micros", type=int, default=0)
    parser.add_argument("--num_batch_threads", type=int, default=os.cpu_count())
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
                    taken: dict[str, list[list[float]]] = {single.address: [], batched.address: []}
                    for address in taken:
                        measure(address, images, clients, SLICE_SECONDS)
                    for _ in range(max(2, round(arguments.seconds / 2 / SLICE_SECONDS))):
                        for address, slices in taken.items():
                            slices.append(measure(address, images, clients, SLICE_SECONDS))
                    print(
                        f"| {label} | {side} | {clients} | {cells(*taken.values())} |", flush=True
                    )
            single.stop()
            batched.stop()


if __name__ == "__main__":
    main()
