"""The London Set's photos in the folders and lists of CFP: to try what will be run on the real set.

python -m benchmarks.frll_as_cfp --photos=FRLL --output=DIR [--people=20]

DIR/Data/Images/NNN/frontal has a person's fronts and three-quarter views, profile the profiles;
DIR/Protocol the lists and ten folds, FP and FF, that share nobody, with as many impostor pairs as
genuine ones. Files are links.
"""

import itertools
from collections import defaultdict
from pathlib import Path

import numpy as np
from absl import flags

from dagan_tf.core.files import write_text
from dagan_tf.core.program import run_app
from dagan_tf.data.photos import list_photos
from dagan_tf.errors import DaganError

FLAGS = flags.FLAGS
flags.DEFINE_string("photos", None, "The London Set.", required=True)
flags.DEFINE_string("output", None, "Folder to make.", required=True)
flags.DEFINE_integer("people", 20, "People, of the first ones.", lower_bound=20)

FOLDS = 10
_VIEWS = {"F": "frontal", "P": "profile"}
# From the yaw on that CFP calls a profile.
_PROFILE = 60.0


def linked(photos: Path, output: Path, people: int) -> dict[str, list[tuple[str, str]]]:
    """Links the photos; returns (person, path in Protocol/'s words) of either list."""
    by_person = defaultdict(list)
    for item in list_photos(photos, "frll"):
        by_person[item.identity].append(item)
    names = sorted(by_person)[:people]
    lists: dict[str, list[tuple[str, str]]] = {"F": [], "P": []}
    for name in names:
        for letter, view in _VIEWS.items():
            folder = output / "Data" / "Images" / name / view
            folder.mkdir(parents=True, exist_ok=True)
            own = [
                item.path
                for item in by_person[name]
                if (abs(item.yaw or 0.0) > _PROFILE) == (letter == "P")
            ]
            for number, path in enumerate(sorted(own), start=1):
                link = folder / f"{number:02d}.jpg"
                link.unlink(missing_ok=True)
                link.symlink_to(path.resolve())
                lists[letter].append((name, f"../Data/Images/{name}/{view}/{link.name}"))
    return lists


def pairs_of_fold(
    first: list[tuple[str, str]], second: list[tuple[str, str]], people: set[str], seed: int
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Genuine pairs of a fold's people by their numbers in the lists, and as many impostor ones."""
    same, different = [], []
    for (a, (one, path)), (b, (two, other)) in itertools.product(
        enumerate(first, start=1), enumerate(second, start=1)
    ):
        if {one, two} <= people and path != other:
            (same if one == two else different).append((a, b))
    chosen = np.random.default_rng(seed).permutation(len(different))[: len(same)]
    return same, [different[place] for place in sorted(chosen)]


def main(argv: list[str]) -> None:
    del argv
    output = Path(FLAGS.output)
    lists = linked(Path(FLAGS.photos), output, FLAGS.people)
    for letter, rows in lists.items():
        lines = [f"{number} {path}\n" for number, (_, path) in enumerate(rows, start=1)]
        (output / "Protocol").mkdir(exist_ok=True)
        write_text(output / "Protocol" / f"Pair_list_{letter}.txt", "".join(lines))
    names = sorted({name for name, _ in lists["F"]})
    if len(names) < 2 * FOLDS:
        raise DaganError(f"{FLAGS.photos}: {len(names)} people; expected {2 * FOLDS} or more")
    for kind, second in (("FP", "P"), ("FF", "F")):
        for fold, people in enumerate(np.array_split(names, FOLDS), start=1):
            folder = output / "Protocol" / "Split" / kind / f"{fold:02d}"
            folder.mkdir(parents=True, exist_ok=True)
            parts = pairs_of_fold(lists["F"], lists[second], set(people.tolist()), fold)
            for name, pairs in zip(("same.txt", "diff.txt"), parts, strict=True):
                write_text(folder / name, "".join(f"{a},{b}\n" for a, b in pairs))
    print(f"{len(names)} people in {output}, {FOLDS} folds")


if __name__ == "__main__":
    run_app(main)
