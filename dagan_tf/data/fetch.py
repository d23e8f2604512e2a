"""Brings the Face Research Lab London Set from figshare into the folders of layout "frll"."""

import errno
import hashlib
import http.client
import json
import os
import shutil
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from tqdm import tqdm

from dagan_tf.core.files import write_whole, writing_to
from dagan_tf.data.layouts import FRLL_VIEW
from dagan_tf.data.photos import list_photos
from dagan_tf.errors import DaganError

FRLL_ARTICLE = "https://api.figshare.com/v2/articles/5047666"
ATTRIBUTION = """\
# Face Research Lab London Set

DeBruine, Lisa; Jones, Benedict (2017): Face Research Lab London Set. figshare.
https://doi.org/10.6084/m9.figshare.5047666

Licence: CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/). Name the authors and say what you
changed when you pass photos on. The people pictured gave signed consent for their images to be
used in lab-based and web-based studies, in original or altered form, and to illustrate research.

Fetched with dagan_tf: photos unpacked as they are, landmark files (.tem) left out.
"""
_CHUNK = 1 << 18
_ATTEMPTS = 4


@dataclass(frozen=True)
class RemoteFile:
    """A file of a figshare article: its name, size in bytes, address and MD5 in hex."""

    name: str
    size: int
    url: str
    md5: str


def fetch_frll(
    output: str | os.PathLike[str], article: str = FRLL_ARTICLE, timeout: float = 60.0
) -> int:
    """Downloads, checks and unpacks the set; goes on where an earlier call stopped.

    Leaves OUTPUT/{neutral,smiling}_{front,left_3quarter,...}/NNN_VV.jpg, the set's tables and
    ATTRIBUTION.md. Unfinished downloads lie in OUTPUT/.fetch.

    Args:
        output: The folder; made if absent.
        article: Address of the article in figshare's API, version 2.
        timeout: Seconds without an answer after which a connection counts as lost.

    Returns:
        The number of photos there are.

    Raises:
        DaganError: The site does not give the files, a hash is wrong, an archive is broken or
            leads out of the folder, or the disk is full.
    """
    output = Path(output)
    state = output / ".fetch"
    with _disk_errors(output), writing_to(output):
        state.mkdir(parents=True, exist_ok=True)
        files = [file for file in list_files(article, timeout) if not _is_done(file, state)]
        missing = sum(file.size for file in files)
        free = shutil.disk_usage(state).free
        # An archive goes away once unpacked; photos hardly pack.
        need = missing + max((file.size for file in files), default=0)
        if free < need:
            raise DaganError(
                f"{output}: {free / 1e6:.0f} MB free; expected at least {need / 1e6:.0f} MB"
            )
        with tqdm(total=missing, unit="B", unit_scale=True, desc="fetch", disable=None) as bar:
            for file in files:
                path = download(file, state, bar, timeout)
                if path.suffix.lower() == ".zip":
                    unpack_views(path, output)
                    path.unlink()
                else:
                    path.replace(output / file.name)
                (state / f"{file.name}.done").write_text(file.md5, encoding="utf-8")
        (output / "ATTRIBUTION.md").write_text(ATTRIBUTION, encoding="utf-8")
    return len(list_photos(output, "frll"))


def list_files(article: str, timeout: float = 60.0) -> list[RemoteFile]:
    """Returns the files of a figshare article; those it merely links to are left out.

    Raises:
        DaganError: No such answer there, or an entry without a hash or with a path for a name.
    """
    with _open(article, timeout, 0) as response:
        text = response.read()
    try:
        entries = json.loads(text)["files"]
        files = [
            RemoteFile(
                str(entry["name"]),
                int(entry["size"]),
                str(entry["download_url"]),
                str(entry.get("computed_md5") or entry.get("supplied_md5") or "").lower(),
            )
            for entry in entries
            if not entry.get("is_link_only")
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DaganError(
            f"{article}: the answer is no figshare article; expected JSON with a list 'files'"
        ) from None
    for file in files:
        if file.name in ("", ".", "..") or file.name != Path(file.name).name or "\\" in file.name:
            raise DaganError(f"{article}: file name is {file.name!r}; expected a name, no path")
        if not file.md5:
            raise DaganError(f"{article}: {file.name} has no MD5; expected computed_md5")
    return files


def download(file: RemoteFile, folder: Path, bar: Any, timeout: float = 60.0) -> Path:
    """Downloads a file to FOLDER/NAME by way of NAME.part, which a later call continues.

    Args:
        file: What to download.
        folder: An existing folder.
        bar: A tqdm bar that counts bytes.
        timeout: Seconds without an answer.

    Returns:
        The file, its MD5 checked.

    Raises:
        DaganError: Refused, lost several times, or the wrong content (which is thrown away).
    """
    part = folder / f"{file.name}.part"
    if part.exists() and part.stat().st_size > file.size:
        part.unlink()
    bar.update(part.stat().st_size if part.exists() else 0)
    lost: Exception | str = "the connection ended early"
    for _ in range(_ATTEMPTS):
        have = part.stat().st_size if part.exists() else 0
        if have >= file.size:
            break
        try:
            _download_rest(file, part, have, bar, timeout)
        except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
            lost = error
    have = part.stat().st_size if part.exists() else 0
    if have < file.size:
        raise DaganError(
            f"{file.url}: {have} of {file.size} bytes came ({lost}); run again to go on from there"
        )
    hashed = hashlib.md5()
    with part.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            hashed.update(chunk)
    digest = hashed.hexdigest()
    if digest != file.md5:
        part.unlink()
        raise DaganError(
            f"{file.name}: MD5 is {digest}; expected {file.md5}. It was thrown away; run again"
        )
    return part.replace(folder / file.name)


def unpack_views(archive: Path, output: Path) -> int:
    """Unpacks the photos of an archive into the folders of their views; returns how many.

    The view is the innermost folder named like one, or the archive's own name. Files of macOS,
    landmarks (.tem) and files of no view are passed over.

    Raises:
        DaganError: The archive is broken or a path in it leads out of the folder.
    """
    count = 0
    try:
        with zipfile.ZipFile(archive) as members:
            for member in members.infolist():
                path = PurePosixPath(member.filename.replace("\\", "/"))
                if path.is_absolute() or ".." in path.parts:
                    raise DaganError(
                        f"{archive.name}: holds {member.filename!r}; expected a path inside"
                    )
                folders = [archive.stem, *path.parts[:-1]]
                view = next((name for name in folders[::-1] if FRLL_VIEW.fullmatch(name)), None)
                passed = "__MACOSX" in path.parts or path.name.startswith(".")
                if member.is_dir() or passed or path.suffix.lower() == ".tem" or view is None:
                    continue
                target = output / view / path.name
                target.parent.mkdir(exist_ok=True)
                with (
                    write_whole(target) as part,
                    members.open(member) as source,
                    part.open("wb") as sink,
                ):
                    shutil.copyfileobj(source, sink)
                count += 1
    except (zipfile.BadZipFile, EOFError, RuntimeError, NotImplementedError) as error:
        raise DaganError(f"{archive.name}: not a readable zip archive ({error})") from None
    return count


def _is_done(file: RemoteFile, state: Path) -> bool:
    done = state / f"{file.name}.done"
    return done.is_file() and done.read_text(encoding="utf-8") == file.md5


def _download_rest(file: RemoteFile, part: Path, have: int, bar: Any, timeout: float) -> None:
    with _open(file.url, timeout, have) as response:
        # A server that knows no ranges sends the whole again.
        goes_on = response.status == 206
        if have and not goes_on:
            bar.update(-have)
        with part.open("ab" if goes_on else "wb") as sink:
            while chunk := response.read(_CHUNK):
                sink.write(chunk)
                bar.update(len(chunk))


@contextmanager
def _open(url: str, timeout: float, start: int) -> Iterator[http.client.HTTPResponse]:
    if not url.startswith(("https://", "http://")):
        raise DaganError(f"address is {url!r}; expected https://... or http://...")
    request = urllib.request.Request(url, headers={"User-Agent": "dagan_tf"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        response = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        raise DaganError(
            f"{url}: the site answers {error.code} {error.reason}; expected the file. If it "
            "refuses programs, download it in a browser"
        ) from None
    except urllib.error.URLError as error:
        raise DaganError(f"{url}: not reached ({error.reason})") from None
    with response:
        kind = response.headers.get_content_type()
        if response.status not in (200, 206) or kind == "text/html":
            raise DaganError(
                f"{url}: the site answers {response.status} with {kind}; expected the file. If it "
                "wants to see a person, download it in a browser"
            )
        if response.status == 206 and not (response.headers.get("Content-Range") or "").startswith(
            f"bytes {start}-"
        ):
            raise DaganError(
                f"{url}: the site sends {response.headers.get('Content-Range')!r}; "
                f"expected bytes from {start}"
            )
        yield response


@contextmanager
def _disk_errors(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DaganError(f"{output}: disk full; free some space and run again") from None
        raise DaganError(f"{error.filename or output}: {error.strerror or error}") from None
