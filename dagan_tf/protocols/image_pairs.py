"""Sets that compare single images in folds: LFW (Huang et al. 2007), CFP (Sengupta et al. 2016)."""

import os
import re
from pathlib import Path

from dagan_tf.data.tables import inside, word_rows
from dagan_tf.errors import DaganError
from dagan_tf.protocols.building import PairTable
from dagan_tf.protocols.protocol import Protocol

CFP_KINDS = ("FF", "FP")


def read_lfw(pairs_file: str | os.PathLike[str], images: str | os.PathLike[str]) -> Protocol:
    """Reads LFW's pairs.txt: folds of equally many genuine and impostor pairs.

    Args:
        pairs_file: First line: folds and pairs of each kind a fold. Names may hold spaces where
            tabs part the words.
        images: Folder of NAME/NAME_0001.jpg.

    Raises:
        DaganError: A row is malformed, or the rows do not fill the folds: file and line.
    """
    file = Path(pairs_file)
    rows = list(word_rows(file, (1, 2, 3, 4), tabs=True))
    if not rows or len(rows[0][1]) != 2 or not all(word.isdigit() for word in rows[0][1]):
        raise DaganError(f"{file}:1: expected the number of folds and of pairs a fold")
    folds, count = map(int, rows[0][1])
    if len(rows) - 1 != 2 * folds * count:
        raise DaganError(f"{file}: {len(rows) - 1} pairs, expected {2 * folds * count}")
    pairs = PairTable()
    for place, (where, words) in enumerate(rows[1:]):
        fold, within = divmod(place, 2 * count)
        genuine = within < count
        if len(words) != (3 if genuine else 4):
            raise DaganError(f"{where}: {len(words)} values, expected {3 if genuine else 4}")
        names = (words[0], words[0]) if genuine else (words[0], words[2])
        numbers = words[1:] if genuine else (words[1], words[3])
        if not all(text.isdigit() for text in numbers):
            raise DaganError(f"{where}: photo numbers {numbers}; expected whole numbers")
        one, two = (
            (inside(where, f"{name}/{name}_{int(text):04d}.jpg"), name)
            for name, text in zip(names, numbers, strict=True)
        )
        pairs.add(where, one, two, genuine, fold)
    return pairs.protocol("LFW", Path(images))


def read_cfp(root: str | os.PathLike[str], kind: str = "FP") -> Protocol:
    """Reads CFP: frontal-frontal ("FF") or frontal-profile ("FP") pairs in 10 folds.

    Args:
        root: Holds Protocol/ and Data/.
        kind: "FF" or "FP".

    Raises:
        DaganError: A file is missing or a row is malformed: file and line.
    """
    if kind not in CFP_KINDS:
        raise DaganError(f"kind: got {kind!r}, expected one of {CFP_KINDS}")
    protocol = Path(root) / "Protocol"
    lists = {letter: _cfp_images(protocol / f"Pair_list_{letter}.txt") for letter in set(kind)}
    pairs = PairTable()
    for fold in range(10):
        for same, name in ((True, "same.txt"), (False, "diff.txt")):
            file = protocol / "Split" / kind / f"{fold + 1:02d}" / name
            for where, words in word_rows(file, (2,), separator=","):
                ends = []
                for letter, word in zip(kind, words, strict=True):
                    if word not in lists[letter]:
                        raise DaganError(
                            f"{where}: image {word!r} is not in Pair_list_{letter}.txt"
                        )
                    ends.append(lists[letter][word])
                if (ends[0][1] == ends[1][1]) != same:
                    raise DaganError(f"{where}: people {ends[0][1]} and {ends[1][1]} in {name}")
                pairs.add(where, ends[0], ends[1], same, fold)
    return pairs.protocol(f"CFP {kind}", Path(root))


def _cfp_images(file: Path) -> dict[str, tuple[str, str]]:
    """Number -> (path below the root, person)."""
    images = {}
    for where, (number, path) in word_rows(file, (2,)):
        clean = inside(where, f"Protocol/{path}")
        person = re.search(r"Images/(\d+)/", clean)
        if person is None:
            raise DaganError(f"{where}: {path!r} names no person; expected .../Images/NNN/...")
        images[number] = clean, person[1]
    return images
