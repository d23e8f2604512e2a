"""The head's surface as the photo shows it, and an honest guess where it does not.

A point of the head takes its colour from the photo where the photo sees it well, else from the
mirrored point if that is seen, else from a smooth filling over the surface. What the photo does
not really show stays marked, so that a loss may trust it less.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from dagan_tf.simulator.foreground import person_mask
from dagan_tf.simulator.mesh import Mesh
from dagan_tf.simulator.rasterizer import Raster, interpolate, rasterize

# Cosine between surface and line of sight: below the first a point is not trusted (the outline,
# where a small error of the fit shows the background), above the second fully.
GRAZING = (0.22, 0.5)
# Hair hides the skull's own outline and its colour changes slowly: it is trusted almost to there.
SCALP_GRAZING = (0.05, 0.3)
# Distance in the photo from the outline of the head (the scalp: of the person), as a part of the
# head's height: nearer than the first a pixel may be backdrop, farther than the second it is not,
# whatever the fit's small errors.
INSIDE = (0.008, 0.03)
# How far behind the nearest surface a vertex may lie and still count as seen, as a part of the
# head's height.
DEPTH_TOLERANCE = 0.02


def smoothstep(low: float, high: float, values: np.ndarray) -> np.ndarray:
    """0 below `low`, 1 above `high`, a smooth cubic between."""
    t = np.clip((values - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


@dataclass(frozen=True, eq=False)
class HeadTexture:
    """Where each vertex finds its colour in the photo.

    Attributes:
        photo: (H, W, 3) uint8, the photo as fitted.
        positions: (V, 2) float32, vertex in the photo, pixels.
        confidence: (V,) float32 in [0, 1], how well the photo shows it.
        mirror_positions: (V, 2) float32, the mirrored vertex in the photo.
        mirror_confidence: (V,) float32; 0 everywhere if the head has no mirror map.
        filling: (V, 3) float32 in [0, 255], colour where neither is seen.
        raster: what the photo's pixels see of the head.
    """

    photo: np.ndarray
    positions: np.ndarray
    confidence: np.ndarray
    mirror_positions: np.ndarray
    mirror_confidence: np.ndarray
    filling: np.ndarray
    raster: Raster

    def shade(self, raster: Raster, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Colours a rasterised view of the head.

        Args:
            raster: the head in the wanted pose.
            triangles: (T, 3) int32, those of the raster.

        Returns:
            Colour (H, W, 3) float32 in [0, 255] and how much of it the photo showed at that very
            point (H, W) float32 in [0, 1]; both 0 off the head.
        """
        spread = interpolate(
            raster,
            triangles,
            np.concatenate(
                [
                    self.positions,
                    self.mirror_positions,
                    self.confidence[:, None],
                    self.mirror_confidence[:, None],
                    self.filling,
                ],
                axis=1,
            ),
        )
        direct = _sample(self.photo, spread[..., 0:2])
        mirrored = _sample(self.photo, spread[..., 2:4])
        seen = spread[..., 4:5]
        by_mirror = (1.0 - seen) * spread[..., 5:6]
        colour = seen * direct + by_mirror * mirrored + (1.0 - seen - by_mirror) * spread[..., 6:9]
        colour[raster.triangle_ids < 0] = 0.0
        return colour, seen[..., 0]


def head_texture(
    photo: np.ndarray,
    projected: np.ndarray,
    normals: np.ndarray,
    mesh: Mesh,
    mirror: np.ndarray | None,
    scalp: np.ndarray,
) -> HeadTexture:
    """Reads the head's surface off a photo.

    Args:
        photo: (H, W, 3) uint8.
        projected: (V, 3) float32, the fitted head in the photo (x, y, depth in pixels).
        normals: (V, 3) float32 unit normals in camera axes (z towards the viewer).
        mesh: the head's connectivity.
        mirror: (V,) index of each vertex' mirror image, or None.
        scalp: (V,) bool, where hair would grow; it is filled from what is seen of the scalp, the
            rest from what is seen of the skin.

    Returns:
        The texture.
    """
    height, width = photo.shape[:2]
    raster = rasterize(projected, mesh.triangles, height, width)
    columns = np.rint(projected[:, 0]).astype(np.int64)
    rows = np.rint(projected[:, 1]).astype(np.int64)
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    nearest = np.full(mesh.size, -np.inf, np.float32)
    nearest[inside] = raster.depth[rows[inside], columns[inside]]
    height_seen = float(np.ptp(projected[:, 1]))
    visible = inside & (projected[:, 2] >= nearest - DEPTH_TOLERANCE * height_seen)
    head = raster.triangle_ids >= 0
    person = person_mask(photo, head)
    skin_trust, scalp_trust = (
        smoothstep(*grazing, normals[:, 2])
        * smoothstep(*INSIDE, _distance_inside(mask, projected) / height_seen)
        for grazing, mask in ((GRAZING, head & person), (SCALP_GRAZING, person))
    )
    confidence = visible * np.where(scalp, scalp_trust, skin_trust)
    # Softened inwards only: trust never grows past what was seen.
    confidence = np.minimum(confidence, mesh.smooth(confidence, 2)).astype(np.float32)

    positions = projected[:, :2].astype(np.float32)
    if mirror is None:
        mirror_positions, mirror_confidence = positions, np.zeros_like(confidence)
    else:
        mirror_positions, mirror_confidence = positions[mirror], confidence[mirror]
    # Colours to fill from are local means, so that no freckle is spread over a cheek.
    blurred = cv2.GaussianBlur(photo, (0, 0), max(0.8, 0.008 * height))
    by_mirror = (1.0 - confidence) * mirror_confidence
    known = confidence + by_mirror
    colours = confidence[:, None] * _sample(blurred, positions[None])[0]
    colours += by_mirror[:, None] * _sample(blurred, mirror_positions[None])[0]
    colours /= np.maximum(known, 1e-6)[:, None]
    return HeadTexture(
        photo=photo,
        positions=positions,
        confidence=confidence,
        mirror_positions=mirror_positions,
        mirror_confidence=mirror_confidence,
        filling=mesh.fill(colours, known, scalp),
        raster=raster,
    )


def _distance_inside(mask: np.ndarray, projected: np.ndarray) -> np.ndarray:
    """(V,) pixels from each projected vertex to the nearest pixel outside the mask."""
    distance = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    return _sample(distance, projected[None, :, :2])[0]


def scalp_region(mean: np.ndarray, landmark_vertices: np.ndarray) -> np.ndarray:
    """Which vertices lie behind the hairline, judged from where the landmarks are.

    Args:
        mean: (V, 3) the mean head, y up, z out of the face.
        landmark_vertices: (68,) its iBUG landmarks.

    Returns:
        (V,) bool: above the forehead, behind the temples and behind the ears, down to the mouth.
    """
    points = mean[landmark_vertices]
    brow, chin, mouth = points[17:27, 1].mean(), points[8, 1], points[48:60, 1].mean()
    height, ear = brow - chin, points[[0, 16], 2].mean()
    _, y, z = mean.T
    forehead = y > brow + 0.5 * height
    temples = (y > brow) & (z < ear + 0.15 * height)
    behind_ears = (y > mouth) & (z < ear - 0.3 * height)
    return forehead | temples | behind_ears


def _sample(image: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Bilinear samples of an image at (..., 2) pixel positions, float32, edges repeated."""
    sampled = cv2.remap(
        image.astype(np.float32),
        np.ascontiguousarray(positions[..., 0], np.float32),
        np.ascontiguousarray(positions[..., 1], np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return sampled
