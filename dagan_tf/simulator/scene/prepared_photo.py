"""What a photo that was taken apart consists of, and what a view drawn from it does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dagan_tf.simulator.fitting.fit import FaceFit
from dagan_tf.simulator.head.turned_tone import TurnedTone
from dagan_tf.simulator.scene.backdrop import Backdrop
from dagan_tf.simulator.scene.curtain import Curtain
from dagan_tf.simulator.scene.ear_texture import EarTexture
from dagan_tf.simulator.scene.surroundings import HeadOutline
from dagan_tf.simulator.scene.texture import HeadTexture


@dataclass(frozen=True, eq=False)
class PreparedPhoto:
    """A photo read onto its head, from which any number of views are drawn.

    Attributes:
        fit: the photo's fit.
        vertices: (V, 3) float32, the head with its hair, model units.
        eyes: (V,) float32, model units, how far forward a profile has them besides.
        texture: where each vertex finds its colour.
        tone: how its colours change when it turns, or None if unknown.
        backdrop: the photo without head and hair, and without the person.
        shown: (C, C) float32, 1 inside the photo, 0 beyond its edges.
        outline: the head's in the photo, in pixels of the frame.
        curtain: its long hair, or None.
        ears: what is drawn in place of the head's own ears, or None.
        collar: its shirt's, or None.
        grey: whether it has no colours.
    """

    fit: FaceFit
    vertices: np.ndarray
    eyes: np.ndarray
    texture: HeadTexture
    tone: TurnedTone | None
    backdrop: Backdrop
    shown: np.ndarray
    outline: HeadOutline
    curtain: Curtain | None
    ears: EarTexture | None
    collar: Curtain | None
    grey: bool


@dataclass(frozen=True, eq=False)
class DrawnScene:
    """A view: image (S, S, 3), mask, head and skin (S, S), uint8; the rest as `SimulatedView`."""

    image: np.ndarray
    mask: np.ndarray
    depth: np.ndarray
    head: np.ndarray
    skin: np.ndarray
    landmarks: np.ndarray
