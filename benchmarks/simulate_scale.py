"""Does `trainer.simulate` stay linear in time and flat in memory over many photos?

python -m benchmarks.simulate_scale --photos=DIR [--layout=frll] [--count=10000] [--workers=2]

Repeats the photos of a folder (links under new names) until there are --count of them, makes
one view of each, and prints after every tenth: photos done, seconds so far, processor seconds of
the workers so far (which other load on the machine lengthens less), and the largest resident
memory in that tenth of this process and of its workers.
"""

import multiprocessing
import os
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from absl import flags

from dagan_tf.core.program import run_app
from dagan_tf.data.photos import PhotoItem, list_photos
from dagan_tf.folders.simulate import simulate_folder
from dagan_tf.folders.view_maker import SimulationSettings

FLAGS = flags.FLAGS
flags.DEFINE_string("photos", None, "Folder of photos.", required=True)
flags.DEFINE_string("layout", "frll", "How --photos is laid out.")
flags.DEFINE_string("include", "*_front/*", "Only photos whose path fits this glob.")
flags.DEFINE_integer("count", 10_000, "Photos to make views of.")
flags.DEFINE_integer("image_size", 64, "Side of the views, pixels.")
flags.DEFINE_integer("workers", 2, "Processes.")


def resident(process: int) -> float:
    """Resident memory of a process in MiB (Linux); 0 if it has ended."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def processor_seconds(process: int) -> float:
    """Processor time a process has used (Linux); 0 if it has ended."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(argv: list[str]) -> None:
    del argv
    originals = list_photos(FLAGS.photos, FLAGS.layout, include=FLAGS.include)
    marks: list[tuple[int, float]] = []
    with tempfile.TemporaryDirectory() as scratch:
        photos = []
        for number in range(FLAGS.count):
            item = originals[number % len(originals)]
            link = Path(scratch) / "photos" / f"p{number:06d}{item.path.suffix}"
            link.parent.mkdir(exist_ok=True)
            link.symlink_to(item.path.resolve())
            photos.append(PhotoItem(link, f"p{number:06d}", "1", None))
        output = Path(scratch) / "views"
        finished = threading.Event()

        def watch() -> None:
            tenth, began = max(1, FLAGS.count // 10), time.perf_counter()
            own = workers = 0.0
            while not finished.wait(0.2):
                own = max(own, resident(os.getpid()))
                children = multiprocessing.active_children()
                workers = max([workers, *(resident(child.pid or 0) for child in children)])
                file = output / "manifest.csv"
                done = file.read_bytes().count(b"\n") - 1 if file.exists() else 0
                if done >= tenth * (len(marks) + 1):
                    now = time.perf_counter()
                    used = sum(processor_seconds(child.pid or 0) for child in children)
                    marks.append((done, used))
                    print(
                        f"{done:7d} photos {now - began:7.1f} s, {used:7.1f} s of processor, peak "
                        f"memory {own:4.0f} MiB here, {workers:4.0f} MiB a worker",
                        flush=True,
                    )
                    own = workers = 0.0

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            summary = simulate_folder(
                photos,
                output,
                (60,),
                SimulationSettings(image_size=FLAGS.image_size),
                workers=FLAGS.workers,
                progress=False,
            )
        finally:
            finished.set()
            watcher.join()
    counts, seconds = np.array(marks).T
    speed = np.diff(seconds) / np.diff(counts)
    print(f"{summary.views} views of {FLAGS.count} photos; {os.cpu_count()} cores")
    half = len(speed) // 2
    if half:
        print(
            f"processor seconds a photo: first half {speed[:half].mean():.4f}, second half "
            f"{speed[half:].mean():.4f}, ratio {speed[half:].mean() / speed[:half].mean():.3f}"
        )


if __name__ == "__main__":
    run_app(main)
