"""Does fine-tuning help? A tuned refiner's views beside the plain one's, against real photos.

python -m benchmarks.fine_tuned --simulated=VIEWS --pairs=PAIRS --plain=DIR --tuned=DIR
    [--include='*smiling_front*']

Views of people (trainer.simulate --head), the same refined by both refiners (trainer.refine), and
real photos of these people from that side laid onto the views (trainer.pair), which no training
saw. Nothing measured here is part of a refiner's loss. Columns by network and colour; the last one
is what tuning changes, with a 95 % interval over people.
"""

from pathlib import Path

import numpy as np
from absl import flags

from dagan_tf.core.program import run_app

FLAGS = flags.FLAGS
flags.DEFINE_string("simulated", None, "Views of trainer.simulate --head.", required=True)
flags.DEFINE_string("pairs", None, "Real photos of trainer.pair.", required=True)
flags.DEFINE_string("plain", None, "The views refined by the refiner in the box.", required=True)
flags.DEFINE_string("tuned", None, "The views refined by the tuned one.", required=True)
flags.DEFINE_string("include", "*", "Only views of photos whose path matches.")
flags.DEFINE_list("yaws", [], "Only views at these yaws; by default all.")
flags.DEFINE_string("mobilefacenet", None, "TFLite file of a second network.")

KINDS = ("simulated", "plain", "tuned")


def views() -> list[dict]:
    """Each view's images, its real photo and where they are to be compared."""
    from dagan_tf.data.manifest import landmark_points, read_manifest
    from dagan_tf.faces.photo_io import read_photo

    folders = dict(zip(KINDS, (FLAGS.simulated, FLAGS.plain, FLAGS.tuned), strict=True))
    pairs = {row.path: row for row in read_manifest(FLAGS.pairs)}
    yaws = {float(yaw) for yaw in FLAGS.yaws}
    found = []
    for row in read_manifest(FLAGS.simulated):
        wanted = Path(row.source).match(FLAGS.include) and (not yaws or row.yaw in yaws)
        if not wanted or row.path not in pairs:
            continue
        pair = pairs[row.path]
        found.append(
            {
                "person": row.identity,
                "yaw": row.yaw,
                "points": landmark_points(row.landmarks),
                "real": read_photo(Path(FLAGS.pairs) / pair.path),
                "inside": read_photo(Path(FLAGS.pairs) / pair.mask_path)[..., 0],
                **{kind: read_photo(Path(folder) / row.path) for kind, folder in folders.items()},
            }
        )
    return found


def figures(found: list[dict]) -> dict[str, dict[str, np.ndarray]]:
    """Of each view, by measure and kind."""
    from dagan_tf.embedders.dlib_resnet import FaceEmbedder
    from dagan_tf.embedders.mobilefacenet import MobileFaceNet
    from dagan_tf.evaluation.looks import backdrop_change, colour_distance, top_octave_power

    networks = {"dlib": FaceEmbedder()}
    if FLAGS.mobilefacenet:
        networks["MobileFaceNet"] = MobileFaceNet(FLAGS.mobilefacenet)
    out: dict[str, dict[str, list[float]]] = {}

    def add(name: str, kind: str, value: float) -> None:
        out.setdefault(name, {}).setdefault(kind, []).append(value)

    for view in found:
        real, inside = view["real"], view["inside"]
        own = {name: net.embed(real, view["points"]) for name, net in networks.items()}
        detail = top_octave_power(real, inside)
        for kind in KINDS:
            image = view[kind]
            for name, net in networks.items():
                feature = net.embed(image, view["points"])
                view[kind, name], view["real", name] = feature, own[name]
                add(
                    f"{name}, distance to own photo",
                    kind,
                    float(np.linalg.norm(feature - own[name])),
                )
            apart = np.abs(image.astype(np.float32) - real)[inside == 255]
            add("difference on the head, grey levels", kind, float(apart.mean()))
            add("hue, distance to own photo", kind, colour_distance(image, real, inside))
            ratio = np.log(top_octave_power(image, inside) / detail)
            add("finest detail, |log of its power to the photo's|", kind, float(abs(ratio)))
            halo = backdrop_change(view["simulated"], image, view["yaw"])
            add("change beside the outline, grey levels", kind, halo[0] if halo else np.nan)
    return {name: {k: np.array(v) for k, v in row.items()} for name, row in out.items()}


def main(argv: list[str]) -> None:
    del argv
    from dagan_tf.evaluation.features import appearance_features, pixel_features
    from dagan_tf.evaluation.realism import kernel_distance
    from dagan_tf.metrics.bootstrap import mean_interval

    found = views()
    people = np.array([view["person"] for view in found])
    print(f"{len(found)} views of {len(set(people))} people")
    print(f"| measure | {' | '.join(KINDS)} | tuned - plain |")
    print("|---|---|---|---|---|")
    for name, row in figures(found).items():
        known = np.isfinite(row["plain"])
        means = " | ".join(f"{row[kind][known].mean():.3f}" for kind in KINDS)
        gain = mean_interval((row["tuned"] - row["plain"])[known], people[known])
        print(f"| {name} | {means} | {gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}] |")
    spaces = {
        "appearance": lambda kind: appearance_features(np.stack([v[kind] for v in found])),
        "pixels": lambda kind: pixel_features(np.stack([v[kind] for v in found])),
        "dlib": lambda kind: np.stack([v[kind, "dlib"] for v in found]),
    }
    if FLAGS.mobilefacenet:
        spaces["MobileFaceNet"] = lambda kind: np.stack([v[kind, "MobileFaceNet"] for v in found])
    for name, features in spaces.items():
        distances = {kind: kernel_distance(features("real"), features(kind)) for kind in KINDS}
        means = " | ".join(f"{distances[kind]:.4f}" for kind in KINDS)
        gain = distances["tuned"] - distances["plain"]
        print(f"| kernel distance, {name} | {means} | {gain:+.4f} |")


if __name__ == "__main__":
    run_app(main)
