"""What a refiner has to keep: the pose a face was asked for, and the person it shows.

Angles are degrees, as `simulator.render.camera` turns them; embeddings come from networks that took
no part in training.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.evaluation.face_set import FaceSet
from dagan_tf.evaluation.identity import distance_matrix, identity_margins
from dagan_tf.evaluation.measure import Measure, Row
from dagan_tf.metrics.bootstrap import mean_interval
from dagan_tf.simulator.fitting.fit import fit_landmarks
from dagan_tf.simulator.head.morphable_model import MorphableModel


def fitted_yaws(model: MorphableModel, landmarks: Sequence[np.ndarray | None]) -> np.ndarray:
    """The yaw of each face by a new fit of the head.

    Args:
        model: The 3D head.
        landmarks: N times (68, 2) pixels; None where no face was found.

    Returns:
        (N,) float64; NaN where there is no face or no fit, to be counted, not taken for 0.
    """
    yaws = np.full(len(landmarks), np.nan)
    for row, points in enumerate(landmarks):
        if points is None:
            continue
        try:
            yaws[row] = fit_landmarks(model, points).pose.yaw
        except DaganError:
            continue
    return yaws


def angle_errors(found: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """|found - asked| the short way round.

    Args:
        found: (N,) degrees; NaN where unknown.
        asked: (N,) degrees.

    Returns:
        (N,) float64 in [0, 180]; NaN where `found` is.

    Raises:
        DaganError: Shapes that differ, or an angle asked for that is not finite.
    """
    found, asked = np.asarray(found, dtype=np.float64), np.asarray(asked, dtype=np.float64)
    if found.shape != asked.shape or found.ndim != 1:
        raise DaganError(f"found {found.shape} and asked {asked.shape}: expected (N,) twice")
    if not np.isfinite(asked).all():
        row = int(np.flatnonzero(~np.isfinite(asked))[0])
        raise DaganError(f"asked angle {row} is {asked[row]}; expected degrees")
    return np.abs((found - asked + 180.0) % 360.0 - 180.0)


@dataclass(frozen=True, eq=False)
class Leakage:
    """Outcome of `leakage`.

    Attributes:
        before: (N,) float64 margin of each input: its distance to the nearest other person minus
            that to its own; at or below 0 it is nearer to somebody else.
        after: (N,) float64 the same of what was made of it.
        nearest: (N,) str, the other person that is nearest after.
    """

    before: np.ndarray
    after: np.ndarray
    nearest: np.ndarray

    @property
    def became_another(self) -> np.ndarray:
        """(N,) bool: nearer to its own person before, to another one after."""
        return (self.before > 0) & (self.after <= 0)


def leakage(
    before: np.ndarray,
    after: np.ndarray,
    people: Sequence[str] | np.ndarray,
    gallery: np.ndarray,
    gallery_people: Sequence[str] | np.ndarray,
) -> Leakage:
    """Did a face become another person, above all one that the refiner was trained on?

    Args:
        before: (N, D) embeddings of the inputs.
        after: (N, D) of what was made of them, in the same order.
        people: (N,) who each is.
        gallery: (M, D) embeddings of real photos: of these people and of those trained on.
        gallery_people: (M,) whose.

    Returns:
        Margins and the nearest other person of each face.

    Raises:
        DaganError: Different numbers of inputs and results.
        ValueError: As `identity.identity_margins`.
    """
    people, gallery_people = np.asarray(people), np.asarray(gallery_people)
    if np.shape(before) != np.shape(after) or len(people) != len(after):
        raise DaganError(
            f"{len(before)} inputs, {len(after)} results, {len(people)} people: expected as many"
        )
    others = distance_matrix(after, gallery)
    others[people[:, None] == gallery_people[None, :]] = np.inf
    return Leakage(
        identity_margins(before, people, gallery, gallery_people),
        identity_margins(after, people, gallery, gallery_people),
        gallery_people[others.argmin(axis=1)],
    )


def pose_row(found: np.ndarray, asked: np.ndarray, people: Sequence[str] | np.ndarray) -> Row:
    """Mean yaw error of the faces whose yaw was found, and the share of those where it was not.

    Args:
        found: (N,) degrees, as `fitted_yaws`.
        asked: (N,) degrees.
        people: (N,) who each is; the interval is over them.
    """
    errors = angle_errors(found, asked)
    known = ~np.isnan(errors)
    several = len(np.unique(np.asarray(people)[known])) > 1
    error = mean_interval(errors[known], np.asarray(people)[known]) if several else None
    return {
        Measure("yaw error, degrees", "lower"): error,
        Measure("yaw not found"): float(1.0 - known.mean()),
    }


def leakage_row(inputs: FaceSet, faces: FaceSet, gallery: FaceSet) -> Row:
    """Share of faces that became another person, by each network; arguments as `leakage`."""
    row: Row = {}
    for network, embeddings in faces.embeddings.items():
        found = leakage(
            inputs.embeddings[network],
            embeddings,
            faces.people,
            gallery.embeddings[network],
            gallery.people,
        )
        row[Measure(f"{network} became another person")] = mean_interval(
            found.became_another, faces.people
        )
    return row
