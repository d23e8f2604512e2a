"""Protocols by the names the command line uses."""

from collections.abc import Callable
from pathlib import Path

from dagan_tf.errors import DaganError
from dagan_tf.protocols.frll import read_frll
from dagan_tf.protocols.ijba import read_ijba_search, read_ijba_verification
from dagan_tf.protocols.ijbc import read_ijb_meta, read_ijb_search
from dagan_tf.protocols.image_files import home
from dagan_tf.protocols.image_pairs import read_cfp, read_lfw
from dagan_tf.protocols.lists import read_lists
from dagan_tf.protocols.protocol import Protocol

# From a name to what the set's folder is known by, and what reads (folder, seed).
_READERS: dict[str, tuple[str, Callable[[Path, int], Protocol]]] = {
    "frll": ("neutral_front", lambda root, seed: read_frll(root, seed=seed)),
    "lfw": ("pairs.txt", lambda root, seed: read_lfw(root / "pairs.txt", root)),
    "cfp": ("Protocol", lambda root, seed: read_cfp(root, "FP")),
    "cfp-ff": ("Protocol", lambda root, seed: read_cfp(root, "FF")),
    "ijba": ("IJB-A_11_sets", lambda root, seed: read_ijba_verification(root)),
    "ijba-search": ("IJB-A_1N_sets", lambda root, seed: read_ijba_search(root)),
    "ijbb": ("meta", lambda root, seed: read_ijb_meta(*_meta(root), "ijbb")),
    "ijbb-search": ("meta", lambda root, seed: read_ijb_search(*_meta(root), "ijbb")),
    "ijbc": ("meta", lambda root, seed: read_ijb_meta(*_meta(root), "ijbc")),
    "ijbc-search": ("meta", lambda root, seed: read_ijb_search(*_meta(root), "ijbc")),
}
PROTOCOLS = tuple(_READERS)


def read_protocol(name: str, folder: str | Path, seed: int = 0) -> Protocol:
    """Reads a protocol from the set's folder.

    Args:
        name: of `PROTOCOLS`, or a CSV file (see `lists`).
        folder: as the set is distributed, or the folder that holds that one; LFW's pairs.txt lies
            beside the people's folders or beside the folder of these.
        seed: of the divisions that we make (FRLL).

    Raises:
        DaganError: an unknown name, a folder without the set, or as the reader.
    """
    root = Path(folder)
    if name.endswith(".csv"):
        return read_lists(Path(name), root)
    if name not in _READERS:
        raise DaganError(
            f"protocol: got {name!r}, expected one of {', '.join(PROTOCOLS)}, or a .csv file"
        )
    marker, read = _READERS[name]
    return read(home(root, marker), seed)


def _meta(root: Path) -> tuple[Path, Path]:
    return root / "meta", root / "loose_crop"
