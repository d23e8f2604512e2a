"""Do simulated (and refined) profile views of other people help to recognise real profiles?

python -m benchmarks.frll_recognition --frll=FRLL --simulated=VIEWS [--refined=REFINED] \
    --output=OUT.json

Frozen features (dlib's 128-D, MobileFaceNet) and the linear head of `dagan_tf.recognition`, trained
on half of the people and tested on the other half, 10 seeded splits: frontal gallery, three-quarter
and profile probes of the other expression (`dagan_tf.protocols.frll`). Training sets:

  none       no head, the features as they are
  b-1        real frontal and three-quarter photos
  b-2        the same and the simulated views of the same people
  DA-GAN     the same and the refined views, if --refined is given
  oracle     b-1 and real profile photos: what simulated profiles can hope for

VIEWS come from `trainer.simulate --layout=frll --include='*_front/*' --yaws=-90,-75,-60,60,75,90`.
FRLL is the Face Research Lab London Set (DeBruine and Jones, 2017), CC BY 4.0. MobileFaceNet is for
measuring only.
"""

import json
import os
from pathlib import Path

import numpy as np
from absl import flags
from tqdm import tqdm

from dagan_tf.data.manifest import read_manifest
from dagan_tf.errors import DaganError
from dagan_tf.evaluation.mobilefacenet import MobileFaceNet
from dagan_tf.faces.embedding import FaceEmbedder
from dagan_tf.faces.face import FaceFinder
from dagan_tf.faces.photo_io import read_photo
from dagan_tf.metrics.identification import cmc, search
from dagan_tf.metrics.intervals import over_splits
from dagan_tf.metrics.verification import tar_at_far
from dagan_tf.protocols.frll import read_frll
from dagan_tf.protocols.protocol import Split
from dagan_tf.recognition.linear_head import train_linear_head
from trainer.flags import run_app

FLAGS = flags.FLAGS
flags.DEFINE_string("frll", None, "Folder of the London Set.", required=True)
flags.DEFINE_string("simulated", None, "What trainer.simulate wrote.", required=True)
flags.DEFINE_string("refined", None, "What trainer.refine made of it, if anything.")
flags.DEFINE_string("output", None, "Where to write the figures as JSON, if anywhere.")
flags.DEFINE_integer("splits", 10, "Divisions of the people.")
flags.DEFINE_integer("seed", 0, "Of the divisions.")
flags.DEFINE_float("shrinkage", 0.3, "Of the head.")
flags.DEFINE_integer("dimensions", 40, "Of the head.")
flags.DEFINE_string(
    "mobilefacenet",
    None,
    "TFLite file; default $DAGAN_MODELS_DIR/mobilefacenet/MobileFaceNet.tflite.",
)

# t(9) at 0.975, for 10 splits; wider than a normal's 1.96.
_STUDENT = {2: 12.71, 3: 4.30, 5: 2.78, 10: 2.26}
MEASURES = ("TAR at FAR .01", "TAR at FAR .1", "rank-1")


class Features:
    """Features of images by file, and the landmarks they were read at."""

    def __init__(self) -> None:
        models = Path(os.environ.get("DAGAN_MODELS_DIR", "."))
        path = FLAGS.mobilefacenet or models / "mobilefacenet" / "MobileFaceNet.tflite"
        self._finder = FaceFinder()
        self._networks = {"dlib": FaceEmbedder(), "MobileFaceNet": MobileFaceNet(path)}

    def of(self, file: Path, known: np.ndarray | None = None) -> dict[str, np.ndarray] | None:
        """By network; None if no face is found and no landmarks are known."""
        image = read_photo(file)
        try:
            landmarks = self._finder.find_one(image).landmarks
        except DaganError:
            if known is None:
                return None
            landmarks = known
        return {name: net.embed(image, landmarks) for name, net in self._networks.items()}


def views_of(folder: str, features: Features) -> list[tuple[str, dict[str, np.ndarray]]]:
    """(person, features) of every view of a folder."""
    found = []
    for row in tqdm(read_manifest(folder), desc=folder, leave=False):
        points = np.array([pair.split(",") for pair in row.landmarks.split()], np.float32).reshape(
            -1, 2
        )
        result = features.of(Path(folder) / row.path, points if len(points) == 68 else None)
        if result is not None:
            found.append((row.identity, result))
    return found


def score(split: Split, features: np.ndarray) -> dict[str, dict[str, float]]:
    """Measures by kind of probe; features (F, K) of length 1, of all faces of the protocol."""
    templates = split.templates
    rows = features[templates.face[np.argsort(templates.media_template[templates.media])]]
    figures = {}
    for one in split.searches:
        pairs = one.pairs(templates)
        scores = (rows[pairs.first] * rows[pairs.second]).sum(axis=1)
        ranks = search(
            rows[one.probes] @ rows[one.gallery].T,
            templates.subjects[one.probes],
            templates.subjects[one.gallery],
        )
        figures[one.name] = {
            MEASURES[0]: tar_at_far(scores, pairs.same, 0.01).tar,
            MEASURES[1]: tar_at_far(scores, pairs.same, 0.1).tar,
            MEASURES[2]: float(cmc(ranks, (1,))[0]),
        }
    return figures


def main(argv: list[str]) -> None:
    del argv
    protocol = read_frll(FLAGS.frll, splits=FLAGS.splits, seed=FLAGS.seed)
    features = Features()
    real = [
        features.of(protocol.root / path)
        for path in tqdm(protocol.faces.paths, desc="real", leave=False)
    ]
    missing = sum(found is None for found in real)
    if missing:
        raise DaganError(f"no face found in {missing} of {len(real)} photos of {FLAGS.frll}")
    extra = {"b-2": views_of(FLAGS.simulated, features)}
    if FLAGS.refined:
        extra["DA-GAN"] = views_of(FLAGS.refined, features)
    profile = np.array(["profile" in path for path in protocol.faces.paths])
    systems = ("none", "b-1", *extra, "oracle")
    results: dict[str, dict[str, dict[str, dict[str, list[float]]]]] = {}
    for network in ("dlib", "MobileFaceNet"):
        faces = np.stack([found[network] for found in real if found is not None])
        results[network] = {system: {} for system in systems}
        for split in protocol.splits:
            trained = set(split.training_subjects.tolist())
            for system in systems:
                if system == "none":
                    projected = faces / np.linalg.norm(faces, axis=1, keepdims=True)
                else:
                    use = profile[split.training_faces] <= (system == "oracle")
                    rows = [faces[split.training_faces[use]]]
                    people = split.training_subjects[use].tolist()
                    for person, view in extra.get(system, []):
                        if person in trained:
                            rows.append(view[network][None])
                            people.append(person)
                    head = train_linear_head(
                        np.concatenate(rows),
                        people,
                        shrinkage=FLAGS.shrinkage,
                        dimensions=FLAGS.dimensions,
                    )
                    projected = head(faces)
                for kind, figures in score(split, projected).items():
                    kept = results[network][system].setdefault(kind, {})
                    for name, value in figures.items():
                        kept.setdefault(name, []).append(value)
        for kind in ("three-quarter", "profile"):
            print(f"\n{network}, {kind} probes, mean ± deviation over {FLAGS.splits} splits")
            for system in systems:
                own = results[network][system][kind]
                print(
                    f"{system:10}"
                    + "".join(f"  {name} {over_splits(own[name])}" for name in MEASURES)
                )
        _compare(results[network], list(extra))
    if FLAGS.output:
        Path(FLAGS.output).write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def _compare(figures: dict[str, dict[str, dict[str, list[float]]]], systems: list[str]) -> None:
    """Paired differences on profile probes; splits share people, so the intervals are narrow."""
    factor = _STUDENT.get(FLAGS.splits, 2.0)
    pairs = [(system, "b-1") for system in systems]
    if "DA-GAN" in systems:
        pairs.append(("DA-GAN", "b-2"))
    for better, base in pairs:
        for name in MEASURES:
            gain = np.array(figures[better]["profile"][name]) - figures[base]["profile"][name]
            half = factor * gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else np.nan
            print(f"{better} over {base}, profile, {name}: {gain.mean():+.3f} ± {half:.3f}")


if __name__ == "__main__":
    run_app(main)
