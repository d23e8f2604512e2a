"""Caltech's faces, which have no names, by person: folders to train on, and a protocol.

python -m benchmarks.caltech_people --photos=CALTECH --output=DIR [--distance=0.5] [--least=8]

The photos stand person by person: a new one begins where the next photo is farther than --distance
in dlib's features from the mean of those before. Who has fewer than --least photos is left out,
and who comes back later is put together with himself. DIR/NN has links to each person's photos,
DIR/probes.csv is a protocol of the first photo of each against all others.
"""

from pathlib import Path

import numpy as np
from absl import flags
from tqdm import tqdm

from dagan_tf.core.files import write_text
from dagan_tf.core.program import run_app
from dagan_tf.embedders.dlib_resnet import FaceEmbedder
from dagan_tf.errors import DaganError
from dagan_tf.faces.face import FaceFinder
from dagan_tf.faces.photo_io import read_photo

FLAGS = flags.FLAGS
flags.DEFINE_string("photos", None, "Folder of image_NNNN.jpg.", required=True)
flags.DEFINE_string("output", None, "Folder to make.", required=True)
flags.DEFINE_float("distance", 0.5, "Between two people, in dlib's features.")
flags.DEFINE_integer("least", 8, "Photos of a person.")


def people_of(features: list[np.ndarray], distance: float) -> list[list[int]]:
    """Rows of each person: neighbours first, then groups whose means are near."""
    groups: list[list[int]] = []
    for row, feature in enumerate(features):
        middles = [np.mean([features[one] for one in group], axis=0) for group in groups]
        apart = [float(np.linalg.norm(feature - middle)) for middle in middles]
        # The last person goes on, unless this is somebody else.
        if apart and apart[-1] <= distance:
            groups[-1].append(row)
        elif apart and min(apart) <= distance:
            groups.append(groups.pop(int(np.argmin(apart))))
            groups[-1].append(row)
        else:
            groups.append([row])
    return sorted(groups, key=min)


def main(argv: list[str]) -> None:
    del argv
    finder, network = FaceFinder(), FaceEmbedder()
    paths, features = [], []
    for path in tqdm(sorted(Path(FLAGS.photos).glob("image_*.jpg")), unit="photo"):
        photo = read_photo(path)
        try:
            features.append(network.embed(photo, finder.find_one(photo).landmarks))
        except DaganError:
            continue
        paths.append(path)
    groups = [one for one in people_of(features, FLAGS.distance) if len(one) >= FLAGS.least]
    output, lines = Path(FLAGS.output), ["path,person,role"]
    for number, group in enumerate(groups, start=1):
        folder = output / f"{number:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        for place, row in enumerate(group):
            link = folder / paths[row].name
            link.unlink(missing_ok=True)
            link.symlink_to(paths[row].resolve())
            role = "probe" if place else "gallery"
            lines.append(f"{folder.name}/{link.name},{folder.name},{role}")
    write_text(output / "probes.csv", "\n".join(lines) + "\n")
    print(f"{len(groups)} people, {len(lines) - 1} photos: {[len(one) for one in groups]}")


if __name__ == "__main__":
    run_app(main)
