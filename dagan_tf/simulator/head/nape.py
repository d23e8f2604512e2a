"""How much thinner a neck is, seen from the side, than the packaged head's.

That head's nape slopes back into shoulders that it does not have. Real necks, on the profiles of
the Face Research Lab London Set, go straight down from the skull's base and are a third less deep,
and their throats lie farther back. A front, from which heads are fitted, shows nothing of it.
"""

from __future__ import annotations

import numpy as np

from dagan_tf.simulator.head.regions import smoothstep

# What lies behind the ears' front on the neck is drawn nearer to it by these parts of its depth: in
# the middle, and from the second of the distances from the middle on, face heights.
_MIDDLE, _SIDES = 0.15, 0.4
_ACROSS = (0.05, 0.35)
# Beside the neck's middle by more than the first, face heights, the second part of what is beyond
# goes: a slope down to shoulders.
_HALF, _SLOPE = 0.41, 0.7
# The throat lies farther back by the second numbers, at the first, heights above the chin, both in
# face heights; what lies so far before the ears' front moves with it, less behind.
_THROAT = ((-0.5, 0.12), (-0.33, 0.12), (-0.26, 0.1), (-0.15, 0.075), (-0.08, 0.075), (-0.015, 0.0))
_FRONT = (-0.45, -0.1)
# The neck begins between these heights above the chin, face heights (brow to chin).
_BEGINS = (-0.1, 0.35)


def nape_offsets(mean: np.ndarray, landmark_vertices: np.ndarray) -> np.ndarray:
    """What is added to a head's vertices for a neck that is less deep.

    Args:
        mean: (V, 3) the mean head, y up, z out of the face.
        landmark_vertices: (68,) its iBUG landmarks.

    Returns:
        (V, 3) float32, model units; 0 on the face and in y.
    """
    points = mean[landmark_vertices].astype(np.float64)
    height, ear = float(points[17:27, 1].mean() - points[8, 1]), points[[0, 16], 2].mean()
    above = (mean[:, 1] - points[8, 1]) / height
    behind = np.maximum(ear - mean[:, 2], 0.0)
    offsets = np.zeros(mean.shape, np.float32)
    below = 1.0 - smoothstep(*_BEGINS, above)
    beside = np.abs(mean[:, 0].astype(np.float64))
    thinner = _MIDDLE + (_SIDES - _MIDDLE) * smoothstep(*_ACROSS, beside / height)
    sloping = _SLOPE * np.maximum(beside - _HALF * height, 0.0)
    # On the face, as high as the jaw's corners, nothing is the neck's.
    sloping *= 1.0 - smoothstep(0.0, 0.1 * height, mean[:, 2] - ear)
    offsets[:, 0] = -np.sign(mean[:, 0]) * sloping * below
    offsets[:, 2] = thinner * behind * below
    levels, back = np.array(_THROAT).T
    front = smoothstep(*_FRONT, (mean[:, 2] - ear) / height)
    offsets[:, 2] -= (height * front * np.interp(above, levels, back)).astype(np.float32)
    return offsets
