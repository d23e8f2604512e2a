"""Which pixels of the photo are the person, so that no backdrop ends up on a cheek."""

from __future__ import annotations

import cv2
import numpy as np

from dagan_tf.simulator.render.grid import Grid

WORK_SIDE = 96
ITERATIONS = 3
# If less of the fitted head's inside than this is found to be the person, the colours do not tell
# person from backdrop and the answer is not used.
LEAST_INSIDE = 0.85


def person_mask(photo: np.ndarray, head: np.ndarray) -> np.ndarray | None:
    """Separates person and backdrop by their colours (GrabCut, Rother et al. 2004).

    Args:
        photo: (S, S, 3) uint8, the head in the middle.
        head: (S, S) bool, where the fitted head lies.

    Returns:
        (S, S) bool; None where the backdrop cannot be told from the person.
    """
    extent = photo.shape[0]
    whole, work = Grid(extent, extent), Grid(WORK_SIDE, extent)
    small, inside = work.averaged(photo), work.averaged(head.astype(np.uint8))
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_5)
    height = max(float(np.ptp(np.flatnonzero(inside.any(axis=1)))), 1.0)
    core = distance > 0.12 * height
    marks = np.full((work.side, work.side), cv2.GC_PR_BGD, np.uint8)
    near = cv2.distanceTransform(1 - inside, cv2.DIST_L2, cv2.DIST_MASK_5) < 0.12 * height
    marks[near] = cv2.GC_PR_FGD
    # Beside the head and above it, far from it, there is backdrop; below it there may be clothes.
    rows = np.arange(work.side)[:, None]
    lowest = np.flatnonzero(core.any(axis=1)).max() if core.any() else work.side
    far = cv2.distanceTransform(1 - inside, cv2.DIST_L2, cv2.DIST_MASK_5) > 0.3 * height
    marks[far & (rows < lowest)] = cv2.GC_BGD
    marks[core] = cv2.GC_FGD
    if not (core.any() and (marks == cv2.GC_BGD).any()):
        return None
    # GrabCut draws its first clusters from OpenCV's generator: fix it, the same photo must give
    # the same view.
    cv2.setRNGSeed(0)
    cv2.grabCut(
        small, marks, None, np.zeros((1, 65)), np.zeros((1, 65)), ITERATIONS, cv2.GC_INIT_WITH_MASK
    )
    person = ((marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD)).astype(np.float32)
    if person[inside > 0].mean() < LEAST_INSIDE:
        return None
    return whole.spread(person) > 0.5
