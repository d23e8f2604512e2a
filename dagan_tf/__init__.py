"""DA-GAN (dual-agent GAN, Zhao et al., NIPS 2017): face photos in, refined profile faces out.

The names below load on first use, so that `from dagan_tf import Simulator` needs no TensorFlow.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dagan_tf.export.refiner import Refiner
    from dagan_tf.gan.dagan import DAGAN
    from dagan_tf.gan.discriminator import build_discriminator
    from dagan_tf.gan.equilibrium import BoundaryEquilibrium
    from dagan_tf.gan.generator import build_generator
    from dagan_tf.runs.turn import turn
    from dagan_tf.simulator.head.morphable_model import MorphableModel
    from dagan_tf.simulator.simulator import Simulator

__version__ = "0.1.0"

_HOMES = {
    "Simulator": "dagan_tf.simulator.simulator",
    "MorphableModel": "dagan_tf.simulator.head.morphable_model",
    "DAGAN": "dagan_tf.gan.dagan",
    "build_generator": "dagan_tf.gan.generator",
    "build_discriminator": "dagan_tf.gan.discriminator",
    "BoundaryEquilibrium": "dagan_tf.gan.equilibrium",
    "Refiner": "dagan_tf.export.refiner",
    "turn": "dagan_tf.runs.turn",
}

__all__ = [
    "DAGAN",
    "BoundaryEquilibrium",
    "MorphableModel",
    "Refiner",
    "Simulator",
    "build_discriminator",
    "build_generator",
    "turn",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'dagan_tf' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
