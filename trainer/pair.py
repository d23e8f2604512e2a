"""Lays real photos of turned heads onto simulated views of the same people, for trainer.task.

python -m trainer.pair --photos=FRLL --simulated=DIR --output=DIR

--simulated is a folder made by trainer.simulate --head from frontal photos of the same set. The
photos need a plain backdrop. Goes on where it stopped.
"""

from absl import flags

from dagan_tf.core.program import run_app
from dagan_tf.faces.weights import LANDMARK_SOURCES

_PHOTOS = flags.DEFINE_string("photos", None, "Folder of photos, turned ones among them.")
_LAYOUT = flags.DEFINE_string("layout", "frll", "How --photos is laid out; it must tell yaws.")
_SIMULATED = flags.DEFINE_string("simulated", None, "Folder made by trainer.simulate --head.")
_OUTPUT = flags.DEFINE_string("output", None, "Folder for photos, masks and manifest.csv.")
_LANDMARKS = flags.DEFINE_enum(
    "landmarks",
    LANDMARK_SOURCES[0],
    LANDMARK_SOURCES,
    "Where landmarks come from (docs/detectors.md): dlib's are not for commercial use.",
)
flags.mark_flags_as_required(["photos", "simulated", "output"])


def main(_: list[str]) -> None:
    """Lays the photos and says how many fit."""
    from dagan_tf.data.photos import check_apart, list_photos
    from dagan_tf.folders.pair import pair_folder

    check_apart(_OUTPUT.value, _PHOTOS.value)
    photos = list_photos(_PHOTOS.value, _LAYOUT.value)
    summary = pair_folder(_SIMULATED.value, photos, _OUTPUT.value, landmarks=_LANDMARKS.value)
    print(
        f"{summary.pairs} pairs in {_OUTPUT.value}; {summary.unlike} photos did not fit their view,"
        f" in {summary.unframed} no face was found"
    )


if __name__ == "__main__":
    run_app(main)
