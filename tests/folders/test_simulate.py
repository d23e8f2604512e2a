import csv
import os
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from dagan_tf.core.files import writing_to
from dagan_tf.data.photos import list_photos
from dagan_tf.errors import DaganError
from dagan_tf.faces.photo_io import read_photo, write_png
from dagan_tf.folders import view_maker
from dagan_tf.folders.simulate import simulate_folder, simulate_views
from dagan_tf.folders.view_maker import SimulationSettings
from dagan_tf.folders.views import View, all_views
from dagan_tf.simulator.simulator import Simulator
from tests.helpers.programs import run_program

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


@pytest.mark.slow
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


def test_photos_of_telephones_give_the_views_of_the_same_png(telephone_photos, tmp_path):
    for file in telephone_photos.values():
        shutil.copy(file, folder_of(tmp_path / "photos", "ann"))
    items = list_photos(tmp_path / "photos", "folder")
    summary = simulate_folder(items, tmp_path / "views", (45,), SETTINGS, progress=False)
    assert (summary.made, summary.skipped) == (3, 0)
    png = read_photo(tmp_path / "views/ann/png_1_yaw+045.png").astype(int)
    for suffix in ("heic", "avif"):
        view = read_photo(tmp_path / f"views/ann/{suffix}_1_yaw+045.png")
        assert np.abs(view - png).mean() < 3.0, suffix


def test_a_rerun_makes_only_what_is_missing(photos, tmp_path):
    output = tmp_path / "views"
    items = list_photos(photos, "folder")
    simulate_folder(items[:1], output, (30,), SETTINGS, progress=False)
    first = output / "ann/1_yaw+030.png"
    left = output / "ann/.1_yaw+060.png.0a1b2c3d.tmp"  # of a process that was killed
    left.write_bytes(b"half")
    stamp = first.stat().st_mtime_ns
    summary = simulate_folder(items, output, (30, 60), SETTINGS, progress=False)
    assert summary.views == 4
    assert not left.exists()
    assert first.stat().st_mtime_ns == stamp
    again = simulate_folder(items, output, (30, 60), SETTINGS, progress=False)
    assert (again.made, again.done_before, again.skipped) == (0, 2, 2)
    paths = [row["path"] for row in rows(output / "manifest.csv")]
    assert len(paths) == len(set(paths)) == 4


def test_photos_that_gave_no_views_are_tried_again_once_they_are_mended(photos, tmp_path):
    output = tmp_path / "views"
    items = list_photos(photos, "folder")
    first = simulate_folder(items, output, (30,), SETTINGS, progress=False)
    assert (first.made, first.skipped) == (2, 2)
    (broken,) = [item.path for item in items if item.path.name == "broken.jpg"]
    broken.write_bytes((photos / "ann/1.png").read_bytes())
    again = simulate_folder(items, output, (30,), SETTINGS, progress=False)
    assert (again.made, again.done_before, again.skipped, again.views) == (1, 2, 1, 3)
    assert [Path(row["source"]).name for row in rows(output / "skipped.csv")] == ["2.png"]


def test_views_that_were_lost_are_made_again(photos, tmp_path):
    output = tmp_path / "views"
    items = list_photos(photos, "folder")
    simulate_folder(items, output, (30, 60), SETTINGS, progress=False)
    whole = (output / "ann/1_yaw+030.png").read_bytes()
    (output / "ann/1_yaw+030.png").unlink()
    (output / "ben/3_yaw+060_mask.png").unlink()
    again = simulate_folder(items, output, (30, 60), SETTINGS, progress=False)
    assert (again.made, again.views) == (2, 4)
    assert (output / "ann/1_yaw+030.png").read_bytes() == whole
    assert (output / "ben/3_yaw+060_mask.png").exists()
    paths = [row["path"] for row in rows(output / "manifest.csv")]
    assert len(paths) == len(set(paths)) == 4


def test_any_name_gets_through_and_every_file_is_a_row(photos, tmp_path):
    portrait = (photos / "ann" / "1.png").read_bytes()
    names = [b"\xff\xfe.png", b"x" * 245 + b".png", b"back\\slash.png", b"new\nline.png"]
    for name in names:
        (photos / "ann" / os.fsdecode(name)).write_bytes(portrait)
    (folder_of(photos, os.fsdecode(b"b\xff:\\\n")) / "1.png").write_bytes(portrait)
    (folder_of(photos, "ann/frontal") / "1.png").write_bytes(portrait)
    (photos / "ann" / "notes\xff.txt").write_text("no photo")
    flags = [f"--photos={photos}", f"--output={tmp_path / 'o'}", "--yaws=30", "--image_size=48"]
    for turn in ("first", "again"):
        done = run(*flags, "--workers=1")
        assert done.returncode == 0, done.stderr
        made = rows(tmp_path / "o" / "manifest.csv")
        left = rows(tmp_path / "o" / "skipped.csv")
        assert len(made) == 7, turn
        assert len(left) == 4, turn
        assert len({row["source"] for row in made + left}) == 11
        assert all((tmp_path / "o" / row["path"]).is_file() for row in made)


def test_a_second_writer_is_refused_in_one_line(photos, tmp_path):
    flags = [f"--photos={photos}", f"--output={tmp_path / 'o'}", "--yaws=30", "--image_size=48"]
    with writing_to(tmp_path / "o"):
        done = run(*flags)
    assert done.returncode == 2
    assert "another process is writing to it" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert run(*flags, "--workers=1").returncode == 0


def test_views_of_another_photo_are_not_taken_for_done(photos, tmp_path):
    items = list_photos(photos, "folder")[:1]
    simulate_folder(items, tmp_path / "views", (30,), SETTINGS, progress=False)
    write_png(folder_of(tmp_path / "photos-2", "ann") / "1.png", read_photo(items[0].path)[:, ::-1])
    others = list_photos(tmp_path / "photos-2", "folder")
    with pytest.raises(DaganError, match=r"ann/1_yaw\+030.png was made from .*photos/ann/1.png"):
        simulate_folder(others, tmp_path / "views", (30,), SETTINGS, progress=False)
    # The same photo by another way, and one whose folder was moved, are gone on with.
    (tmp_path / "link").symlink_to(photos)
    linked = list_photos(tmp_path / "link", "folder")[:1]
    assert simulate_folder(linked, tmp_path / "views", (30,), SETTINGS, progress=False).made == 0
    photos.rename(tmp_path / "moved")
    moved = list_photos(tmp_path / "moved", "folder")[:1]
    assert simulate_folder(moved, tmp_path / "views", (30,), SETTINGS, progress=False).made == 0


def test_a_photo_on_its_side_is_turned_and_the_manifest_says_so(photos, tmp_path):
    portrait = read_photo(photos / "ann" / "1.png")
    for quarter in (1, 3):
        turned = np.ascontiguousarray(np.rot90(portrait, quarter))
        write_png(folder_of(tmp_path / "turned", "ann") / f"{quarter}.png", turned)
    items = list_photos(tmp_path / "turned", "folder")
    simulate_folder(items, tmp_path / "views", (30,), SETTINGS, progress=False)
    poses = [row["source_pose"].split() for row in rows(tmp_path / "views" / "manifest.csv")]
    assert [round(float(roll) / 45) for _, _, roll in poses] == [-2, 2]
    assert max(abs(float(yaw)) for yaw, _, _ in poses) < 5


def test_angles_may_be_arrays_and_generators():
    wanted = [View(30.0, 0.0), View(60.0, 0.0)]
    assert all_views(np.array([30, 60]), np.array([0])) == wanted
    assert all_views((yaw for yaw in (30, 60)), (0.0 for _ in range(1))) == wanted
    assert all_views((yaw for yaw in (30, 60)), None) == [View(30.0), View(60.0)]
    with pytest.raises(DaganError, match="pitches: got 5, expected several degrees"):
        all_views([30], 5)


def test_other_settings_are_refused_with_the_difference(photos, tmp_path):
    items = list_photos(photos, "folder")[:1]
    simulate_folder(items, tmp_path / "views", (30,), SETTINGS, progress=False)
    with pytest.raises(DaganError, match=r"image_size=48, now image_size=64"):
        simulate_folder(items, tmp_path / "views", (30,), SimulationSettings(64), progress=False)


def run(*flags):
    return run_program("trainer.simulate", *flags)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--yaws=left"], "--yaws"),
        (["--yaws=120"], "yaw: got 120"),
        (["--photos=/nowhere"], "/nowhere"),
        (["--output=/proc/nothing"], "/proc/nothing"),
        (["--layout=heap"], "heap"),
        (["--photos=.", "--output=./views"], "in the folder of the photos"),
        (["--colour=red"], "colour"),
    ],
)
def test_a_bad_flag_is_one_line(photos, tmp_path, flags, message):
    done = run(f"--photos={photos}", f"--output={tmp_path / 'o'}", "--image_size=48", *flags)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


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


@pytest.fixture
def turned(monkeypatch):
    """Fits say that every photo is turned by -40 degrees."""
    real = Simulator.fit_person

    def fit_person(simulator, faces):
        return [replace(fit, pose=replace(fit.pose, yaw=-40.0)) for fit in real(simulator, faces)]

    monkeypatch.setattr(Simulator, "fit_person", fit_person)
    monkeypatch.setattr(Simulator, "check_fit", lambda *_: None)


def test_a_yaw_that_a_photo_does_not_allow_is_a_row_and_is_not_tried_again(
    photos, tmp_path, turned, monkeypatch
):
    items = list_photos(photos, "folder")[:1]
    output = tmp_path / "views"
    summary = simulate_folder(items, output, (30, -60), SETTINGS, progress=False)
    assert (summary.made, summary.skipped, summary.views, summary.refused) == (1, 0, 1, 1)
    skipped = rows(output / "skipped.csv")
    assert [(row["source"], row["yaw"]) for row in skipped] == [(str(items[0].path), "+030")]
    assert "got +30, expected -90 to -40" in skipped[0]["reason"]
    assert [float(row["yaw"]) for row in rows(output / "manifest.csv")] == [-60.0]

    def searched(*_):
        raise AssertionError("tried again")

    monkeypatch.setattr(Simulator, "fit_person", searched)
    again = simulate_folder(items, output, (30, -60), SETTINGS, progress=False)
    assert (again.made, again.done_before) == (0, 1)


def test_a_photo_that_allows_none_of_the_yaws_is_tried_again_with_others(photos, tmp_path, turned):
    items = list_photos(photos, "folder")[:1]
    output = tmp_path / "views"
    summary = simulate_folder(items, output, (10, 30), SETTINGS, progress=False)
    assert (summary.skipped, summary.views, summary.refused) == (0, 0, 2)
    assert {row["yaw"] for row in rows(output / "skipped.csv")} == {"+010", "+030"}
    assert simulate_folder(items, output, (-80,), SETTINGS, progress=False).views == 1


def test_a_skip_list_of_an_older_version_is_given_its_new_column(photos, tmp_path, turned):
    items = list_photos(photos, "folder")[:1]
    output = tmp_path / "views"
    output.mkdir()
    (output / "skipped.csv").write_text("source,reason\nold.jpg,no face\n")
    simulate_folder(items, output, (10, -60), SETTINGS, progress=False)
    skipped = rows(output / "skipped.csv")
    assert [(row["source"], row["yaw"]) for row in skipped] == [
        ("old.jpg", ""),
        (str(items[0].path), "+010"),
    ]


def test_pitches_are_in_the_names_and_may_be_added_later(photos, tmp_path):
    items = list_photos(photos, "folder")[:1]
    output = tmp_path / "views"
    simulate_folder(items, output, (45,), SETTINGS, progress=False)
    simulate_folder(items, output, (45,), SETTINGS, pitches=(-10, 7.5), progress=False)
    found = {row["path"]: float(row["pitch"]) for row in rows(output / "manifest.csv")}
    own = found.pop("ann/1_yaw+045.png")
    assert found == {"ann/1_yaw+045_pitch-10.png": -10, "ann/1_yaw+045_pitch+07.5.png": 7.5}
    assert own not in (-10, 7.5)


def test_pitch_jitter_moves_the_pitch_shown(photos, tmp_path):
    items = list_photos(photos, "folder")[:1]
    settings = replace(SETTINGS, pitch_jitter=4.0)
    simulate_folder(items, tmp_path / "v", (0, 30), settings, pitches=(5,), progress=False)
    pitches = [float(row["pitch"]) for row in rows(tmp_path / "v" / "manifest.csv")]
    assert len(set(pitches)) == 2
    assert all(1 <= pitch <= 9 for pitch in pitches)


def test_depth_images_hold_the_depth(photos, tmp_path):
    items = list_photos(photos, "folder")[:1]
    settings = replace(SETTINGS, depth=True, background="none")
    simulate_folder(items, tmp_path / "v", (20,), settings, progress=False)
    row = rows(tmp_path / "v" / "manifest.csv")[0]
    assert row["depth_path"] == "ann/1_yaw+020_depth.png"
    stored = cv2.imread(str(tmp_path / "v" / row["depth_path"]), cv2.IMREAD_UNCHANGED)
    assert stored.dtype == np.uint16
    simulator = settings.simulator()
    photo = read_photo(items[0].path)
    view = simulator.simulate(photo, (20,), fit=simulator.fit(photo))[0]
    known = stored > 0
    np.testing.assert_array_equal(known, np.isfinite(view.depth))
    np.testing.assert_allclose((stored[known] / 32 - 1024), view.depth[known], atol=1 / 64)


def test_a_person_s_photos_share_one_shape(tmp_path, astronaut, monkeypatch):
    folder = tmp_path / "photos"
    portrait = astronaut[:256, 96:352]
    write_png(folder_of(folder, "ann") / "1.png", portrait)
    write_png(folder / "ann" / "2.png", np.ascontiguousarray(portrait[:, ::-1]))
    write_png(folder_of(folder, "ben") / "3.png", portrait)
    fitted = []
    real = Simulator.fit_person

    def watched(simulator, faces):
        fits = real(simulator, faces)
        fitted.append([fit.identity for fit in fits])
        return fits

    monkeypatch.setattr(Simulator, "fit_person", watched)
    items = list_photos(folder, "folder")
    settings = replace(SETTINGS, share_identity=True)
    simulate_folder(items[:2], tmp_path / "v", (20,), settings, progress=False)
    simulate_folder(items, tmp_path / "v", (20, 40), settings, progress=False)
    assert [len(group) for group in fitted] == [2, 2, 1]
    for group in fitted[:2]:
        np.testing.assert_array_equal(group[0], group[1])
    assert len(rows(tmp_path / "v" / "manifest.csv")) == 6
    # A photo that needs nothing more still shapes the person's head.
    wanted = [(items[0], all_views((20,), None)), (items[1], all_views((60,), None))]
    simulate_views(wanted, tmp_path / "v", settings, progress=False)
    assert len(fitted.pop()) == 2
    alone = simulate_folder(items, tmp_path / "w", (20,), SETTINGS, progress=False)
    assert alone.views == 3
    assert [len(group) for group in fitted[3:]] == [1, 1, 1]


def test_angles_that_names_cannot_tell_apart_are_refused(photos, tmp_path):
    items = list_photos(photos, "folder")[:1]
    with pytest.raises(DaganError, match=r"yaw: got 30\.01.*0\.1"):
        simulate_folder(items, tmp_path / "v", (30.01,), SETTINGS, progress=False)
    with pytest.raises(DaganError, match=r"pitch: got 40"):
        simulate_folder(items, tmp_path / "v", (30,), SETTINGS, pitches=(40,), progress=False)


def test_reasons_are_counted_without_their_numbers(photos, tmp_path):
    items = list_photos(photos, "folder")
    write_png(photos / "ann" / "4.png", np.full((80, 100, 3), 128, np.uint8))
    items = list_photos(photos, "folder")
    summary = simulate_folder(items, tmp_path / "v", (20,), SETTINGS, progress=False)
    assert summary.reasons["no face found in the photo of NxN pixels"] == 2
    assert sum(summary.reasons.values()) == summary.skipped == 3


@pytest.mark.slow
def test_rows_stand_in_the_order_of_the_photos_whatever_the_workers(tmp_path, astronaut):
    portrait = np.ascontiguousarray(astronaut[:256, 96:352])
    for n in range(6):
        # The first photos are the largest: they are done last.
        factor = 4 if n < 2 else 1
        photo = cv2.resize(portrait, None, fx=factor, fy=factor)
        write_png(folder_of(tmp_path / "photos", f"p{n}") / "a.png", photo)
    items = list_photos(tmp_path / "photos", "folder")
    order = {}
    for workers in (1, 2):
        output = tmp_path / f"views{workers}"
        simulate_folder(items, output, (30, -30), SETTINGS, workers=workers, progress=False)
        order[workers] = [row["path"] for row in rows(output / "manifest.csv")]
    assert order[1] == order[2]
    assert order[1] == [f"p{n}/a_yaw{yaw}.png" for n in range(6) for yaw in ("+030", "-030")]


@pytest.mark.parametrize(("room", "reads"), [(view_maker.KEPT_BYTES, 1), (0, 2)])
def test_a_photo_is_decoded_once_unless_there_is_no_room(
    photos, tmp_path, monkeypatch, room, reads
):
    read = []

    def watched(path):
        read.append(path)
        return read_photo(path)

    monkeypatch.setattr(view_maker, "read_photo", watched)
    monkeypatch.setattr(view_maker, "KEPT_BYTES", room)
    items = list_photos(photos, "folder")[:1]
    summary = simulate_folder(items, tmp_path / "v", (20, 40), SETTINGS, progress=False)
    assert summary.views == 2
    assert len(read) == reads
