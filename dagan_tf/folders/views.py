"""Which views of a photo are asked for, what their files are called, how they are jittered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from dagan_tf.data.photos import PhotoItem
from dagan_tf.errors import DaganError
from dagan_tf.simulator.angles import MAX_PITCH, MAX_YAW, check_angles, read_angles


@dataclass(frozen=True)
class View:
    """A view asked for.

    Attributes:
        yaw: degrees in [-90, 90], in steps of 0.1.
        pitch: degrees in [-30, 30], likewise; None for the photo's own, turned with the head.
    """

    yaw: float
    pitch: float | None = None

    @property
    def name(self) -> str:
        """As in file names: "+060", "-007.5", "+060_pitch-10"."""
        pitch = "" if self.pitch is None else f"_pitch{_angle(self.pitch, 3)}"
        return _angle(self.yaw, 4) + pitch


def all_views(yaws: Iterable[float], pitches: Iterable[float] | None) -> list[View]:
    """Every yaw at every pitch, or at the photo's own if there are none.

    Raises:
        DaganError: an angle is out of range, or finer than file names tell apart.
    """
    yaws = read_angles("yaws", yaws)
    pitches = [] if pitches is None else read_angles("pitches", pitches)
    check_angles(yaws, None)
    for pitch in pitches:
        check_angles(yaws, pitch)
    for name, angles in (("yaw", yaws), ("pitch", pitches)):
        for angle in angles:
            if abs(10 * angle - round(10 * angle)) > 1e-6:
                raise DaganError(
                    f"{name}: got {angle}, expected steps of 0.1 degrees: file names tell no finer"
                )
    levels: list[float | None] = [*pitches] or [None]
    return [View(float(yaw), pitch) for pitch in levels for yaw in yaws]


def view_path(photo: PhotoItem, view: View) -> str:
    """Path of a view inside the output folder: IDENTITY/STEM_yaw+060.png."""
    return f"{photo.identity}/{photo.stem}_yaw{view.name}.png"


def jittered_yaw(photo: PhotoItem, view: View, spread: float, seed: int) -> float:
    """The yaw plus a uniform draw of at most `spread` degrees, kept in [-90, 90].

    Drawn for (seed, identity, stem, view), not from a stream that photos share: the same whatever
    the order, the workers and the reruns.
    """
    if not spread:
        return view.yaw
    key: list[int | float | str] = [seed, photo.identity, photo.stem, float(view.yaw)]
    if view.pitch is not None:
        key.append(float(view.pitch))
    return min(MAX_YAW, max(-MAX_YAW, view.yaw + _draw(key, spread)))


def jittered_pitch(photo: PhotoItem, view: View, own: float, spread: float, seed: int) -> float:
    """Likewise the pitch asked for, or the head's `own`; a jittered one is kept in [-30, 30]."""
    pitch = own if view.pitch is None else view.pitch
    if not spread:
        return pitch
    draw = _draw([seed, photo.identity, photo.stem, view.name, "pitch"], spread)
    return min(MAX_PITCH, max(-MAX_PITCH, pitch + draw))


def _draw(key: list[int | float | str], spread: float) -> float:
    digest = hashlib.sha256(json.dumps(key).encode("utf-8")).digest()[:16]
    return float(np.random.default_rng(int.from_bytes(digest, "big")).uniform(-spread, spread))


def _angle(angle: float, width: int) -> str:
    if float(angle).is_integer():
        return f"{angle:+0{width}.0f}"
    return f"{angle:+0{width + 2}.1f}"
