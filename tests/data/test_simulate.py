import csv
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from dagan_tf.data.photos import list_photos
from dagan_tf.data.simulate import SimulationSettings, simulate_folder
from dagan_tf.errors import DaganError
from dagan_tf.faces.photo_io import read_photo, write_png
from dagan_tf.simulator.simulator import Simulator

SETTINGS = SimulationSettings(image_size=48)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def photos(tmp_path, astronaut):
    """Two identities: one good and one blank photo, one broken file, one good."""
    folder = tmp_path / "photos"
    portrait = astronaut[:256, 96:352]
    write_png(folder_of(folder, "ann") / "1.png", portrait)
    write_png(folder / "ann" / "2.png", np.full((90, 90, 3), 128, np.uint8))
    (folder_of(folder, "ben") / "broken.jpg").write_bytes(b"\xff\xd8not a jpeg")
    write_png(folder / "ben" / "3.png", np.ascontiguousarray(portrait[:, ::-1]))
    return folder


def folder_of(folder, identity):
    (folder / identity).mkdir(parents=True, exist_ok=True)
    return folder / identity


def rows(file):
    with open(file, newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("workers", [1, 2])
def test_every_photo_becomes_views_or_a_reason(photos, tmp_path, workers):
    output = tmp_path / "views"
    summary = simulate_folder(
        list_photos(photos, "folder"), output, (-30, 45), SETTINGS, workers=workers, progress=False
    )
    assert (summary.made, summary.done_before, summary.skipped, summary.views) == (2, 0, 2, 4)
    manifest = rows(output / "manifest.csv")
    assert {row["path"] for row in manifest} == {
        "ann/1_yaw-030.png",
        "ann/1_yaw+045.png",
        "ben/3_yaw-030.png",
        "ben/3_yaw+045.png",
    }
    for row in manifest:
        assert read_photo(output / row["path"]).shape == (48, 48, 3)
        mask = cv2.imread(str(output / row["mask_path"]), cv2.IMREAD_UNCHANGED)
        assert mask.shape == (48, 48)
    reasons = {Path(row["source"]).name: row["reason"] for row in rows(output / "skipped.csv")}
    assert set(reasons) == {"2.png", "broken.jpg"}
    assert "face" in reasons["2.png"]


def test_a_rerun_makes_only_what_is_missing(photos, tmp_path):
    output = tmp_path / "views"
    items = list_photos(photos, "folder")
    simulate_folder(items[:1], output, (30,), SETTINGS, progress=False)
    first = output / "ann/1_yaw+030.png"
    stamp = first.stat().st_mtime_ns
    summary = simulate_folder(items, output, (30, 60), SETTINGS, progress=False)
    assert summary.views == 4
    assert first.stat().st_mtime_ns == stamp
    again = simulate_folder(items, output, (30, 60), SETTINGS, progress=False)
    assert (again.made, again.done_before, again.skipped) == (0, 2, 2)
    paths = [row["path"] for row in rows(output / "manifest.csv")]
    assert len(paths) == len(set(paths)) == 4


def test_other_settings_are_refused_with_the_difference(photos, tmp_path):
    items = list_photos(photos, "folder")[:1]
    simulate_folder(items, tmp_path / "views", (30,), SETTINGS, progress=False)
    with pytest.raises(DaganError, match=r"image_size=48, now image_size=64"):
        simulate_folder(items, tmp_path / "views", (30,), SimulationSettings(64), progress=False)


def run(*flags):
    return subprocess.run(
        [sys.executable, "-m", "trainer.simulate", *flags],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--yaws=left"], "--yaws"),
        (["--yaws=120"], "yaw: got 120"),
        (["--photos=/nowhere"], "/nowhere"),
        (["--output=/proc/nothing"], "/proc/nothing"),
        (["--layout=heap"], "heap"),
        (["--colour=red"], "colour"),
    ],
)
def test_a_bad_flag_is_one_line(photos, tmp_path, flags, message):
    done = run(f"--photos={photos}", f"--output={tmp_path / 'o'}", "--image_size=48", *flags)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


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


def test_jitter_is_in_the_manifest_and_the_same_on_any_path_to_it(photos, tmp_path):
    items = [item for item in list_photos(photos, "folder") if item.path.stem in ("1", "3")]
    settings = SimulationSettings(image_size=48, yaw_jitter=5.0, seed=7)
    simulate_folder(items, tmp_path / "a", (-30, 45), settings, progress=False)
    for item, yaw in ((items[1], 45), (items[0], 45), (items[0], -30), (items[1], -30)):
        simulate_folder([item], tmp_path / "b", (yaw,), settings, progress=False)
    first, second = (
        {row["path"]: row for row in rows(tmp_path / name / "manifest.csv")} for name in "ab"
    )
    assert first == second
    offsets = [float(r["yaw"]) - (45 if "+045" in path else -30) for path, r in first.items()]
    assert len(set(offsets)) == 4
    assert all(0 < abs(offset) <= 5 for offset in offsets)
    for row in first.values():
        assert len(row["landmarks"].split(" ")) == 68


def test_a_yaw_that_a_photo_does_not_allow_is_a_row_and_is_not_tried_again(
    photos, tmp_path, monkeypatch
):
    items = list_photos(photos, "folder")[:1]
    fit = Simulator.fit

    def turned(self, photo, *, face=None):
        found = fit(self, photo, face=face)
        return replace(found, pose=replace(found.pose, yaw=-40.0))

    monkeypatch.setattr(Simulator, "fit", turned)
    output = tmp_path / "views"
    summary = simulate_folder(items, output, (30, -60), SETTINGS, progress=False)
    assert (summary.made, summary.skipped, summary.views) == (1, 0, 1)
    skipped = rows(output / "skipped.csv")
    assert [(row["source"], row["yaw"]) for row in skipped] == [(str(items[0].path), "+030")]
    assert "got +30, expected -90 to -40" in skipped[0]["reason"]
    assert [float(row["yaw"]) for row in rows(output / "manifest.csv")] == [-60.0]

    def searched(self, photo, *, face=None):
        raise AssertionError("tried again")

    monkeypatch.setattr(Simulator, "fit", searched)
    again = simulate_folder(items, output, (30, -60), SETTINGS, progress=False)
    assert (again.made, again.done_before) == (0, 1)
