"""Trains DA-GAN: simulated views and real photos in, a model folder out; resumes by itself.

python -m trainer.task --config=face-64 --simulated=DIR --real=DIR --model_dir=DIR
    [--set=training.steps=2000 ...]

--simulated is a folder made by trainer.simulate, --real holds DIR/IDENTITY/*.jpg. MODEL_DIR gets
config.yaml, checkpoints/, metrics.jsonl, samples/, tensorboard/, identities.json and records/.
Ctrl-C or SIGTERM saves and leaves; the same command goes on from there.
"""

import sys

from absl import flags

from dagan_tf.core.program import INTERRUPTED, run_app
from dagan_tf.faces.weights import LANDMARK_SOURCES

_CONFIG = flags.DEFINE_string(
    "config",
    "face-64",
    "Preset (small-64, face-64, face-64-patch, face-96-patch, face-224, fine-tune, "
    "fine-tune-pairs, paper-224) or a YAML file.",
)
_SET = flags.DEFINE_multi_string(
    "set", [], "Override, e.g. --set=training.steps=2000; may be repeated, the last one wins."
)
_SIMULATED = flags.DEFINE_string("simulated", None, "Folder made by trainer.simulate.")
_REAL = flags.DEFINE_string(
    "real", None, "Folder of real photos; without it those of --pairs are the real ones."
)
_PAIRS = flags.DEFINE_string(
    "pairs", None, "Folder made by trainer.pair: real photos laid onto simulated views."
)
_REAL_LAYOUT = flags.DEFINE_string(
    "real_layout", "folder", "Layout of --real: folder (DIR/IDENTITY/*.jpg), flat, frll or orl."
)
_REAL_INCLUDE = flags.DEFINE_string(
    "real_include", None, "Take only real photos whose path in --real matches this glob."
)
_REAL_POSES = flags.DEFINE_string(
    "real_poses", None, "CSV file path,yaw of --real; other photos' yaws are seen."
)
_LANDMARKS = flags.DEFINE_enum(
    "landmarks",
    LANDMARK_SOURCES[0],
    LANDMARK_SOURCES,
    "Where landmarks come from (docs/detectors.md): dlib's are not for commercial use.",
)
_REAL_ALIGNED = flags.DEFINE_bool(
    "real_aligned", False, "The real photos are square crops framed as the simulated views are."
)
_HELD_OUT = flags.DEFINE_list(
    "held_out", [], "Identities to keep from the training, simulated and real, to measure on later."
)
_MODEL_DIR = flags.DEFINE_string("model_dir", None, "Folder of this training; made if absent.")
_DEVICES = flags.DEFINE_list(
    "devices", [], "Devices to train on, e.g. GPU:0,GPU:1; default: all GPUs, or the CPU."
)
_JIT = flags.DEFINE_bool("jit", False, "Compile the step with XLA; slower on CPUs.")
_DETERMINISTIC = flags.DEFINE_bool(
    "deterministic", False, "Equal runs give equal bits, also across resumes; slower."
)
_PROFILE = flags.DEFINE_bool("profile", False, "Write a TensorBoard profile of ten steps.")
_INIT = flags.DEFINE_string(
    "init", None, "Start from the refiner in the box, pretrained, or from another MODEL_DIR."
)
flags.mark_flags_as_required(["simulated", "model_dir"])


def main(_: list[str]) -> int:
    """Trains, or goes on with the training that is there."""
    from dagan_tf.config.settings import load_config
    from dagan_tf.training.train import RealPhotos, train

    config = load_config(_CONFIG.value, _SET.value)
    real = None
    if _REAL.value is not None:
        real = RealPhotos(
            _REAL.value,
            _REAL_LAYOUT.value,
            _REAL_INCLUDE.value,
            _REAL_ALIGNED.value,
            _REAL_POSES.value,
            _LANDMARKS.value,
        )
    result = train(
        config,
        _SIMULATED.value,
        real,
        _MODEL_DIR.value,
        pairs=_PAIRS.value,
        held_out=_HELD_OUT.value,
        devices=_DEVICES.value,
        jit=_JIT.value,
        deterministic=_DETERMINISTIC.value,
        profile=_PROFILE.value,
        init=_INIT.value,
    )
    if result.reason == "interrupted":
        print(
            f"interrupted at step {result.step}, saved in {_MODEL_DIR.value}; the same command"
            " goes on from there",
            file=sys.stderr,
        )
        return INTERRUPTED
    why = {"finished": "finished", "time": "stopped by training.max_minutes"}[result.reason]
    print(f"{why} at step {result.step} of {config.training.steps}: {_MODEL_DIR.value}")
    return 0


if __name__ == "__main__":
    run_app(main, uses_tensorflow=True)
