"""Which angles can be asked for, of any photo and of one that is turned itself."""

import math
from collections.abc import Iterable

from dagan_tf.errors import DaganError

MAX_YAW = 90.0
MAX_PITCH = 30.0
# A photo is free to be shown at any yaw while both its cheeks are seen; beyond this many degrees
# the side turned away is not in the picture, and the head is only turned further (300W-LP's rule).
FREE_YAW = 15.0


def read_angles(name: str, angles: Iterable[float]) -> list[float]:
    """Angles out of any iterable of numbers, arrays and generators too.

    Args:
        name: what an error calls them.
        angles: degrees.

    Raises:
        DaganError: no iterable, or not of numbers; a text is none.
    """
    try:
        # The characters of "30" would be read as 3 and 0 degrees, the bytes of b"30" as 51 and 48.
        if isinstance(angles, str | bytes):
            raise TypeError
        return [float(angle) for angle in angles]
    except (TypeError, ValueError):
        raise DaganError(
            f"{name}: got {angles!r}, expected several degrees like (30, 60)"
        ) from None


def check_angles(yaws: Iterable[float], pitch: float | None) -> None:
    """Raises DaganError unless every yaw is in [-90, 90] and pitch in [-30, 30] or None."""
    yaws = read_angles("yaws", yaws)
    if not yaws:
        raise DaganError("yaws: got none, expected at least one angle in degrees")
    for yaw in yaws:
        if not abs(yaw) <= MAX_YAW:
            raise DaganError(f"yaw: got {yaw}, expected degrees in [-90, 90]")
    if pitch is not None and not abs(pitch) <= MAX_PITCH:
        raise DaganError(f"pitch: got {pitch}, expected degrees in [-30, 30]")


def yaw_refusal(own: float, yaw: float) -> str | None:
    """As `Simulator.refusal`, for a photo turned by `own` degrees."""
    if abs(own) <= FREE_YAW or yaw * math.copysign(1.0, own) >= abs(own) - 0.5:
        return None
    side = f"{min(own, 90.0):+.0f} to +90" if own > 0 else f"-90 to {max(own, -90.0):+.0f}"
    return (
        f"yaw: got {yaw:+.0f}, expected {side} degrees: the photo is turned by {own:+.0f} and "
        "hides the other side of the face"
    )
