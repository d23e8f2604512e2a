"""Record folders -> endless batches of both domains, in an order fixed by seed and step."""

import os
from collections.abc import Sequence

import tensorflow as tf

from dagan_tf.config.settings import DataConfig
from dagan_tf.data.degrading import degrade
from dagan_tf.data.lighting import LIGHT_DRAWS, relight
from dagan_tf.data.record_format import parse_example
from dagan_tf.data.records import RecordIndex, read_index, shard_paths
from dagan_tf.errors import DaganError

UNLABELLED = -1
NUM_DRAWS = 5
# No training counts so far: added to an image's number it gives other draws.
_FAR = 2**40


def training_batches(
    simulated_records: str | os.PathLike[str],
    real_records: str | os.PathLike[str],
    identities: Sequence[str],
    config: DataConfig,
    *,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    worker: int = 0,
    workers: int = 1,
    devices: int = 1,
) -> tf.data.Dataset:
    """Batches for `DAGAN.train_step`.

    Batch number t of a seed is always the same, whether training got there in one go or was
    resumed at `start_step`, and however many workers share it.

    Args:
        simulated_records: record folder of simulated views.
        real_records: record folder of real photos.
        identities: the identity agent's vocabulary, label = position.
        config: of the data.
        batch_size: images of each domain a step, over all workers.
        seed: fixes order and flips.
        start_step: number of the first batch.
        worker: which of the workers reads this; it gets the rows from worker · batch_size / workers
            on of every batch, as many as the others.
        workers: that share every batch.
        devices: of this worker; its share comes as this many elements of the dataset.

    Returns:
        Endless dataset of dicts: `simulated`, `real` float32 (B, S, S, 3) in [-1, 1]; `mask`
        float32 (B, S, S, 1) in [0, 1]; `simulated_label`, `real_label` int32 (B,), -1 =
        unlabelled; `simulated_draws`, `real_draws` float32 (B, 5) in [0, 1), random, for
        `gan.augmentation`; `simulated_yaw` float32 (B,), degrees, NaN = unknown; `skin`
        and `inside` float32 (B, S, S, 1) in [0, 1], `target` float32 (B, S, S, 3) and
        `paired` float32 (B,), 1 where there is a target;
        B = batch_size / workers / devices.

    Raises:
        DaganError: the folders cannot be used or hold images of another size than the config's.
    """
    label = _labeller(identities)
    share = batch_size // workers
    rows = range(worker * share, (worker + 1) * share)
    simulated, real = (
        _stream(folder, config, domain_seed, batch_size * start_step, rows, batch_size)
        for folder, domain_seed in ((simulated_records, seed * 2), (real_records, seed * 2 + 1))
    )

    def merge(simulated: dict[str, tf.Tensor], real: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        known = label(real["identity"]) if config.identity_on_reals else tf.constant(UNLABELLED)
        return {
            "simulated": simulated["image"],
            "mask": simulated["mask"],
            "simulated_label": label(simulated["identity"]),
            "simulated_draws": simulated["draws"],
            "simulated_yaw": simulated["yaw"],
            **{name: simulated[name] for name in ("skin", "target", "inside", "paired")},
            "real": real["image"],
            "real_label": known,
            "real_draws": real["draws"],
        }

    return (
        tf.data.Dataset.zip((simulated, real))
        .map(merge, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(share // devices, drop_remainder=True)
        .prefetch(tf.data.AUTOTUNE)
    )


def sample_batch(
    simulated_records: str | os.PathLike[str],
    real_records: str | os.PathLike[str],
    config: DataConfig,
    *,
    count: int,
    seed: int,
) -> dict[str, tf.Tensor]:
    """A fixed batch to look at: `simulated` and `real`, float32 (count or fewer, S, S, 3)."""
    batch = {}
    for key, folder in (("simulated", simulated_records), ("real", real_records)):
        index = _index(folder, config)
        # Spread over the whole set, or the first identity would fill the grid.
        records = _serialized(folder, index).shuffle(index.count, seed=seed).take(count)
        images = records.map(lambda item: parse_example(item, config.image_size)["image"])
        batch[key] = tf.stack(list(images))
    return batch


def _stream(
    folder: str | os.PathLike[str],
    config: DataConfig,
    seed: int,
    skip: int,
    rows: range,
    batch_size: int,
) -> tf.data.Dataset:
    index = _index(folder, config)
    records = _serialized(folder, index)

    def one_pass(number: tf.Tensor) -> tf.data.Dataset:
        # Not Dataset.shuffle: its order cannot be entered at pass n without running the n before.
        def mix(block: tf.Tensor, items: tf.Tensor) -> tf.data.Dataset:
            keys = tf.random.stateless_uniform(
                tf.shape(items), seed=tf.stack([number * 1_000_003 + block, seed])
            )
            return tf.data.Dataset.from_tensor_slices(tf.gather(items, tf.argsort(keys)))

        return records.batch(config.shuffle_buffer).enumerate().flat_map(mix)

    def decode(number: tf.Tensor, item: tf.Tensor) -> dict[str, tf.Tensor]:
        example = parse_example(item, config.image_size)
        draws = tf.random.stateless_uniform(
            [1 + NUM_DRAWS], seed=tf.stack([tf.constant(seed, tf.int64), number])
        )
        if config.horizontal_flip:
            mirrored = draws[0] < 0.5
            for key in ("image", "mask", "skin", "target", "inside"):
                example[key] = tf.where(mirrored, tf.reverse(example[key], [1]), example[key])
            example["yaw"] = tf.where(mirrored, -example["yaw"], example["yaw"])
        if config.crop:
            # Draws of their own: those above say what is mirrored.
            off = tf.random.stateless_uniform(
                [2], seed=tf.stack([tf.constant(seed, tf.int64), _FAR + number])
            )
            _cut_out(example, 2.0 * off - 1.0, config.crop)
        if config.relight:
            light = tf.random.stateless_uniform(
                [LIGHT_DRAWS], seed=tf.stack([tf.constant(seed, tf.int64), -1 - number])
            )
            for key in ("image", "target"):
                example[key] = relight(example[key], config.relight * (2.0 * light - 1.0))
        if config.degrade:
            draw, grain = (
                tf.stack([tf.constant(seed, tf.int64), at * _FAR + number]) for at in (2, 3)
            )
            poorer = config.degrade * tf.random.stateless_uniform([2], seed=draw)
            for key in ("image", "target"):
                example[key] = degrade(example[key], poorer, grain)
        return example | {"draws": draws[1:]}

    passes = tf.data.Dataset.range(skip // index.count, 2**62)
    stream = passes.flat_map(one_pass).skip(skip % index.count)
    numbered = tf.data.Dataset.zip((tf.data.Dataset.range(skip, 2**62), stream))
    if len(rows) < batch_size:  # Left out before decoding, which is what takes the time.
        numbered = numbered.filter(
            lambda number, _: (
                (number % batch_size >= rows.start) & (number % batch_size < rows.stop)
            )
        )
    return numbered.map(decode, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def _cut_out(example: dict[str, tf.Tensor], off: tf.Tensor, side: int) -> None:
    """Cuts a square out of the images, `off` (2,) in [-1, 1) beside the middle of the skin."""
    skin = example["skin"][..., 0]
    size = skin.shape[0]
    total = tf.reduce_sum(skin) + 1e-3
    places = tf.range(size, dtype=tf.float32)
    middle = tf.stack(
        [tf.reduce_sum(tf.reduce_sum(skin, axis) * places) / total for axis in (1, 0)]
    )
    corner = tf.cast(middle + (0.6 * off - 0.5) * side, tf.int32)
    corner = tf.clip_by_value(corner, 0, size - side)
    for key in ("image", "mask", "skin", "target", "inside"):
        start = tf.concat([corner, [0]], axis=0)
        example[key] = tf.slice(example[key], start, [side, side, example[key].shape[-1]])


def _index(folder: str | os.PathLike[str], config: DataConfig) -> RecordIndex:
    index = read_index(folder)
    if index.image_size != config.image_size:
        raise DaganError(
            f"{str(folder)!r} holds {index.image_size} px images,"
            f" data.image_size is {config.image_size}"
        )
    return index


def _serialized(folder: str | os.PathLike[str], index: RecordIndex) -> tf.data.Dataset:
    return tf.data.TFRecordDataset(shard_paths(folder, index))


def _labeller(identities: Sequence[str]) -> tf.lookup.StaticHashTable:
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(
            tf.constant(list(identities), tf.string), tf.range(len(identities), dtype=tf.int32)
        ),
        default_value=UNLABELLED,
    )
    return table.lookup
