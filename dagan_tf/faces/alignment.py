"""Similarity transforms between photos and upright square crops.

A matrix is (2, 3) float64 and maps source pixels to target pixels, [x', y'] = A @ [x, y] + t,
with pixel centres at integers and y down. A similarity keeps the face's proportions.
"""

import cv2
import numpy as np

_BORDERS = {"replicate": cv2.BORDER_REPLICATE, "black": cv2.BORDER_CONSTANT}


def fit_similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Returns the least-squares similarity from `source` to `target`.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
    PAMI 1991; no reflection.

    Args:
        source: (N, 2) points, N >= 2, not all the same.
        target: (N, 2) points.

    Returns:
        (2, 3) float64 matrix.

    Raises:
        ValueError: The shapes differ, a value is not finite, or all source points coincide.
    """
    source = np.asarray(source, dtype=np.float64)
    target = np.asarray(target, dtype=np.float64)
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 2 or len(source) < 2:
        raise ValueError(
            f"source {source.shape} and target {target.shape}; expected both (N, 2), N >= 2"
        )
    if not (np.isfinite(source).all() and np.isfinite(target).all()):
        raise ValueError("points hold values that are not finite")
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    centred = source - source_mean
    variance = np.square(centred).sum()
    if variance <= 1e-12 * max(1.0, np.square(source).sum()):
        raise ValueError("all source points coincide")
    # In the plane Umeyama's SVD has a closed form: a complex least-squares quotient.
    moved = target - target_mean
    cosine = (centred * moved).sum() / variance
    sine = (centred[:, 0] * moved[:, 1] - centred[:, 1] * moved[:, 0]).sum() / variance
    linear = np.array([[cosine, -sine], [sine, cosine]])
    return np.column_stack([linear, target_mean - linear @ source_mean])


def apply_similarity(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Maps (..., 2) points; returns float32 for float32 points, else float64."""
    points = np.asarray(points)
    matrix = _checked(matrix)
    dtype = np.float32 if points.dtype == np.float32 else np.float64
    return (points.astype(np.float64) @ matrix[:, :2].T + matrix[:, 2]).astype(dtype)


def invert_similarity(matrix: np.ndarray) -> np.ndarray:
    """Returns the (2, 3) float64 matrix of the opposite direction."""
    matrix = _checked(matrix)
    inverse = np.linalg.inv(matrix[:, :2])
    return np.column_stack([inverse, -inverse @ matrix[:, 2]])


def upright(roll: float) -> np.ndarray:
    """(2, 2) float64 rotation after which what is tilted by `roll` degrees, clockwise, stands."""
    cosine, sine = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    return np.array([[cosine, sine], [-sine, cosine]])


def upright_square(centre: np.ndarray, roll: float, scale: float, size: int) -> np.ndarray:
    """Returns the similarity to an upright square about a place in a tilted photo.

    Args:
        centre: (2,) what comes to the middle of the square, pixels of the photo.
        roll: Degrees by which the photo is tilted clockwise.
        scale: Pixels of the square to one of the photo.
        size: Side of the square in pixels.

    Returns:
        (2, 3) float64 matrix.
    """
    turn = scale * upright(roll)
    return np.column_stack([turn, (size - 1) / 2 - turn @ centre])


def warp_similarity(
    photo: np.ndarray, matrix: np.ndarray, size: int, *, border: str = "replicate"
) -> np.ndarray:
    """Resamples the square that `matrix` maps onto the output.

    Enlarging is bicubic. Shrinking averages areas, so that no detail turns into aliasing. The
    identity matrix gives the photo's own bytes.

    Args:
        photo: (H, W, 3) or (H, W) uint8.
        matrix: (2, 3), from photo pixels to output pixels; a similarity.
        size: Side of the output in pixels.
        border: What lies outside the photo: "replicate" or "black".

    Returns:
        (size, size, 3) or (size, size) uint8.

    Raises:
        ValueError: Bad shape, size, border or matrix.
    """
    if photo.dtype != np.uint8 or photo.ndim not in (2, 3) or photo.size == 0:
        raise ValueError(f"photo is {photo.dtype} {photo.shape}; expected uint8 (H, W[, 3])")
    if size < 1:
        raise ValueError(f"size is {size}; expected at least 1")
    if border not in _BORDERS:
        raise ValueError(f"border is {border!r}; expected one of {', '.join(_BORDERS)}")
    matrix = _checked(matrix)
    shrink = 1 / np.sqrt(np.linalg.det(matrix[:, :2]))
    # Large photos are first shrunk by whole blocks, exactly and cheaply, to two or three times the
    # output's density; the rest is sampled densely and averaged.
    factor = max(1, int(shrink / 2)) if shrink >= 4 else 1
    crop, matrix = _crop_footprint(photo, matrix, size, margin=4 * factor)
    if factor > 1:
        crop, matrix = _average_blocks(crop, factor), _before_scaling(matrix, factor)
    dense = max(1, int(np.ceil(shrink / factor - 1e-6)))
    if dense > 1:
        matrix = np.column_stack(
            [matrix[:, :2] * dense, (matrix[:, 2] + 0.5) * dense - 0.5],
        )
    warped = cv2.warpAffine(
        crop,
        matrix,
        (size * dense, size * dense),
        flags=cv2.INTER_CUBIC,
        borderMode=_BORDERS[border],
    )
    if dense > 1:
        warped = cv2.resize(warped, (size, size), interpolation=cv2.INTER_AREA)
    return warped


def roi_matrix(landmarks: np.ndarray, size: int, *, margin: float = 0.25) -> np.ndarray:
    """Returns the similarity from the photo to an upright square crop around the face.

    "Up" balances the line of the eyes against the line from mouth to eyes, each by its length:
    in a profile the short line of the eyes, which says little, counts little.

    Args:
        landmarks: (68, 2) iBUG points, pixels.
        size: Side of the crop in pixels.
        margin: Room on each side, as a fraction of the larger extent of the upright landmarks.

    Returns:
        (2, 3) float64 matrix.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    if points.shape != (68, 2) or not np.isfinite(points).all():
        raise ValueError(f"landmarks have shape {points.shape}; expected (68, 2), finite")
    image_left_eye, image_right_eye = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
    mouth = points[48:60].mean(axis=0)
    eyes = image_right_eye - image_left_eye
    down = mouth - (image_left_eye + image_right_eye) / 2
    # Turning `down` by -90 degrees gives the direction that the line of the eyes should have.
    across = eyes + np.array([down[1], -down[0]])
    length = np.hypot(*across)
    if length < 1e-6:
        raise ValueError("landmarks show no upright direction: eyes and mouth coincide")
    cosine, sine = across / length
    upright = np.array([[cosine, sine], [-sine, cosine]])
    turned = points @ upright.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    scale = size / ((high - low).max() * (1 + 2 * margin))
    centre = (size - 1) / 2
    return np.column_stack([upright * scale, centre - scale * (low + high) / 2])


def _checked(matrix: np.ndarray) -> np.ndarray:
    matrix = np.asarray(matrix, dtype=np.float64)
    if matrix.shape != (2, 3) or not np.isfinite(matrix).all():
        raise ValueError(f"matrix has shape {matrix.shape}; expected (2, 3), finite")
    if np.linalg.det(matrix[:, :2]) <= 0:
        raise ValueError("matrix mirrors or collapses the plane; expected a similarity")
    return matrix


def _crop_footprint(
    photo: np.ndarray, matrix: np.ndarray, size: int, margin: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cuts the photo down to what the output can see, without moving any border that it sees."""
    corners = np.array([(x, y) for x in (-0.5, size - 0.5) for y in (-0.5, size - 0.5)])
    seen = apply_similarity(invert_similarity(matrix), corners)
    limit = np.array([photo.shape[1], photo.shape[0]])
    low = np.clip(np.floor(seen.min(axis=0)) - margin, 0, limit - 1).astype(int)
    high = np.clip(np.ceil(seen.max(axis=0)) + margin + 1, low + 1, limit).astype(int)
    crop = np.ascontiguousarray(photo[low[1] : high[1], low[0] : high[0]])
    return crop, np.column_stack([matrix[:, :2], matrix[:, 2] + matrix[:, :2] @ low])


def _average_blocks(photo: np.ndarray, factor: int) -> np.ndarray:
    height, width = photo.shape[:2]
    rows, columns = -(-height // factor), -(-width // factor)
    bottom, right = rows * factor - height, columns * factor - width
    if bottom or right:
        photo = cv2.copyMakeBorder(photo, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
    return cv2.resize(photo, (columns, rows), interpolation=cv2.INTER_AREA)


def _before_scaling(matrix: np.ndarray, factor: int) -> np.ndarray:
    """The matrix for a source shrunk by `factor`: x = (x_small + 0.5) * factor - 0.5."""
    shift = np.full(2, (factor - 1) / 2)
    return np.column_stack([matrix[:, :2] * factor, matrix[:, 2] + matrix[:, :2] @ shift])
