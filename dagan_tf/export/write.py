"""A trained generator as a SavedModel that any TensorFlow can load and serve.

Pre- and post-processing are part of the graph, so a client needs to know nothing about [-1, 1],
strides or Keras.
"""

import dataclasses
import datetime
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import dagan_tf
from dagan_tf.config.sections import GeneratorConfig
from dagan_tf.config.settings import load_config
from dagan_tf.core.files import writing_to
from dagan_tf.core.keras_compat import dtype_policy
from dagan_tf.data.record_format import RecordError
from dagan_tf.data.records import read_index
from dagan_tf.export.bless import FACTS_FILE, TOLERANCES, bless
from dagan_tf.export.card import render_model_card
from dagan_tf.export.formats import check_formats, write_formats
from dagan_tf.export.locations import Location
from dagan_tf.export.module import SIGNATURES, ExportError, ExportModule
from dagan_tf.export.self_ensemble import check_transforms, self_ensemble
from dagan_tf.export.versions import draft_version
from dagan_tf.export.warmup import write_warmup
from dagan_tf.gan.generator import build_generator
from dagan_tf.loop.checkpoints import CONFIG_NAME
from dagan_tf.pretrained import weights as pretrained
from dagan_tf.pretrained.card import PRETRAINED, read_card
from dagan_tf.pretrained.model_folder import load_generator

CARD_FILE = "model_card.md"


def export_generator(
    generator: keras.Model,
    output_base: str | os.PathLike[str],
    *,
    image_size: int,
    stride: int = 1,
    formats: Sequence[str] = ("saved_model",),
    reduced: keras.Model | None = None,
    average: Sequence[str] = (),
    config: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    records: Mapping[str, Any] | None = None,
    training_data: str | None = None,
    licence: str | None = None,
    clean_process: bool = True,
) -> Location:
    """Exports a generator as the next version under a base folder, checked before it is seen.

    Beside the SavedModel the version holds warm-up requests for TensorFlow Serving, a
    `model_card.md`, and the same facts for programs in `export.json`.

    Args:
        generator: See `ExportModule`; as it was trained, float32.
        output_base: Folder of all versions of this model, a path or a URI; made when absent.
        image_size: Side in pixels the generator was trained at.
        stride: Number by which the generator needs both sides to be divisible.
        formats: Of `export.formats.FORMATS`; the SavedModel is written in any case.
        reduced: The same weights in a network that computes in bfloat16, for the SavedModel; the
            other formats keep float32.
        average: Export the mean of its answers over these of
            `export.self_ensemble.TRANSFORMS`: better likeness in two to eight times the time.
        config: Training configuration to record, JSON-able.
        metrics: Last training metrics to record, JSON-able.
        records: Numbers of the training data to record, JSON-able.
        training_data: What the generator was trained on, one sentence, for the card.
        licence: Licence of the exported weights, for the card.
        clean_process: See `bless`.

    Returns:
        `output_base`/<version>.

    Raises:
        ExportError: The generator does not fit, a format cannot be written, or an export does not
            answer like the generator. Then nothing is published.
        DaganError: `average` names something else.
        OSError: The folder cannot be written.
    """
    check_formats(formats)
    generator = self_ensemble(generator, average)
    reduced = reduced and self_ensemble(reduced, average)
    trained = ExportModule(generator, image_size=image_size, stride=stride)
    served, precision = trained, "float32"
    if reduced is not None:
        served = ExportModule(reduced, image_size=image_size, stride=stride)
        precision = "bfloat16"
    with writing_to(output_base), draft_version(output_base) as draft:
        served.save(draft.folder)
        write_warmup(draft.folder, image_size)
        blessing = bless(
            draft.folder, served, generator, precision=precision, clean_process=clean_process
        )
        facts = {
            "package": f"dagan-tf {dagan_tf.__version__}",
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "exported_at": datetime.datetime.now(datetime.timezone.utc).isoformat("T", "seconds"),
            "signatures": list(SIGNATURES),
            "image_size": image_size,
            "stride": stride,
            "precision": precision,
            "average": list(average),
            "parameters": int(sum(np.prod(variable.shape) for variable in generator.variables)),
            "variables_sha256": variables_digest(generator),
            "max_difference_to_generator": blessing["max_difference"],
            "blessing": blessing,
            "formats": write_formats(draft.folder, trained, formats),
            "training_data": training_data,
            "records": dict(records or {}),
            "licence": licence,
            "metrics": dict(metrics or {}),
            "config": dict(config or {}),
        }
        (draft.folder / CARD_FILE).write_text(render_model_card(facts), "utf-8")
        facts["files"] = _file_digests(draft.folder)
        (draft.folder / FACTS_FILE).write_text(json.dumps(facts, indent=2) + "\n", "utf-8")
    assert draft.published is not None
    return draft.published


def export_model_dir(
    model_dir: str | os.PathLike[str],
    output_base: str | os.PathLike[str],
    *,
    ema: bool = True,
    average: Sequence[str] = (),
    precision: str = "float32",
    formats: Sequence[str] = ("saved_model",),
    training_data: str | None = None,
    licence: str | None = None,
    clean_process: bool = True,
) -> Location:
    """Exports the generator of a training run; the rest as `export_generator`.

    Args:
        model_dir: What `trainer.task` wrote: checkpoints, `config.yaml`, `metrics.jsonl`; or the
            word `pretrained` for the refiner in the box.
        output_base: Folder of all versions of this model, a path or a URI.
        ema: Export the running mean of the weights instead of the last ones.
        average: See `export_generator`.
        precision: What the SavedModel computes in: `float32`, or `bfloat16`, which takes half the
            time on processors that have it and changes the pixels by a level or two.
        formats: See `export_generator`.
        training_data: See `export_generator`.
        licence: See `export_generator`.
        clean_process: See `export_generator`.

    Raises:
        ExportError: `model_dir` holds no training run, or as `export_generator`.
    """
    if precision not in TOLERANCES:
        raise ExportError(f"precision {precision!r}; expected one of {', '.join(TOLERANCES)}")
    check_transforms(average)
    if model_dir == PRETRAINED:
        return _export_pretrained(
            output_base,
            average=average,
            precision=precision,
            formats=formats,
            training_data=training_data,
            licence=licence,
            clean_process=clean_process,
        )
    config_file = Path(model_dir) / CONFIG_NAME
    if not config_file.is_file():
        raise ExportError(f"{model_dir}: holds no {CONFIG_NAME}; expected what trainer.task writes")
    config = load_config(config_file)
    generator = load_generator(Path(model_dir), ema=ema)
    return export_generator(
        generator,
        output_base,
        image_size=config.data.image_size,
        stride=config.generator.stride,
        formats=formats,
        reduced=_reduced(generator, config.generator) if precision == "bfloat16" else None,
        average=average,
        config=dataclasses.asdict(config),
        metrics=_last_metrics(Path(model_dir) / "metrics.jsonl"),
        records=_record_counts(Path(model_dir) / "records"),
        training_data=training_data,
        licence=licence,
        clean_process=clean_process,
    )


@contextmanager
def pretrained_base() -> Iterator[Path]:
    """A base folder that holds the refiner in the box, exported, until the end of the context."""
    with tempfile.TemporaryDirectory(prefix="dagan-pretrained-") as folder:
        export_model_dir(PRETRAINED, folder)
        yield Path(folder)


def _export_pretrained(
    output_base: str | os.PathLike[str],
    *,
    average: Sequence[str],
    precision: str,
    formats: Sequence[str],
    training_data: str | None,
    licence: str | None,
    clean_process: bool,
) -> Location:
    """As `export_model_dir`, of the refiner in the box."""
    card = read_card()
    generator = pretrained.load_generator()
    settings = GeneratorConfig(**card.facts["generator"])
    return export_generator(
        generator,
        output_base,
        image_size=card.image_size,
        stride=int(card.facts["stride"]),
        formats=formats,
        reduced=_reduced(generator, settings) if precision == "bfloat16" else None,
        average=average,
        config={"generator": card.facts["generator"]},
        training_data=training_data or card.training_data,
        licence=licence or card.licence,
        clean_process=clean_process,
    )


def _reduced(generator: keras.Model, settings: GeneratorConfig) -> keras.Model:
    """The same refiner, computing in bfloat16."""
    with dtype_policy("mixed_bfloat16"):
        reduced = build_generator(settings)
    reduced.set_weights(generator.get_weights())
    return reduced


def variables_digest(model: keras.Model) -> str:
    """SHA-256 over dtype, shape and bytes of all variables in order: the same weights, wherever."""
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(f"{weight.dtype.str}{weight.shape}".encode())
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()


def _last_metrics(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    for line in reversed(path.read_text("utf-8").splitlines()):
        try:
            return dict(json.loads(line))
        except ValueError:
            continue  # The run was killed while it wrote this line.
    return {}


def _record_counts(folder: Path) -> dict[str, Any]:
    counts: dict[str, Any] = {}
    for domain in ("simulated", "real"):
        try:
            index = read_index(folder / domain)
        except RecordError:
            continue  # Records are deleted to save space, or were packed elsewhere.
        counts[domain] = {"images": index.count, "identities": len(index.identities)}
    return counts


def _file_digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, by its path there."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
