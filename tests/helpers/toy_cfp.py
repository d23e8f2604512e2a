"""A CFP in small: ten folds of two people each, one colour a person."""

from pathlib import Path

import numpy as np

from dagan_tf.faces.photo_io import write_png

PEOPLE = 20


def write_cfp(root: Path, *, size: int = 4) -> None:
    """Writes Protocol/ and Data/: four frontal and two profile photos a person."""
    rng = np.random.default_rng(4)
    names = [f"{person + 1:03d}" for person in range(PEOPLE)]
    (root / "Protocol" / "Split" / "FP").mkdir(parents=True)
    lists: dict[str, list[str]] = {"F": [], "P": []}
    for name in names:
        colour = rng.integers(30, 220, 3)
        for letter, view, count in (("F", "frontal", 4), ("P", "profile", 2)):
            folder = root / "Data" / "Images" / name / view
            folder.mkdir(parents=True)
            for number in range(1, count + 1):
                photo = colour + rng.integers(-20, 20, (size, size, 3))
                write_png(folder / f"{number:02d}.png", photo.astype(np.uint8))
                lists[letter].append(f"../Data/Images/{name}/{view}/{number:02d}.png")
    for letter, paths in lists.items():
        lines = [f"{number} {path}" for number, path in enumerate(paths, start=1)]
        (root / "Protocol" / f"Pair_list_{letter}.txt").write_text("\n".join(lines) + "\n")
    for fold in range(10):
        folder = root / "Protocol" / "Split" / "FP" / f"{fold + 1:02d}"
        folder.mkdir()
        one, other = 2 * fold, 2 * fold + 1
        same = [(4 * p + f, 2 * p + s) for p in (one, other) for f in (1, 2, 3, 4) for s in (1, 2)]
        diff = [
            (4 * p + f, 2 * q + s)
            for p, q in ((one, other), (other, one))
            for f in (1, 2, 3, 4)
            for s in (1, 2)
        ]
        for file, pairs in (("same.txt", same), ("diff.txt", diff)):
            (folder / file).write_text("".join(f"{a},{b}\n" for a, b in pairs))
