"""Streams a folder of images through a server; resumable at any moment.

A simulated folder holds more than images, see `dagan_tf.folders.refine`. Of a folder without
`manifest.csv` JPEG and PNG files go to the server as they are, other photos as PNG; its PNG files
are what is written.
"""

import os
from pathlib import Path

import grpc
from tqdm import tqdm

from dagan_tf.core.files import write_bytes, writing_to
from dagan_tf.core.names import one_line
from dagan_tf.data.layouts import all_files
from dagan_tf.data.manifest import (
    MANIFEST_NAME,
    SkippedRow,
    SkippedWriter,
    forget_mended,
    read_skipped,
)
from dagan_tf.faces.photo_io import PHOTO_SUFFIXES, PhotoError, encode_png, read_photo
from dagan_tf.folders.refine import RefiningSummary, claim_folder, refine_folder
from dagan_tf.service.client.client import RefinerClient
from dagan_tf.service.client.messages import split_files
from dagan_tf.service.client.options import ServiceError, TooLargeError

# What every server reads.
_SENT_AS_THEY_ARE = (".jpg", ".jpeg", ".jpe", ".jfif", ".png")

_Answer = bytes | str


def refine_any_folder(
    client: RefinerClient,
    input_folder: str | os.PathLike[str],
    output_folder: str | os.PathLike[str],
    *,
    image_size: int | None = None,
    progress: bool = True,
) -> RefiningSummary:
    """Refines a simulated folder with its manifest and masks, of any other one the images.

    Args:
        client: As of `refine_image_folder`, like the folders.
        input_folder: With `manifest.csv` or without.
        output_folder: Made if absent.
        image_size: As of `refine_folder`; other folders' files are sent as they are.
        progress: A bar on stderr.

    Raises:
        DaganError: As `refine_folder` and `refine_image_folder`.
    """
    if not (Path(input_folder) / MANIFEST_NAME).is_file():
        return refine_image_folder(client, input_folder, output_folder, progress=progress)
    return refine_folder(
        input_folder,
        output_folder,
        client.request_images,
        label=client.label,
        image_size=image_size,
        batch_size=client.options.batch_size,
        stream=client.in_flight,
        progress=progress,
    )


def refine_image_folder(
    client: RefinerClient,
    input_folder: str | os.PathLike[str],
    output_folder: str | os.PathLike[str],
    *,
    progress: bool = True,
) -> RefiningSummary:
    """Refines every photo below a folder that is not refined yet.

    Args:
        client: With its version pinned, or the folder is refined by whatever is served.
        input_folder: Any folders within it are kept; hidden ones are passed over.
        output_folder: Gets `NAME.png` for each, of the size the model was trained at, and
            `skipped.csv` (source, reason) for those that the server does not take for images,
            which are tried again once they have changed, and for files that are no photos by their
            suffix.
        progress: A bar on stderr.

    Returns:
        Counts.

    Raises:
        ServiceError: The server cannot be reached or refuses; what was answered is written. Or
            there are no images, or two of one name.
        RefiningError: `output_folder` was begun with another model.
        OSError: `output_folder` cannot be written.
    """
    source, target = Path(input_folder), Path(output_folder)
    names, others = _output_names(source, target)
    with writing_to(target):
        claim_folder(target, client.label, source)
        forget_mended(target, {_source(path): [source / path] for path in names})
        failed = {row.source for row in read_skipped(target)}
        done_before = sum((target / name).exists() for name in names.values())
        todo = [
            path
            for path, name in names.items()
            if _source(path) not in failed and not (target / name).exists()
        ]
        size = client.options.batch_size
        batches = [todo[start : start + size] for start in range(0, len(todo), size)]

        def ask(batch: list[Path]) -> list[_Answer]:
            return _ask(client, [source / path for path in batch])

        refined = 0
        with (
            SkippedWriter(target) as skip_list,
            tqdm(total=len(todo), unit="image", desc="refine", disable=not progress) as bar,
        ):
            for path in others:
                if _source(path) not in failed:
                    reason = f"not a photo: its suffix is {path.suffix!r}"
                    skip_list.write(SkippedRow(_source(path), reason))
            for batch, answers in zip(batches, client.in_flight(ask, batches), strict=True):
                for path, answer in zip(batch, answers, strict=True):
                    if isinstance(answer, bytes):
                        _write(target / names[path], answer)
                        refined += 1
                    else:
                        skip_list.write(SkippedRow(_source(path), reason=answer))
                    bar.update()
        return RefiningSummary(refined, done_before, len(names) - refined - done_before)


def _output_names(source: Path, target: Path) -> tuple[dict[Path, Path], list[Path]]:
    """Every photo's path in its folder and that of its refined one; and what is no photo."""
    if not source.is_dir():
        raise ServiceError(f"{source}: no such folder")
    if target.resolve().is_relative_to(source.resolve()):
        raise ServiceError(f"{target}: is in the input folder; expected another place")
    names: dict[Path, Path] = {}
    taken: dict[Path, Path] = {}
    others: list[Path] = []
    for path in sorted(path.relative_to(source) for path in all_files(source)):
        if path.suffix.lower() not in PHOTO_SUFFIXES:
            others.append(path)
            continue
        name = path.with_suffix(".png")
        if name in taken:
            raise ServiceError(f"{source}: both {taken[name]} and {path} would become {name}")
        names[path] = name
        taken[name] = path
    if not names:
        raise ServiceError(f"{source}: holds no image ({', '.join(PHOTO_SUFFIXES)})")
    return names, others


def _source(path: Path) -> str:
    """A path in the folder as the skip list has it."""
    return one_line(path.as_posix())


def _ask(client: RefinerClient, paths: list[Path]) -> list[_Answer]:
    """PNG bytes of each, or why there are none."""
    try:
        files = [_contents(path) for path in paths]
        parts = split_files(files, client.options)
        return [data for part in parts for data in client.request_encoded(part)]
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
    except PhotoError as error:
        reason = str(error)
    except TooLargeError as error:
        reason = str(error)
    except ServiceError as error:
        if error.code != grpc.StatusCode.INVALID_ARGUMENT:
            raise
        reason = str(error)
    if len(paths) == 1:
        return [reason]
    # One of them spoils the request: which one shows when each goes alone.
    return [answer for path in paths for answer in _ask(client, [path])]


def _contents(path: Path) -> bytes:
    if path.suffix.lower() in _SENT_AS_THEY_ARE and path.is_file():
        return path.read_bytes()
    return encode_png(read_photo(path))


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, data)
