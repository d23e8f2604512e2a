"""Which devices train, and how their gradients meet."""

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
