"""`trainer.evaluate` on a set as large as IJB-C 1:1, from its files to the report.

python -m benchmarks.evaluation_scale --folder=DIR

Makes meta files of IJB-C's size (469,375 faces of 512 random numbers, 140,000 media, 23,124
templates, 15,658,489 pairs; 1.2 GB) in DIR unless they are there, then times the whole command and
takes its peak memory.
"""

import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from absl import flags

from dagan_tf.core.program import run_app

FLAGS = flags.FLAGS
flags.DEFINE_string("folder", None, "For the files and the results.", required=True)

FACES, MEDIA, TEMPLATES, PAIRS = 469_375, 140_000, 23_124, 15_658_489


def make(root: Path) -> None:
    rng = np.random.default_rng(2)
    meta = root / "meta"
    meta.mkdir(parents=True, exist_ok=True)
    owner = np.concatenate(
        [np.arange(TEMPLATES), rng.integers(0, TEMPLATES, MEDIA - TEMPLATES)]
    ).tolist()
    media = np.concatenate([np.arange(MEDIA), rng.integers(0, MEDIA, FACES - MEDIA)]).tolist()
    with (meta / "ijbc_face_tid_mid.txt").open("w") as file:
        file.writelines(f"{n}.jpg {owner[one] + 1} {one + 1}\n" for n, one in enumerate(media, 1))
    with (meta / "ijbc_name_5pts_score.txt").open("w") as file:
        file.writelines(f"{n}.jpg{' 12.345' * 10} 0.99\n" for n in range(1, FACES + 1))
    with (meta / "ijbc_template_pair_label.txt").open("w") as file:
        for start in range(0, PAIRS, 1_000_000):
            count = min(1_000_000, PAIRS - start)
            rows = rng.integers(1, TEMPLATES + 1, (count, 2)).tolist()
            same = (rng.random(count) < 0.00125).astype(int).tolist()
            file.writelines(f"{a} {b} {c}\n" for (a, b), c in zip(rows, same, strict=True))
    # Last: its presence says that all files are whole.
    features = rng.standard_normal((FACES, 512), dtype=np.float32)
    paths = np.array([f"{n}.jpg" for n in range(1, FACES + 1)])
    partial = root / "partial.npz"
    np.savez(partial, features=features, paths=paths)
    partial.rename(root / "features.npz")


def main(argv: list[str]) -> None:
    del argv
    root = Path(FLAGS.folder)
    if not (root / "features.npz").exists():
        print("making the files", file=sys.stderr)
        make(root)
    command = [sys.executable, "-m", "trainer.evaluate", "--protocol=ijbc", f"--data={root}"]
    command += [f"--features=random={root / 'features.npz'}", f"--output={root / 'out'}"]
    began = time.perf_counter()
    done = subprocess.run([*command, "--fars=1e-2,1e-3,1e-4"], check=False)
    spent = time.perf_counter() - began
    if done.returncode:
        sys.exit(done.returncode)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(f"{spent:.1f} s from files to report, peak memory {peak:.2f} GiB")


if __name__ == "__main__":
    run_app(main)
