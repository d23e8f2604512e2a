"""Names of other people's files, made fit for our text files and for names of our own files."""

import hashlib
import unicodedata

# Ours get an ending, such as "_yaw+007.5_pitch-10.5_mask.png"; file systems allow 255 bytes.
_MOST_BYTES = 200
# Of another one's name that is cut, so many characters of its digest tell it apart.
_DIGEST = 8
# What separates folders and names drives on other systems.
_UNFIT = "\\:"


def one_line(text: str) -> str:
    """A path or name as one line of UTF-8.

    Args:
        text: as the operating system gives it, bytes that are no UTF-8 as `os.fsdecode` has them.

    Returns:
        The same; what is no UTF-8, breaks a line or controls a terminal as "%FF", its bytes.
    """
    return "".join(_escaped(letter) if _breaks(letter) else letter for letter in text)


def file_name(text: str) -> str:
    """The beginning of a file's name, or a folder's, that holds everywhere.

    Args:
        text: any name, without "/".

    Returns:
        `one_line` of it, backslash and colon escaped too; cut to 200 bytes, with
        a digest of the whole at its end, if it is longer.
    """
    name = "".join(_escaped(letter) if letter in _UNFIT else letter for letter in one_line(text))
    data = name.encode("utf-8")
    if len(data) <= _MOST_BYTES:
        return name
    digest = hashlib.sha256(data).hexdigest()[:_DIGEST]
    return data[: _MOST_BYTES - _DIGEST - 1].decode("utf-8", "ignore") + "-" + digest


def _breaks(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")


def _escaped(letter: str) -> str:
    return "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "surrogateescape"))
