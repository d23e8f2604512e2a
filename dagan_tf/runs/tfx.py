"""What TFX's Trainer component asks of a model: train on its Examples, export where it says.

Written against the fields of `tfx.components.FnArgs`; TFX itself is imported only where it has
handed over something of its own. `docs/tfx/pipeline.py` shows a pipeline.
"""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from dagan_tf.config.settings import load_config
from dagan_tf.core.pixels import from_signed, to_signed
from dagan_tf.data.example_files import read_example_files, records_of_batches, write_domains
from dagan_tf.data.record_format import Record
from dagan_tf.errors import DaganError
from dagan_tf.export.locations import copy_tree, locate
from dagan_tf.export.versions import SAVED_MODEL_FILE
from dagan_tf.export.write import export_model_dir
from dagan_tf.folders.keep import make_scorer
from dagan_tf.pretrained.model_folder import load_generator
from dagan_tf.training.run import train_on_records

EVALUATION_FILE = "eval.json"
_CUSTOM = ("config", "overrides", "precision", "training_data", "licence")


def run(fn_args: Any) -> None:
    """Trains, measures on the eval split and exports.

    Args:
        fn_args: An object with the fields of `tfx.components.FnArgs`. Used are `train_files`,
            `eval_files`, `train_steps` and `eval_steps` (None: what the configuration says, and all
            of the split), `model_run_dir` (a local folder: it gets all that a training leaves, and
            `eval.json`), `serving_model_dir`, `data_accessor` with `schema_path`, and
            `custom_config`, whose keys are `config` (a preset or YAML file), `overrides` (a list
            of KEY=VALUE), `precision`, `training_data` and `licence`, all optional.

    Raises:
        DaganError: The Examples or the configuration cannot be used, the training was interrupted,
            or the export was not blessed; then nothing is in `serving_model_dir`.
    """
    custom = dict(fn_args.custom_config or {})
    unknown = sorted(set(custom) - set(_CUSTOM))
    if unknown:
        raise DaganError(f"custom_config has {unknown}; expected some of {', '.join(_CUSTOM)}")
    if "://" in fn_args.model_run_dir:
        raise DaganError(f"model_run_dir is {fn_args.model_run_dir!r}; expected a local folder")
    overrides = list(custom.get("overrides", ()))
    if fn_args.train_steps:
        overrides.append(f"training.steps={fn_args.train_steps}")
    config = load_config(custom.get("config", "face-64"), overrides)
    model_dir = Path(fn_args.model_run_dir)
    indexes = write_domains(_records(fn_args, fn_args.train_files), model_dir / "records")
    result = train_on_records(
        config,
        model_dir / "records" / "simulated",
        model_dir / "records" / "real",
        indexes["simulated"].identities,
        model_dir,
    )
    if result.reason == "interrupted":
        raise DaganError(f"interrupted at step {result.step}; nothing was exported")
    if fn_args.eval_files:
        most = fn_args.eval_steps * config.training.batch_size if fn_args.eval_steps else None
        measured = evaluate(model_dir, _records(fn_args, fn_args.eval_files), most=most)
        text = json.dumps(measured, indent=2) + "\n"
        (model_dir / EVALUATION_FILE).write_text(text, encoding="utf-8")
    with tempfile.TemporaryDirectory() as scratch:
        version = export_model_dir(
            model_dir,
            scratch,
            precision=custom.get("precision", "float32"),
            training_data=custom.get("training_data"),
            licence=custom.get("licence"),
        )
        copy_tree(version, locate(fn_args.serving_model_dir), last=SAVED_MODEL_FILE)


def evaluate(
    model_dir: Path, records: Iterator[Record], *, most: int | None = None, batch_size: int = 32
) -> dict[str, float]:
    """Scores images the training has not seen with the training's own discriminator.

    Args:
        model_dir: Of the training.
        records: Of both domains.
        most: Images of each domain; None for all.
        batch_size: Most images at once.

    Returns:
        `simulated_images` and `real_images`; the mean realism error of the `simulated`, `refined`
        and `real` ones, lower is more real; `refined_identity_cost`, over persons of the training,
        NaN without any; `refinement`, the mean change on [-1, 1]. What has no images is NaN.
    """
    score = make_scorer(model_dir)
    generator = load_generator(model_dir)
    parts: dict[str, list[Record]] = {"simulated": [], "real": []}
    for record in records:
        part = parts[record.domain]
        if most is None or len(part) < most:
            part.append(record)
    columns: dict[str, list[np.ndarray]] = {
        name: [np.empty(0)]
        for name in ("simulated", "refined", "real", "refined_identity_cost", "refinement")
    }
    for domain, part in parts.items():
        for start in range(0, len(part), batch_size):
            batch = part[start : start + batch_size]
            images = np.stack([tf.io.decode_png(record.image, 3).numpy() for record in batch])
            people = [record.identity for record in batch]
            columns[domain].append(score(images, people)[:, 0])
            if domain == "simulated":
                floats = to_signed(images)
                refined = np.clip(generator(tf.constant(floats), training=False), -1.0, 1.0)
                pixels = from_signed(refined)
                realism, identity = score(pixels, people).T
                columns["refined"].append(realism)
                columns["refined_identity_cost"].append(identity[np.isfinite(identity)])
                columns["refinement"].append(np.abs(refined - floats).mean(axis=(1, 2, 3)))
    means = {name: _mean(np.concatenate(values)) for name, values in columns.items()}
    return {
        "simulated_images": len(parts["simulated"]),
        "real_images": len(parts["real"]),
        **{f"{name}_realism_error": means.pop(name) for name in ("simulated", "refined", "real")},
        **means,
    }


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _records(fn_args: Any, patterns: Sequence[str]) -> Iterator[Record]:
    # Without a schema the accessor cannot parse Examples; the files can be read in any case.
    if fn_args.data_accessor is None or not fn_args.schema_path:
        return read_example_files(patterns)
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2
    from tfx_bsl.public import tfxio

    with tf.io.gfile.GFile(fn_args.schema_path) as file:
        schema = text_format.Parse(file.read(), schema_pb2.Schema())
    options = tfxio.TensorFlowDatasetOptions(batch_size=64, num_epochs=1, shuffle=False)
    batches: Iterator[Mapping[str, Any]] = iter(
        fn_args.data_accessor.tf_dataset_factory(list(patterns), options, schema)
    )
    return records_of_batches(batches)
