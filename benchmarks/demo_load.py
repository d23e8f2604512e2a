"""The demo page under many uploads at once: is any reset, and what memory do large photos take?

python -m benchmarks.demo_load
python -m benchmarks.demo_load --format=PNG

The program itself is started, as a user would, on a free port. The photo is the public-domain NASA
portrait that scikit-image ships, enlarged for the large ones.
"""

import http.client
import io
import os
import re
import subprocess
import sys
import time
from collections import Counter
from concurrent import futures
from pathlib import Path

from absl import flags
from PIL import Image

from dagan_tf.core.program import run_app
from dagan_tf.errors import DaganError

FLAGS = flags.FLAGS
flags.DEFINE_integer("uploads", 60, "Photos of 512 pixels sent at once.", 1)
flags.DEFINE_integer("large_uploads", 12, "Large photos sent at once.", 1)
flags.DEFINE_float("megapixels", 62.0, "Size of the large ones.", 0.3)
flags.DEFINE_enum("format", "JPEG", ["JPEG", "PNG"], "Format of the large ones.")


def main(argv: list[str]) -> None:
    del argv
    from skimage.data import astronaut

    portrait = Image.fromarray(astronaut())
    side = round((FLAGS.megapixels * 1e6) ** 0.5)
    large = portrait.resize((side, side), Image.Resampling.NEAREST)
    command = [sys.executable, "-m", "serving.demo", "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://([^/]+)/", process.stdout.readline())
            if found is None:
                raise DaganError("serving.demo did not start; expected the page's address")
            place = found[1]
            _ask(place, _file(portrait, "PNG"))  # What the first photo loads stays.
            _report("small", place, _file(portrait, "PNG"), FLAGS.uploads, process.pid)
            _report(
                f"{FLAGS.megapixels:g}-megapixel {FLAGS.format}",
                *(place, _file(large, FLAGS.format), FLAGS.large_uploads, process.pid),
            )
        finally:
            process.terminate()


def _report(what: str, place: str, data: bytes, count: int, pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # Forgets the peak so far.
    before, began = _memory(pid, "VmRSS"), time.perf_counter()
    with futures.ThreadPoolExecutor(count) as pool:
        answers = list(pool.map(lambda _: _ask(place, data), range(count)))
    seconds = time.perf_counter() - began
    peak = _memory(pid, "VmHWM") - before
    time.sleep(1.0)
    kept = _memory(pid, "VmRSS") - before
    told = ", ".join(f"{number} x {answer}" for answer, number in Counter(answers).items())
    print(
        f"{count} {what} photos of {len(data) / 2**20:.1f} MB at once: {told}; {seconds:.1f} s; "
        f"memory: {peak} MB more at the peak, {kept} MB more afterwards "
        f"(before: {before} MB; load average {os.getloadavg()[0]:.1f})",
        flush=True,
    )


def _ask(place: str, data: bytes) -> str:
    connection = http.client.HTTPConnection(place, timeout=300)
    try:
        connection.request("POST", "/photos", data)
        return str(connection.getresponse().status)
    except OSError as error:
        return type(error).__name__
    finally:
        connection.close()


def _file(image: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def _memory(pid: int, key: str) -> int:
    """VmRSS or VmHWM of a process, MB."""
    found = re.search(rf"{key}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) // 1024 if found else 0


if __name__ == "__main__":
    run_app(main)
