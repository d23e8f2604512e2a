"""Memory of photos that come at once, in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

_PROGRAM = """
import io, re, types
from concurrent import futures
from pathlib import Path
import numpy as np
from PIL import Image
from dagan_tf.demo.turner import Turner

def memory(key):
    return int(re.search(key + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024

file = io.BytesIO()
tile = np.arange(70 * 70 * 3, dtype=np.uint8).reshape(70, 70, 3)
Image.fromarray(np.tile(tile, (70, 70, 1))).save(file, "JPEG")
data = file.getvalue()
finder = types.SimpleNamespace(find_all=lambda pixels: [pixels.shape])
turner = Turner(types.SimpleNamespace(finder=finder))
turner.add(data)
Path("/proc/self/clear_refs").write_text("5")
before = memory("VmRSS")
with futures.ThreadPoolExecutor(4) as pool:
    added = pool.map(lambda _: turner.add(data)[1].faces, range(4))
    shapes = {str(faces) for faces in added}
print(*shapes, memory("VmHWM") - before, memory("VmRSS") - before, sep="|")
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_large_photos_at_once_take_little_memory_and_give_it_back():
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )
    shapes, peak, kept = done.stdout.strip().split("|")
    assert shapes == "[(2000, 2000, 3)]"
    # Four of 24 megapixels, each 96 MB decoded; kept are four of 12 MB, and what the C library
    # keeps for each thread.
    assert int(peak) < 210
    assert int(kept) < 190
