"""Which faces can be fitted, and which fits are good enough to be turned."""

from __future__ import annotations

from dagan_tf.faces.detector import FaceBox
from dagan_tf.faces.face import Face
from dagan_tf.simulator.fitting.fit import FaceFit, FitError
from dagan_tf.simulator.profile_frame import PROFILE_YAW, SEEN_PROFILE_YAW

# Most degrees between the fitted yaw and the detector's. Of 638 studio and everyday photos up to
# three-quarter turned they differ by 14 at most, of its profiles by 60 in the median.
MOST_DISAGREEMENT = 20.0
# Least width of a face's box, pixels. Shrunk to it, 36 studio and everyday photos give the yaw of
# their full size within 2 degrees and landmarks within .02 of the eyes' distance in the median; at
# half of it within 5 and .04. What is smaller has no looks to be shown from the side.
MIN_FACE = 32.0


class ProfileError(FitError):
    """The face is turned too far for landmarks."""


class SmallFaceError(FitError):
    """The face has too few pixels."""


def profile_side(box: FaceBox, yaw: float | None) -> float | None:
    """The yaw of a face that is turned too far for landmarks, degrees.

    Args:
        box: of the face; its detector tells how it is turned.
        yaw: degrees, if known.

    Returns:
        As known or else as seen; None if the face is turned less.
    """
    seen = box.yaw
    if yaw is not None:
        return yaw if abs(yaw) >= PROFILE_YAW else None
    return seen if seen is not None and abs(seen) >= SEEN_PROFILE_YAW else None


def check_size(box: FaceBox, min_face: float) -> None:
    """Raises SmallFaceError if the face's box is narrower than `min_face` pixels."""
    if box.width < min_face:
        raise SmallFaceError(
            f"the face is {box.width:.0f} pixels wide; expected at least {min_face:g} (min_face)"
        )


def check_turn(box: FaceBox, yaw: float | None) -> None:
    """Raises ProfileError if the face, of `yaw` degrees if known, is turned too far to fit."""
    side = profile_side(box, yaw)
    if side is not None:
        raise ProfileError(
            f"yaw: the photo shows a profile ({side:+.0f} degrees), whose other side it hides "
            f"and no landmarks fit; expected at most {SEEN_PROFILE_YAW:g}"
        )


def check_fit(
    fit: FaceFit, max_fit_error: float, face: Face | None = None, yaw: float | None = None
) -> None:
    """Raises FitError if a fit's error is above the limit or it is turned otherwise.

    Args:
        fit: to check.
        max_fit_error: the limit, outer-eye distances.
        face: what it was fitted to; its detector tells how the face is turned.
        yaw: degrees, if known.
    """
    if fit.error > max_fit_error:
        raise FitError(
            f"fit error {fit.error:.3f} is above {max_fit_error} outer-eye distances: "
            "the landmarks do not look like a face's"
        )
    seen = yaw if yaw is not None or face is None else face.box.yaw
    if seen is not None and abs(fit.pose.yaw - seen) > MOST_DISAGREEMENT:
        raise FitError(
            f"the landmarks say yaw {fit.pose.yaw:+.0f}, "
            f"{'what is known' if yaw is not None else 'the detector'} {seen:+.0f} degrees: "
            f"expected at most {MOST_DISAGREEMENT:g} between them"
        )
