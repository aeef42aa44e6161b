"""The poses of one body in a track that jumps between people.

Impossible moves (see ``segments``) divide a track into pieces. If a piece begins where another one ended less than ten
seconds before, within two torso lengths, it is the same body that was left in the meantime. What was in between is
another body: another person, or a wrong detection. Of bodies that alternate, only the one with the most poses is kept.

A piece to which nothing returns is kept as well: after a cut the same person is seen from elsewhere. If a film cuts
back and forth, the view with the most poses is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sightline.features.segments import Trunks

__all__ = ["poses_of_one_body"]

_NEAR = 2.0
"""Torso lengths that a body moves at most until the track returns to it: less than a jump at ten frames a second."""

_AWAY = 10.0
"""Seconds after which the track does not return to a body; the next piece at its place can be anybody's."""


@dataclass
class _Body:
    """``pieces``: the numbers of its pieces, rising; ``last``: the row in which it is seen last."""

    last: int
    poses: int
    pieces: list[int] = field(default_factory=list)


def poses_of_one_body(trunks: Trunks, moves: NDArray[np.intp], poses: int) -> NDArray[np.bool_]:
    """Return which of the ``poses`` are kept, shape (poses,).

    ``moves``: the rows of ``trunks`` to which no body can have moved from the row before. A pose without a visible
    trunk belongs to the piece in which it is.
    """
    if not len(moves):
        return np.ones(poses, np.bool_)
    piece_of_pose = np.searchsorted(trunks.frames[moves], np.arange(poses), side="right")
    sizes = np.bincount(piece_of_pose, minlength=len(moves) + 1)
    first = [0, *moves.tolist()]
    last = [row - 1 for row in (*first[1:], len(trunks.frames))]
    bodies = _bodies(trunks, first, last, sizes.tolist())
    kept = np.zeros(len(first), np.bool_)
    for alternating in _alternating(bodies):
        kept[max(alternating, key=lambda body: body.poses).pieces] = True
    return np.asarray(kept[piece_of_pose])


def _bodies(trunks: Trunks, first: Sequence[int], last: Sequence[int], sizes: Sequence[int]) -> list[_Body]:
    """Return the bodies in the order in which they appear; ``first`` and ``last`` are the rows of every piece."""
    bodies: list[_Body] = []
    recent: list[_Body] = []
    for piece, (begin, end, size) in enumerate(zip(first, last, sizes, strict=True)):
        recent = [body for body in recent if trunks.times[begin] - trunks.times[body.last] <= _AWAY]
        body = _returned_to(trunks, [body for body in recent if body.last != begin - 1], begin)
        if body is None:
            body = _Body(last=end, poses=0)
            bodies.append(body)
            recent.append(body)
        body.pieces.append(piece)
        body.last, body.poses = end, body.poses + size
    return bodies


def _returned_to(trunks: Trunks, bodies: Sequence[_Body], begin: int) -> _Body | None:
    """Return the nearest body to the trunk in row ``begin``, None if none is near."""
    if not bodies:
        return None
    rows = np.array([body.last for body in bodies], np.intp)
    distance = np.hypot(*trunks.moved(rows, np.full(len(rows), begin)))
    near = distance <= _NEAR * np.minimum(trunks.length_until[rows], trunks.length_from[begin])
    if not near.any():
        return None
    return bodies[int(np.argmin(np.where(near, distance, np.inf)))]


def _alternating(bodies: Sequence[_Body]) -> list[list[_Body]]:
    """Return the bodies in groups: those of a group alternate, each group ends before the next one begins."""
    groups: list[list[_Body]] = []
    end = -1
    for body in bodies:
        if body.pieces[0] > end:
            groups.append([])
        groups[-1].append(body)
        end = max(end, body.pieces[-1])
    return groups
