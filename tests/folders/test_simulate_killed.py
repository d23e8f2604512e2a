"""`trainer.simulate` killed at work: what is there is whole, and the next run goes on from it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from dagan_tf.faces.photo_io import read_photo, write_png
from tests.folders.test_simulate import ROOT, folder_of, rows, run


@pytest.mark.slow
def test_killed_at_work_nothing_half_made_is_taken_as_done(tmp_path, astronaut):
    folder = tmp_path / "photos"
    for index in range(12):
        shifted = np.roll(astronaut[:256, 96:352], 2 * index, axis=1)
        write_png(folder_of(folder, f"p{index:02}") / "1.png", shifted)
    output = tmp_path / "views"
    flags = [f"--photos={folder}", f"--output={output}", "--image_size=48", "--workers=1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "trainer.simulate", *flags], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    manifest = output / "manifest.csv"
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        if manifest.exists() and len(manifest.read_bytes().splitlines()) > 6:
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = len(rows(manifest)) if manifest.exists() else 0
    assert before >= 1, "the run was not under way"
    done = run(*flags)
    assert done.returncode == 0, done.stderr
    paths = [row["path"] for row in rows(manifest)]
    assert len(paths) == len(set(paths)) == 12 * 6
    for path in paths:
        assert read_photo(output / path).shape == (48, 48, 3)
    assert not [name for name in os.listdir(output) if "partial" in name or "tmp" in name]


def children_of(process):
    """Processes below one, by /proc."""
    below = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError):
                continue
            below.setdefault(parent, []).append(int(entry.name))
    found, open_ = [], [process]
    while open_:
        found += (some := below.get(open_.pop(), []))
        open_ += some
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in /proc")
def test_killed_again_and_again_it_ends_as_if_undisturbed(tmp_path, astronaut):
    folder = tmp_path / "photos"
    for index in range(14):
        shifted = np.roll(astronaut[:256, 96:352], 2 * index, axis=1)
        write_png(folder_of(folder, f"p{index:02}") / "1.png", shifted)
    flags = [f"--photos={folder}", "--image_size=48", "--workers=2", "--yaws=-60,30"]
    rng = np.random.default_rng(0)
    output = tmp_path / "killed"
    command = [sys.executable, "-m", "trainer.simulate", *flags, f"--output={output}"]
    kills = 0
    for _ in range(4):
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        done_before = manifest_lines(output)
        wanted = done_before + int(rng.integers(1, 6))
        while process.poll() is None and manifest_lines(output) < wanted:
            time.sleep(0.01)
        children = children_of(process.pid)
        if process.poll() is None:
            kills += 1
        process.kill()
        process.wait()
        for row in rows(output / "manifest.csv")[: manifest_lines(output)]:
            assert read_photo(output / row["path"]).shape == (48, 48, 3)
    assert kills >= 2
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{child}").exists() for child in children):
        assert time.monotonic() < deadline, "workers outlive their parent"
        time.sleep(0.05)
    assert run(*flags, f"--output={output}").returncode == 0
    calm = tmp_path / "calm"
    assert run(*flags, f"--output={calm}").returncode == 0
    files = [
        {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*.png")}
        for top in (output, calm)
    ]
    assert files[0] == files[1]
    assert not [path for path in output.rglob("*") if ".tmp" in path.name]
    tables = [sorted(map(str, rows(top / "manifest.csv"))) for top in (output, calm)]
    assert tables[0] == tables[1]


def manifest_lines(output):
    """Whole rows of a manifest that may not be there yet."""
    file = output / "manifest.csv"
    return max(0, file.read_bytes().count(b"\n") - 1) if file.exists() else 0
