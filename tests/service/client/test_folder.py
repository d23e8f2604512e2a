"""A folder of image files through a real server, broken off and gone on with."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from dagan_tf.data.manifest import ManifestRow, ManifestWriter, read_manifest, read_skipped
from dagan_tf.faces.photo_io import read_photo, write_png
from dagan_tf.folders.refine import RefiningError, refine_folder
from dagan_tf.service.client.client import RefinerClient, RetryPolicy, ServiceError
from dagan_tf.service.client.folder import refine_image_folder
from dagan_tf.service.server.server import start_server
from tests.helpers.faulty_server import FaultyServer
from tests.helpers.tiny_export import IMAGE_SIZE, export_tiny

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    base = tmp_path_factory.mktemp("base")
    export_tiny(base)
    running = start_server(base, port=0)
    yield running
    running.stop()


@pytest.fixture
def photos(tmp_path) -> Path:
    folder = tmp_path / "in"
    (folder / "anna").mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(7):
        image = random.integers(0, 256, (IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
        write_png(folder / f"anna/{number}.png", image)
    jpeg = tf.io.encode_jpeg(random.integers(0, 256, (40, 31, 3), np.uint8)).numpy()
    (folder / "wide.JPG").write_bytes(jpeg)
    (folder / ".hidden.png").write_bytes(b"")
    (folder / "notes.txt").write_text("no image")
    return folder


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.png")}


def test_every_image_is_refined_once(server, photos, tmp_path):
    out = tmp_path / "out"
    with RefinerClient(server.address, batch_size=3) as client:
        client.pin_version()
        summary = refine_image_folder(client, photos, out, progress=False)
        assert (summary.refined, summary.done_before, summary.skipped) == (8, 0, 0)
        assert _files(out) == {"wide.png", *(f"anna/{number}.png" for number in range(7))}
        image = read_photo(photos / "anna/3.png")
        np.testing.assert_array_equal(read_photo(out / "anna/3.png"), client.refine(image))
        assert read_photo(out / "wide.png").shape == (IMAGE_SIZE, IMAGE_SIZE, 3)
        (out / "anna/3.png").unlink()
        before = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
        again = refine_image_folder(client, photos, out, progress=False)
        assert (again.refined, again.done_before, again.skipped) == (1, 7, 0)
        assert {path: path.stat().st_mtime_ns for path in before} == before


def test_what_is_no_image_is_named_and_the_others_are_refined(server, photos, tmp_path):
    out = tmp_path / "out"
    (photos / "anna/2.png").write_bytes(b"no image")
    (photos / "anna/5.png").write_bytes((photos / "anna/5.png").read_bytes()[:60])
    for turn in ("first", "again"):
        with RefinerClient(server.address, batch_size=4) as client:
            summary = refine_image_folder(client, photos, out, progress=False)
        assert summary.skipped == 2, turn
        assert summary.refined == (6 if turn == "first" else 0)
        rows = read_skipped(out)
        assert len(rows) == 3
        assert {row.source for row in rows} == {"anna/2.png", "anna/5.png", "notes.txt"}
        assert all("INVALID_ARGUMENT" in row.reason for row in rows if row.source != "notes.txt")
    (photos / "anna/2.png").write_bytes((photos / "anna/1.png").read_bytes())
    with RefinerClient(server.address, batch_size=4) as client:
        mended = refine_image_folder(client, photos, out, progress=False)
    assert (mended.refined, mended.done_before, mended.skipped) == (1, 6, 1)
    assert sorted(row.source for row in read_skipped(out)) == ["anna/5.png", "notes.txt"]


def test_photos_of_telephones_are_refined_as_the_same_png(server, telephone_photos, tmp_path):
    folder = next(iter(telephone_photos.values())).parent
    with RefinerClient(server.address) as client:
        summary = refine_image_folder(client, folder, tmp_path / "out", progress=False)
    assert (summary.refined, summary.skipped) == (3, 0)
    png = read_photo(tmp_path / "out/png_1.png").astype(int)
    for suffix in ("heic", "avif"):
        refined = read_photo(tmp_path / f"out/{suffix}_1.png")
        assert np.abs(refined - png).mean() < 3.0, suffix


def test_all_formats_and_names_go_through_and_nothing_is_passed_over(server, photos, tmp_path):
    image = Image.open(photos / "wide.JPG")
    names = ["anna/a.gif", "b.jp2", "c.jpe", "d.tga", "e.avif", "x" * 240 + ".bmp", "back\\.tiff"]
    names.append(os.fsdecode(b"\xff\xfe.webp"))
    for name in names:
        image.save(photos / name, "JPEG" if name.endswith("jpe") else None)
    (photos / "f.heic").write_bytes(b"no image")
    (photos / os.fsdecode(b"\xff.txt")).write_text("no image")
    out = tmp_path / "out"
    for turn in ("first", "again"):
        with RefinerClient(server.address) as client:
            summary = refine_image_folder(client, photos, out, progress=False)
        assert (summary.refined, summary.skipped) == (16 if turn == "first" else 0, 1)
        assert {row.source for row in read_skipped(out)} == {"f.heic", "notes.txt", "%FF.txt"}
        assert all((out / Path(name).with_suffix(".png")).is_file() for name in names)


def test_other_failures_end_it_and_keep_what_is_done(photos, tmp_path):
    out = tmp_path / "out"
    codes = [None, None, grpc.StatusCode.INTERNAL]
    with (
        FaultyServer(codes, delay=lambda number: 0.1 * number) as server,
        RefinerClient(server.address, batch_size=2, concurrency=1) as client,
    ):
        with pytest.raises(ServiceError, match="INTERNAL"):
            refine_image_folder(client, photos, out, progress=False)
        assert len(_files(out)) == 4
        assert refine_image_folder(client, photos, out, progress=False).done_before == 4
    assert _files(out) == {"wide.png", *(f"anna/{number}.png" for number in range(7))}
    assert not list(out.rglob(".*"))


def test_folders_that_cannot_be(server, photos, tmp_path):
    with RefinerClient(server.address) as client:
        with pytest.raises(ServiceError, match="is in the input folder"):
            refine_image_folder(client, photos, photos / "out")
        with pytest.raises(ServiceError, match="no such folder"):
            refine_image_folder(client, tmp_path / "absent", tmp_path / "out")
        (tmp_path / "empty").mkdir()
        with pytest.raises(ServiceError, match="holds no image"):
            refine_image_folder(client, tmp_path / "empty", tmp_path / "out")
        refine_image_folder(client, photos, tmp_path / "out", progress=False)
        (tmp_path / "in-2").mkdir()
        write_png(tmp_path / "in-2" / "wide.png", np.zeros((24, 24, 3), np.uint8))
        with pytest.raises(RefiningError, match=r"was begun with .*in, not with .*in-2"):
            refine_image_folder(client, tmp_path / "in-2", tmp_path / "out")
        client.version = 1
        with pytest.raises(RefiningError, match="was begun with served model dagan version latest"):
            refine_image_folder(client, photos, tmp_path / "out")
        (photos / "anna/3.jpeg").write_bytes(b"")
        with pytest.raises(ServiceError, match=r"both .*3\.jpeg and .*3\.png would become"):
            refine_image_folder(client, photos, tmp_path / "other")


@pytest.mark.slow
def test_program_is_killed_and_goes_on(photos, tmp_path):
    out = tmp_path / "out"
    with FaultyServer(delay=lambda number: 0.15 if number < 4 else 0.0) as server:
        # The faulty server knows no versions, so one is given.
        command = [sys.executable, "-m", "serving.client", f"--server={server.address}"]
        command += ["--version=1", f"--input={photos}", f"--output={out}"]
        command += ["--batch_size=1", "--concurrency=1"]
        first = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while len(_files(out)) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        done = len(_files(out))
        assert 2 <= done < 8
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert second.returncode == 0, second.stderr
    assert f"refined {8 - done} images" in second.stdout
    assert "100%" in second.stderr
    for path in photos.rglob("*.png"):
        if not path.name.startswith("."):
            refined = out / path.relative_to(photos)
            assert refined.read_bytes() == path.read_bytes()[::-1]


def test_retries_reach_a_server_that_starts_late(server, photos, tmp_path):
    # Nobody listens at first; the port is that of a server which is started meanwhile.
    late = FaultyServer()
    with RefinerClient(late.address, retry=RetryPolicy(attempts=20, max_seconds=0.3)) as client:
        timer = threading.Timer(0.7, late.__enter__)
        timer.start()
        summary = refine_image_folder(client, photos, tmp_path / "out", progress=False)
        assert summary.refined == 8
    late.__exit__()


def test_simulated_folder_keeps_several_requests_under_way(tmp_path):
    folder = tmp_path / "simulated"
    folder.mkdir()
    with ManifestWriter(folder) as manifest:
        for index in range(6):
            write_png(folder / f"{index}.png", np.full((8, 8, 3), index, np.uint8))
            manifest.write(
                ManifestRow(f"{index}.png", "", "photo.jpg", "id", 60.0, 0.0, 0.0, fit_error=0.03)
            )
    meeting = threading.Barrier(2, timeout=20)  # Broken unless two requests run side by side.

    def refine(images):
        meeting.wait()
        return images + 100

    with RefinerClient("127.0.0.1:1", concurrency=2) as client:
        summary = refine_folder(
            folder,
            tmp_path / "out",
            refine,
            label="adder",
            batch_size=1,
            stream=client.in_flight,
            progress=False,
        )
    assert summary.refined == 6
    assert [row.path for row in read_manifest(tmp_path / "out")] == [f"{i}.png" for i in range(6)]
    for index in range(6):
        assert (read_photo(tmp_path / "out" / f"{index}.png") == 100 + index).all()


def test_request_larger_than_a_message_is_cut_in_the_calling_thread(server):
    images = np.random.default_rng(0).integers(0, 256, (5, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
    with RefinerClient(server.address, batch_size=2) as client:
        np.testing.assert_array_equal(client.request_images(images), client.refine(images))
