"""Protocols by the names the command line uses."""

from collections.abc import Callable
from pathlib import Path

from dagan_tf.errors import DaganError
from dagan_tf.protocols.frll import read_frll
from dagan_tf.protocols.ijba import read_ijba_search, read_ijba_verification
from dagan_tf.protocols.ijbc import read_ijb_meta, read_ijb_search
from dagan_tf.protocols.image_pairs import read_cfp, read_lfw
from dagan_tf.protocols.protocol import Protocol

# From a name to what reads (folder, seed).
_READERS: dict[str, Callable[[Path, int], Protocol]] = {
    "frll": lambda root, seed: read_frll(root, seed=seed),
    "lfw": lambda root, seed: read_lfw(root / "pairs.txt", root),
    "cfp": lambda root, seed: read_cfp(root, "FP"),
    "cfp-ff": lambda root, seed: read_cfp(root, "FF"),
    "ijba": lambda root, seed: read_ijba_verification(root),
    "ijba-search": lambda root, seed: read_ijba_search(root),
    "ijbb": lambda root, seed: read_ijb_meta(root / "meta", root / "loose_crop", "ijbb"),
    "ijbb-search": lambda root, seed: read_ijb_search(root / "meta", root / "loose_crop", "ijbb"),
    "ijbc": lambda root, seed: read_ijb_meta(root / "meta", root / "loose_crop", "ijbc"),
    "ijbc-search": lambda root, seed: read_ijb_search(root / "meta", root / "loose_crop", "ijbc"),
}
PROTOCOLS = tuple(_READERS)


def read_protocol(name: str, folder: str | Path, seed: int = 0) -> Protocol:
    """Reads a protocol from the set's folder.

    Args:
        name: Of `PROTOCOLS`.
        folder: As the set is distributed; LFW's pairs.txt lies beside the people's folders.
        seed: Of the divisions that are ours (FRLL).

    Raises:
        DaganError: An unknown name, or as the reader.
    """
    if name not in _READERS:
        raise DaganError(f"protocol: got {name!r}, expected one of {', '.join(PROTOCOLS)}")
    return _READERS[name](Path(folder), seed)
