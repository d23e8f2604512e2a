"""Lays a real photo of a turned head onto the simulated view of the same person and side.

Both stand before a plain backdrop, as in a studio. Neither landmarks nor a fit are needed, so that
full profiles, which no landmarks fit, are laid as well: what is compared is where the person is,
and the fine shading (eyes, brows, lips, ears) there.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.optimize import minimize

from dagan_tf.core.pixels import to_mask, to_unit
from dagan_tf.simulator.profile_frame import PROFILE_YAW
from dagan_tf.simulator.render.grid import Grid, middle

APART = 128
# Distance from the backdrop in CIELAB, its colours doubled, at which a pixel begins to count as
# person, and the range over which it comes to do so wholly.
_BACKDROP, _EDGE = 5.0, 12.0
_PERSON = 0.6
# A front, turned by less than so many degrees, has the backdrop on both sides.
_FRONT = 20.0
# Sides in which the search is done, and its steps: log scale and angle, radians; pixels at 224.
_TURN_STEP, _MOVE_STEP = 0.1, 5.0
_SIZE = 112
# The detector's box frames a profile a tenth too large or small, seldom worse.
_STARTS = tuple((scale, down) for scale in (-1.0, 0.0, 1.0) for down in (-1.2, 0.0, 1.2))
_PRIOR = 0.003
# Darker than around by so much of white, higher up than so much of the frame, widened by so much.
_DARK, _MOUTH, _CHIN, _AROUND = -0.04, 0.6, 0.72, 0.02
_SHADING, _MOST_SHADING = 6.0, 0.15


# The flow of shading: pixels over which tones are evened out, what is added to levels of [0, 1]
# before the logarithm, and the farthest that is believed, pixels.
_FLOW_AROUND, _FLOW_DARKEST, _MOST_FLOW = 10.0, 0.04, 6.0


# Pixels of the blur under which tones are alike, and the nats by which others differ.
_TONE_BLUR, _UNLIKE = 2.0, 0.75


@dataclass(frozen=True, eq=False)
class Registration:
    """A photo in the view's frame.

    Attributes:
        photo: (S, S, 3) uint8 RGB.
        inside: (S, S) uint8, not 0 where photo and view both show the head, no outline among it;
            `APART`, not 255, at eyes, brows and nostrils of a profile, which lie apart by more than
            their own size and are not to be compared.
        cost: mean difference left, 0 for equal pictures; about 0.1 where it went well.
    """

    photo: np.ndarray
    inside: np.ndarray
    cost: float


def register(photo: np.ndarray, view: np.ndarray, head: np.ndarray, yaw: float) -> Registration:
    """Finds the similarity that lays a photo onto a view.

    Args:
        photo: (S, S, 3) uint8 RGB, real, about in the view's frame.
        view: (S, S, 3) uint8 RGB, simulated.
        head: (S, S) uint8, the view's `head`.
        yaw: of both, degrees, not 0: the side without a head is where the backdrop is looked for.

    Returns:
        The photo as it lies then.
    """
    size = view.shape[0]
    matrix, cost = _similarity(photo, view, yaw)
    laid = cv2.warpAffine(
        photo, matrix, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    known = cv2.warpAffine(np.full((size, size), 255, np.uint8), matrix, (size, size)) == 255
    rim = np.ones((3, 3), np.uint8)
    share = person_share(laid, yaw)
    if abs(yaw) < _FRONT:
        share = np.minimum(share, person_share(laid, -yaw))
    person = cv2.erode((share > _PERSON).astype(np.uint8), rim) > 0
    inside = (cv2.erode(head, rim) > 127) & person & known
    shared = to_mask(inside)
    if abs(yaw) >= PROFILE_YAW:
        shared[inside & _features_of_profile(laid, yaw, _MOUTH)] = APART
    return Registration(laid, shared, cost)


def shading_flow(view: np.ndarray, photo: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Where each place of a view is in the photo that lies on it: the rest, after a similarity.

    Args:
        view: (S, S, 3) uint8 RGB.
        photo: (S, S, 3) uint8 RGB, registered.
        inside: (S, S) bool, where both show the head.

    Returns:
        (S, S, 2) float32, pixels to the right and down, smooth, at most 6 either way.
    """
    share = inside.astype(np.float32)
    around = cv2.GaussianBlur(share, (0, 0), _FLOW_AROUND) + 1e-3

    def shading(image: np.ndarray) -> np.ndarray:
        grey = np.log(to_unit(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)) + _FLOW_DARKEST)
        off = (grey - cv2.GaussianBlur(grey * share, (0, 0), _FLOW_AROUND) / around) * share
        strength = np.sqrt(cv2.GaussianBlur(off * off, (0, 0), 14.0) / around + 0.03**2)
        return np.clip(128.0 + 40.0 * off / strength, 0, 255).astype(np.uint8)

    found = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    found.setVariationalRefinementAlpha(40.0)
    moved = found.calc(shading(view), shading(photo), None)
    return np.clip(cv2.GaussianBlur(moved, (0, 0), 4.0), -_MOST_FLOW, _MOST_FLOW)


def moved_onto(
    view: np.ndarray, photo: np.ndarray, inside: np.ndarray, yaw: float
) -> tuple[np.ndarray, np.ndarray]:
    """A registered photo moved by its `shading_flow`, so that it can be compared place by place.

    Args:
        view: (S, S, 3) uint8 RGB.
        photo: (S, S, 3) uint8 RGB, as `Registration.photo`.
        inside: (S, S) uint8, as `Registration.inside`.
        yaw: of both, degrees.

    Returns:
        Photo and inside as they lie then, the latter 0 where they are not `alike`, and `APART` at a
        profile's mouth, too, that of the photo and that of the view: near enough to be measured,
        but a corner drawn a few pixels off is a wound.
    """
    size = len(view)
    flow = shading_flow(view, photo, inside > 0)
    rows, columns = np.mgrid[:size, :size].astype(np.float32)
    places = columns + flow[..., 0], rows + flow[..., 1]
    laid = cv2.remap(photo, *places, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    shared = cv2.remap(inside, *places, cv2.INTER_NEAREST)
    if abs(yaw) >= PROFILE_YAW:
        features = (_features_of_profile(image, yaw, _CHIN) for image in (view, laid))
        shared = np.where((shared > 0) & np.logical_or(*features), np.uint8(APART), shared)
    return laid, np.where((inside > 0) & alike(view, laid), shared, np.uint8(0))


def alike(view: np.ndarray, photo: np.ndarray) -> np.ndarray:
    """Where a view and the photo that lies on it may show the same thing.

    Args:
        view: (S, S, 3) uint8 RGB.
        photo: (S, S, 3) uint8 RGB, registered.

    Returns:
        (S, S) bool; where one is more than twice as bright as the other there is hair in one of
        them, or backdrop, and skin in the other.
    """

    def tone(image: np.ndarray) -> np.ndarray:
        grey = to_unit(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
        return np.log(cv2.GaussianBlur(grey, (0, 0), _TONE_BLUR) + _FLOW_DARKEST)

    return np.asarray(np.abs(tone(view) - tone(photo)) < _UNLIKE)


def person_share(image: np.ndarray, yaw: float) -> np.ndarray:
    """Who stands before a plain backdrop.

    Args:
        image: (S, S, 3) uint8 RGB.
        yaw: degrees; the backdrop is learned at the upper edge of the side it points to.

    Returns:
        (S, S) float32 in [0, 1], 1 = person; what the backdrop does not reach from that side is
        person, too.
    """
    size = image.shape[0]
    lab = cv2.cvtColor(to_unit(image), cv2.COLOR_RGB2LAB)
    strip = slice(0, size // 8) if yaw < 0 else slice(size - size // 8, size)
    colour = np.median(lab[: size // 2, strip].reshape(-1, 3), axis=0)
    weights = np.array([1.0, 2.0, 2.0], np.float32)
    near = (np.abs(lab - colour) * weights).max(axis=2) < _BACKDROP + 4.0
    rows, columns = np.mgrid[:size, :size] / size
    distance = np.zeros((size, size), np.float32)
    for _ in range(2):  # A studio's wall is lit unevenly: a plane of colours.
        places = np.stack([np.ones(int(near.sum())), rows[near], columns[near]], axis=1)
        plane = np.linalg.lstsq(places, lab[near], rcond=None)[0]
        wall = np.stack([np.ones_like(rows), rows, columns], axis=2) @ plane
        distance = (np.abs(lab - wall) * weights).max(axis=2).astype(np.float32)
        near = distance < _BACKDROP + 2.0
    share = np.clip((distance - _BACKDROP) / _EDGE, 0.0, 1.0)
    _, parts = cv2.connectedComponents((share < 0.5).astype(np.uint8))
    edge = np.unique(parts[:, 0 if yaw < 0 else -1])
    share[~np.isin(parts, edge[edge > 0]) & (share < 0.5)] = 1.0
    return np.asarray(share, np.float32)


def _features_of_profile(photo: np.ndarray, yaw: float, lowest: float) -> np.ndarray:
    """(S, S) bool: what is dark and small above that share of it, and the pixels around it."""
    size = photo.shape[0]
    grey = to_unit(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY))
    shading = (grey - cv2.GaussianBlur(grey, (0, 0), size / 22.4)) * person_share(photo, yaw)
    dark = cv2.GaussianBlur(shading, (0, 0), size / 112.0) < _DARK
    dark[round(lowest * size) :] = False
    around = max(1, round(_AROUND * size)) * 2 + 1
    return cv2.dilate(dark.astype(np.uint8), np.ones((around, around), np.uint8)) > 0


def _similarity(photo: np.ndarray, view: np.ndarray, yaw: float) -> tuple[np.ndarray, float]:
    moving, fixed = (_features(image, yaw) for image in (photo, view))
    ahead = np.linspace(0.0, 1.0, _SIZE)[None, :]
    if yaw > 0:
        ahead = 1.0 - ahead
    down = np.linspace(0.0, 1.0, _SIZE)[:, None]
    # Not the back of the head, whose hair is simulated, and the shoulders little.
    weight = (ahead < 0.75) * ((down > 0.05) & (down < 0.9)) * np.where(down > 0.8, 0.3, 1.0)
    weight = weight.astype(np.float32)

    def cost(parameters: np.ndarray) -> float:
        matrix = _matrix(parameters, _SIZE)
        share, shading = (
            cv2.warpAffine(one, matrix, (_SIZE, _SIZE), borderMode=cv2.BORDER_REPLICATE)
            for one in moving
        )
        shades = np.minimum(np.abs(shading - fixed[1]), _MOST_SHADING)
        left = weight * (np.abs(share - fixed[0]) + _SHADING * shades)
        return float(left.mean()) + _PRIOR * float(np.square(parameters[:2]).sum())

    profile = abs(yaw) >= PROFILE_YAW
    starts = [np.array([s, 0.0, 0.0, d]) for s, d in (_STARTS if profile else ((0.0, 0.0),))]
    tries = [
        minimize(cost, start, method="Powell", options={"xtol": 0.03, "ftol": 1e-4, "maxfev": 220})
        for start in sorted(starts, key=cost)[:5]
    ]
    best = min(tries, key=lambda found: float(found.fun))
    found = minimize(cost, best.x, method="Nelder-Mead", options={"maxfev": 200})
    parameters = np.array(found.x)
    parameters[2:] *= view.shape[0] / _SIZE
    return _matrix(parameters, view.shape[0]), float(found.fun)


def _features(image: np.ndarray, yaw: float) -> tuple[np.ndarray, np.ndarray]:
    """Where the person is, and how much darker or lighter than around, both small and smooth."""
    size = image.shape[0]
    share = person_share(image, yaw)
    grey = to_unit(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
    shading = (grey - cv2.GaussianBlur(grey, (0, 0), size / 22.4)) * share
    search = Grid(_SIZE, size)
    share, shading = (
        search.averaged(cv2.GaussianBlur(one, (0, 0), size / 112.0)) for one in (share, shading)
    )
    return share, shading


def _matrix(parameters: np.ndarray, size: int) -> np.ndarray:
    """(2, 3) float64: scaled and turned about the middle, then moved."""
    scale, angle = np.exp(_TURN_STEP * parameters[0]), _TURN_STEP * parameters[1]
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = np.full(2, middle(size))
    return np.column_stack([turn, centre + _MOVE_STEP * parameters[2:] - turn @ centre])
