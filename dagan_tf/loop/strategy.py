"""Which devices train, and how their gradients meet."""

import json
import os
from collections.abc import Sequence

import tensorflow as tf

from dagan_tf.errors import DaganError


def make_strategy(devices: Sequence[str] = ()) -> tf.distribute.Strategy:
    """Picks the distribution strategy.

    Args:
        devices: names such as `GPU:0` or `CPU:1`; none takes every GPU, or the CPU. Several CPU
            names split the CPU into logical devices, which only serves tests.

    Returns:
        The default strategy for one device, else a MirroredStrategy.

    Raises:
        DaganError: a device that is not there.
    """
    wanted = [name.upper().removeprefix("/") for name in devices]
    if not wanted:
        wanted = [_short(device) for device in tf.config.list_logical_devices("GPU")]
        if len(wanted) < 2:
            return tf.distribute.get_strategy()
    elif all(name.startswith("CPU") for name in wanted):
        _split_cpu(len(wanted))
    present = [_short(device) for device in tf.config.list_logical_devices()]
    for name in wanted:
        if name not in present:
            raise DaganError(f"device {name!r}: expected one of {', '.join(present)}")
    if len(wanted) == 1:
        return tf.distribute.OneDeviceStrategy(wanted[0])
    # The default reduction is a ring of collectives, which breaks on CPUs when a process trains
    # a second model.
    on_cpu = all(name.startswith("CPU") for name in wanted)
    reduction = tf.distribute.ReductionToOneDevice() if on_cpu else None
    return tf.distribute.MirroredStrategy(wanted, cross_device_ops=reduction)


def make_cluster_strategy() -> tf.distribute.MultiWorkerMirroredStrategy | None:
    """Joins the workers that TF_CONFIG names; call it before TensorFlow does anything else.

    Returns:
        A strategy over all GPUs of all workers, or their CPUs; None if TF_CONFIG is not set or
        names one worker only.

    Raises:
        DaganError: TF_CONFIG cannot be read, or asks for something other than workers.
    """
    text = os.environ.get("TF_CONFIG", "")
    if not text:
        return None
    try:
        config = json.loads(text)
        cluster = {job: len(tasks) for job, tasks in config.get("cluster", {}).items()}
        job, index = (config.get("task", {}).get(key) for key in ("type", "index"))
    except (ValueError, AttributeError, TypeError) as error:
        raise DaganError(f"TF_CONFIG = {text!r} cannot be read: {error}") from error
    if sum(cluster.values()) < 2:
        return None
    strange = sorted(set(cluster) - {"chief", "worker"})
    if strange:
        raise DaganError(f"TF_CONFIG: job {strange[0]!r}, expected only 'chief' and 'worker'")
    if index not in range(cluster.get(job, 0)):
        raise DaganError(f"TF_CONFIG: task {job!r} {index!r} is none of the cluster {cluster}")
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise DaganError("TF_CONFIG: TensorFlow is running already") from error


def _short(device: tf.config.LogicalDevice) -> str:
    return device.name.split("device:")[1]


def _split_cpu(count: int) -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    if count > 1 and tf.config.get_logical_device_configuration(cpu) is None:
        parts = [tf.config.LogicalDeviceConfiguration()] * count
        try:
            tf.config.set_logical_device_configuration(cpu, parts)
        except RuntimeError as error:
            raise DaganError(f"{count} CPU devices: TensorFlow is running already") from error
