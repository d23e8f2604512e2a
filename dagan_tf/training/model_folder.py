"""What a training of the GAN leaves behind to be resumed or exported.

`MODEL_DIR/checkpoints` keeps both networks, both optimisers, k, the averaged refiner, the history
and the progress (steps, plateau, rates). Order of the data, flips and draws follow from seed and
step. `best/` keeps a copy of the best one; `config.yaml` and `identities.json` what they were built
from. `pretrained.model_folder` reads the networks back.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from dagan_tf.config.reading import differences
from dagan_tf.config.settings import Config, load_config
from dagan_tf.core.files import write_text
from dagan_tf.gan.dagan import DAGAN
from dagan_tf.loop.checkpoints import CONFIG_NAME, FOLDER_NAME, CheckpointError, list_checkpoints
from dagan_tf.pretrained.model_folder import IDENTITIES_NAME, read_identities

# What may change between two runs of one training; all else would make it another training.
_MAY_CHANGE = {
    "name",
    "training.steps",
    "training.linear_steps",
    "training.max_minutes",
    "training.log_every",
    "training.checkpoint_every",
    "training.samples_every",
    "training.sample_count",
    "training.keep_checkpoints",
    "alarms.on_nan",
    "alarms.on_collapse",
    "alarms.collapse_ratio",
    "alarms.on_identity_map",
    "alarms.identity_map_limit",
    "alarms.max_rollbacks",
}


def check_config(model_dir: str | os.PathLike[str], config: Config) -> None:
    """Checks that a training in `model_dir`, if there is one, has this configuration.

    Raises:
        CheckpointError: it has another one; the message lists the differences.
    """
    folder = Path(model_dir)
    if not list_checkpoints(folder):
        return
    changed = {
        key: pair
        for key, pair in differences(load_config(folder / CONFIG_NAME), config).items()
        if key not in _MAY_CHANGE
    }
    if changed:
        listed = "; ".join(f"{key}: {old} -> {new}" for key, (old, new) in changed.items())
        raise CheckpointError(
            f"{str(folder)!r} was trained with another configuration ({listed});"
            " use its values or another --model_dir"
        )


def claim_model_dir(
    model_dir: str | os.PathLike[str], config: Config, identities: Sequence[str]
) -> None:
    """Writes the configuration and the vocabulary, unless a training of others is there.

    Raises:
        CheckpointError: `model_dir` holds a training of another configuration or identities.
    """
    folder = Path(model_dir)
    folder.mkdir(parents=True, exist_ok=True)
    check_config(folder, config)
    if list_checkpoints(folder):
        known = read_identities(folder)
        if known != list(identities):
            strange = sorted(set(known) ^ set(identities))
            raise CheckpointError(
                f"{str(folder)!r} was trained on {len(known)} identities, the simulated folder has"
                f" {len(identities)}; the first that differs is {(strange or identities)[0]!r}"
            )
    config.save(folder / CONFIG_NAME)
    write_text(folder / IDENTITIES_NAME, json.dumps(list(identities), ensure_ascii=False, indent=1))


def make_manager(
    dagan: DAGAN, model_dir: str | os.PathLike[str], *, keep: int = 3
) -> tf.train.CheckpointManager:
    """Saves and restores everything that training changes in `dagan`, a compiled model."""
    checkpoint = tf.train.Checkpoint(
        generator=dagan.generator,
        averages=list(dagan.averages),
        discriminator=dagan.discriminator,
        generator_optimizer=dagan.generator_optimizer,
        discriminator_optimizer=dagan.discriminator_optimizer,
        balance=dagan.equilibrium.balance,
        progress=dagan.progress,
        **({"history": dagan.history_buffer} if dagan.history_buffer else {}),
    )
    folder = Path(model_dir) / FOLDER_NAME
    return tf.train.CheckpointManager(checkpoint, str(folder), max_to_keep=keep)
