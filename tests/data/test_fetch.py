import hashlib
import io
import json
import subprocess
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dagan_tf.data import fetch
from dagan_tf.data.fetch import fetch_frll
from dagan_tf.data.photos import list_photos
from dagan_tf.errors import DaganError


def _zip(members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


FRONT = {
    "neutral_front/001_03.jpg": b"a" * 300_000,
    "neutral_front/001_03.tem": b"points",
    "neutral_front/.DS_Store": b"",
    "__MACOSX/neutral_front/._001_03.jpg": b"fork",
}


class _Site:
    """A figshare article on loopback; every request is noted as (path, Range)."""

    def __init__(self):
        self.files = {
            "neutral_front.zip": _zip(FRONT),
            # No folder inside: the archive's name tells the view.
            "smiling_left_profile.zip": _zip({"001_06.jpg": b"b"}),
            "london_faces_info.csv": b"face_id,age\n",
        }
        self.md5 = {name: hashlib.md5(data).hexdigest() for name, data in self.files.items()}
        self.asked = []
        self.cut = {}  # name: bytes after which the connection ends, once for each time listed
        self.ranges = True
        self.answer = None  # (status, content type, body) instead of any file

    def article(self):
        files = [
            {
                "id": number,
                "name": name,
                "size": len(data),
                "is_link_only": False,
                "download_url": f"{self.url}/files/{name}",
                "supplied_md5": "",
                "computed_md5": self.md5[name],
            }
            for number, (name, data) in enumerate(self.files.items())
        ]
        return json.dumps({"files": [*files, {"name": "elsewhere", "is_link_only": True}]}).encode()


@pytest.fixture
def site():
    site = _Site()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

        def do_GET(self):
            name = self.path.rpartition("/")[2]
            asked = self.headers.get("Range")
            site.asked.append((name, asked))
            if name == "article":
                self._send(200, "application/json", site.article())
            elif site.answer:
                self._send(*site.answer)
            else:
                data, start = site.files[name], 0
                if asked and site.ranges:
                    start = int(asked.removeprefix("bytes=").removesuffix("-"))
                self._send(206 if start else 200, "application/zip", data[start:], name, start)

        def _send(self, status, kind, body, name=None, start=0):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if status == 206:
                end = start + len(body)
                self.send_header("Content-Range", f"bytes {start}-{end - 1}/{end}")
            self.end_headers()
            cuts = site.cut.get(name)
            self.wfile.write(body[: cuts.pop(0)] if cuts else body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield site
    server.shutdown()
    server.server_close()


def _fetch(site, output):
    return fetch_frll(output, f"{site.url}/article", timeout=10)


def _kept(output):
    return sorted(
        path.relative_to(output).as_posix()
        for path in output.rglob("*")
        if path.is_file() and ".fetch" not in path.parts
    )


def test_folders_are_laid_out_and_credit_is_written(site, tmp_path):
    assert _fetch(site, tmp_path) == 2
    assert _kept(tmp_path) == [
        "ATTRIBUTION.md",
        "london_faces_info.csv",
        "neutral_front/001_03.jpg",
        "smiling_left_profile/001_06.jpg",
    ]
    assert [item.yaw for item in list_photos(tmp_path, "frll")] == [0.0, -90.0]
    text = (tmp_path / "ATTRIBUTION.md").read_text()
    assert "CC BY 4.0" in text
    assert "10.6084/m9.figshare.5047666" in text
    assert not list((tmp_path / ".fetch").glob("*.zip"))


def test_a_second_run_downloads_nothing(site, tmp_path):
    _fetch(site, tmp_path)
    site.asked.clear()
    assert _fetch(site, tmp_path) == 2
    assert site.asked == [("article", None)]


def test_a_lost_connection_goes_on_by_itself(site, tmp_path):
    site.cut = {"neutral_front.zip": [100_000]}
    assert _fetch(site, tmp_path) == 2
    assert [asked for name, asked in site.asked if name == "neutral_front.zip"] == [
        None,
        "bytes=100000-",
    ]


def test_a_later_run_goes_on_where_one_was_lost(site, tmp_path):
    site.cut = {"neutral_front.zip": [100_000, 1000, 1000, 1000]}
    with pytest.raises(DaganError, match=r"103000 of \d+ bytes came.*run again"):
        _fetch(site, tmp_path)
    site.asked.clear()
    assert _fetch(site, tmp_path) == 2
    assert ("neutral_front.zip", "bytes=103000-") in site.asked
    assert (tmp_path / "neutral_front/001_03.jpg").read_bytes() == FRONT["neutral_front/001_03.jpg"]


def test_a_site_without_ranges_sends_the_whole_again(site, tmp_path):
    site.ranges = False
    site.cut = {"neutral_front.zip": [100_000]}
    assert _fetch(site, tmp_path) == 2


def test_a_wrong_hash_is_thrown_away(site, tmp_path):
    right = site.md5["neutral_front.zip"]
    site.md5["neutral_front.zip"] = "0" * 32
    with pytest.raises(DaganError, match=f"MD5 is {right}; expected {'0' * 32}"):
        _fetch(site, tmp_path)
    site.md5["neutral_front.zip"] = right
    assert _fetch(site, tmp_path) == 2


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((403, "text/plain", b"no"), "answers 403"),
        ((202, "text/plain", b""), "answers 202"),
        ((200, "text/html", b"<html>Are you a person?"), "200 with text/html"),
    ],
)
def test_a_site_that_refuses_is_named(site, tmp_path, answer, message):
    site.answer = answer
    with pytest.raises(DaganError, match=message) as error:
        _fetch(site, tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["../neutral_front/001_03.jpg", "/neutral_front/001_03.jpg"])
def test_no_archive_leads_out_of_the_folder(site, tmp_path, name):
    site.files["neutral_front.zip"] = data = _zip({name: b"x"})
    site.md5["neutral_front.zip"] = hashlib.md5(data).hexdigest()
    with pytest.raises(DaganError, match="expected a path inside"):
        _fetch(site, tmp_path / "in")
    assert _kept(tmp_path / "in") == []


def test_no_file_name_leads_out_of_the_folder(site, tmp_path):
    site.files["../escaped.csv"] = b"x"
    site.md5["../escaped.csv"] = "0"
    with pytest.raises(DaganError, match="expected a name, no path"):
        _fetch(site, tmp_path / "in")
    assert not (tmp_path / "escaped.csv").exists()


def test_a_broken_archive_is_named(site, tmp_path):
    site.files["neutral_front.zip"] = b"no zip"
    site.md5["neutral_front.zip"] = hashlib.md5(b"no zip").hexdigest()
    with pytest.raises(DaganError, match=r"neutral_front.zip: not a readable zip"):
        _fetch(site, tmp_path)


def test_too_small_a_disk_is_told_before_anything_is_downloaded(site, tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1000})()
    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(DaganError, match="0 MB free; expected at least"):
        _fetch(site, tmp_path)
    assert site.asked == [("article", None)]


def test_a_disk_that_fills_up_is_told(site, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fetch.shutil, "copyfileobj", full)
    with pytest.raises(DaganError, match="disk full"):
        _fetch(site, tmp_path)


def _program(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "trainer.fetch", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_program(site, tmp_path):
    done = _program(f"--article={site.url}/article", f"--output={tmp_path}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"2 photos in {tmp_path}")
    site.answer = (403, "text/plain", b"")
    refused = _program(f"--article={site.url}/article", f"--output={tmp_path / 'other'}")
    assert refused.returncode == 2
    assert "answers 403" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
