"""An IJB-A in small: NIST's files, ten splits, features whose scores are known by hand."""

from pathlib import Path

import numpy as np

HEADER = (
    "TEMPLATE_ID,SUBJECT_ID,FILE,MEDIA_ID,SIGHTING_ID,FRAME,FACE_X,FACE_Y,FACE_WIDTH,FACE_HEIGHT,"
    "RIGHT_EYE_X,RIGHT_EYE_Y,LEFT_EYE_X,LEFT_EYE_Y,NOSE_BASE_X,NOSE_BASE_Y,FACE_YAW,"
    "FOREHEAD_VISIBLE,EYES_VISIBLE,NOSE_MOUTH_VISIBLE,INDOOR,GENDER,SKIN_TONE,AGE,FACIAL_HAIR"
)


def row(template: object, subject: object, file: str, media: object, sighting: object) -> str:
    """One line of a metadata file."""
    return f"{template},{subject},{file},{media},{sighting},,0,0,8,8" + "," * 15


def write_toy(root: Path) -> None:
    """Writes the verification files.

    In each split template 1 (a video of two frames) and 2 show person 1, template 3 person 2;
    two people, 8 and 9, are to be trained on.
    """
    for split in range(1, 11):
        folder = root / "IJB-A_11_sets" / f"split{split}"
        folder.mkdir(parents=True)
        metadata = [
            row(1, 1, f"frame/a{split}.png", 1, 1),
            row(1, 1, f"frame/d{split}.png", 1, 2),
            row(2, 1, f"img/b{split}.jpg", 2, 3),
            row(3, 2, f"img/c{split}.jpg", 3, 4),
        ]
        train = [
            row(7 + n // 3, 8 + n // 3, f"img/t{split}{n}.jpg", 10 + n, 10 + n) for n in range(6)
        ]
        for name, lines in (("verify_metadata", metadata), ("train", train)):
            (folder / f"{name}_{split}.csv").write_text("\n".join([HEADER, *lines]) + "\n")
        (folder / f"verify_comparisons_{split}.csv").write_text("1,2\n1,3\n2,3\n")


def toy_features(file: Path) -> dict[str, np.ndarray]:
    """Writes and returns features of all its faces.

    Template 1's mean is (1, 0), template 2 is (.8, .6); template 3 is (0, 1) in even splits and
    (.8, .6), like template 2, in odd ones.
    """
    vectors = {"a": [1.0, 0.5], "d": [1.0, -0.5], "b": [0.8, 0.6], "c": [0.0, 1.0]}
    paths, sightings, rows = [], [], []
    for split in range(1, 11):
        for sighting, (letter, folder) in enumerate(
            (("a", "frame"), ("d", "frame"), ("b", "img"), ("c", "img")), start=1
        ):
            paths.append(f"{folder}/{letter}{split}.{'png' if folder == 'frame' else 'jpg'}")
            sightings.append(str(sighting))
            rows.append(vectors["b" if letter == "c" and split % 2 else letter])
        for n in range(6):
            paths.append(f"img/t{split}{n}.jpg")
            sightings.append(str(10 + n))
            rows.append([1.0, 0.1 * n] if n < 3 else [-0.1 * n, 1.0])
    arrays = {
        "features": np.array(rows, np.float32),
        "paths": np.array(paths),
        "sightings": np.array(sightings),
        "yaw": np.linspace(-90, 90, len(paths)),
    }
    np.savez(file, **arrays)
    return arrays
