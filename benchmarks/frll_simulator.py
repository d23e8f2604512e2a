"""Identity in simulated three-quarter views, against the real three-quarter photos of FRLL.

python -m trainer.simulate --photos=FRLL --layout=frll --include='neutral_front/*' \
    --output=VIEWS --yaws=-45,45
python -m benchmarks.frll_simulator --frll=FRLL --views=VIEWS

FRLL is the Face Research Lab London Set (DeBruine and Jones, 2017), CC BY 4.0.
"""

import json
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
from absl import flags
from tqdm import tqdm

from benchmarks.frll import expression, real_photos, side
from dagan_tf.data.manifest import read_manifest
from dagan_tf.errors import DaganError
from dagan_tf.evaluation.identity import paired_distances, rank1
from dagan_tf.evaluation.layout import locate_faces
from dagan_tf.faces.embedding import FaceEmbedder
from dagan_tf.faces.face import FaceFinder
from dagan_tf.faces.photo_io import read_photo
from trainer.flags import run_app

FLAGS = flags.FLAGS
flags.DEFINE_string("frll", None, "Folder of the London Set.", required=True)
flags.DEFINE_string("views", None, "What trainer.simulate wrote.", required=True)
flags.DEFINE_string("output", None, "Where to write the figures as JSON, if anywhere.")


def embed_all(
    images: list[np.ndarray], layouts: list[float], finder: FaceFinder, embedder: FaceEmbedder
) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings (N, 128) of faces, and how the landmarks of each were found (N,)."""
    located = locate_faces(tqdm(images, unit="face", leave=False), layouts, finder)
    pairs = zip(tqdm(images, unit="face", leave=False), located.landmarks, strict=True)
    return np.stack([embedder.embed(image, points) for image, points in pairs]), located.ways


def main(argv: list[str]) -> None:
    del argv
    began = time.perf_counter()
    # A view of a smiling photo would find its own source in the gallery.
    rows = [
        row for row in read_manifest(FLAGS.views) if side(row.yaw) and expression(row) == "neutral"
    ]
    if not rows:
        raise DaganError(f"{FLAGS.views}: no three-quarter views (yaw -45 or +45) of neutral_front")
    gallery = real_photos(FLAGS.frll, "smiling_front")
    finder, embedder = FaceFinder(), FaceEmbedder()

    gallery_people = np.array(list(gallery))
    images = [read_photo(item.path) for item in gallery.values()]
    gallery_embeddings, _ = embed_all(images, [0.0] * len(images), finder, embedder)

    people = np.array([row.identity for row in rows])
    yaws = np.array([row.yaw for row in rows])
    sides = np.array([side(row.yaw) for row in rows])
    real_items = [
        real_photos(FLAGS.frll, f"{expression(row)}_{side(row.yaw)}_3quarter")[row.identity]
        for row in rows
    ]
    real, real_ways = embed_all(
        [read_photo(item.path) for item in real_items], list(yaws), finder, embedder
    )
    views = [read_photo(Path(FLAGS.views) / row.path) for row in rows]
    views_began = time.perf_counter()
    simulated, ways = embed_all(views, list(yaws), finder, embedder)
    seconds = time.perf_counter() - views_began

    distances = paired_distances(simulated, real)
    hits = rank1(simulated, people, gallery_embeddings, gallery_people)
    real_hits = rank1(real, people, gallery_embeddings, gallery_people)
    frontal = gallery_embeddings[[list(gallery).index(person) for person in people]]
    results: dict[str, object] = {
        "views": len(rows),
        "people": len(set(people)),
        "gallery": len(gallery),
        "image size": views[0].shape[0],
        "landmarks of views": dict(Counter(ways.tolist())),
        "landmarks of real photos": dict(Counter(real_ways.tolist())),
        "seconds a view (detection and embedding)": round(seconds / len(rows), 3),
    }
    header = f"{'':32}{'left':>8}{'right':>8}{'both':>8}"
    print(f"{len(rows)} views of {len(set(people))} people at {views[0].shape[0]} px; ", end="")
    print(f"gallery of {len(gallery)} smiling frontals\n\n{header}")
    for name, values in {
        "view to real 3/4, mean distance": distances,
        "view to real 3/4, largest": None,
        "view to smiling frontal": paired_distances(simulated, frontal),
        "real 3/4 to smiling frontal": paired_distances(real, frontal),
        "view found by HOG": ways == "hog",
        "rank-1 of views": hits,
        "rank-1 of real 3/4": real_hits,
    }.items():
        reduce = np.max if values is None else np.mean
        values = distances if values is None else values
        parts = [values[sides == one] for one in ("left", "right")] + [values]
        figures = [float(reduce(part)) if len(part) else float("nan") for part in parts]
        results[name] = dict(zip(("left", "right", "both"), figures, strict=True))
        print(f"{name:32}" + "".join(f"{figure:8.3f}" for figure in figures))
    missed = [
        f"{row.identity}{row.yaw:+.0f}" for row, hit in zip(rows, hits, strict=True) if not hit
    ]
    results["not recognised"] = missed
    print(f"\nnot recognised: {', '.join(missed) or 'nobody'}")
    print(f"landmarks of views by: {results['landmarks of views']}")
    print(f"{seconds / len(rows):.3f} s a view, {time.perf_counter() - began:.0f} s in all")
    if FLAGS.output:
        Path(FLAGS.output).write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
        print(f"figures in {FLAGS.output}", file=sys.stderr)


if __name__ == "__main__":
    run_app(main)
