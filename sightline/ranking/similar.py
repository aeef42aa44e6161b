"""Photos that show the same picture: other sizes, formats and brightness of it.

groups = similar_groups([fingerprint_of(rgb) for rgb in photos])
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["fingerprint_of", "similar_groups"]

_HASH = 8  # bytes of OpenCV's PHash
_SIDE = 16  # pixels of the thumbnail
_MAX_BITS = 16  # of 64 that may differ
# Of standardised thumbnails. Copies of 29 photos differ by at most .61, drawn people on one background by at least .74.
_MAX_DIFFERENCE = 0.7
_BLOCK = 1024  # photos that are compared with all others at once


def fingerprint_of(rgb: NDArray[np.uint8]) -> bytes:
    """Return the fingerprint of a photo, uint8, RGB, shape (height, width, 3): its perceptual hash and a thumbnail.

    The hash is OpenCV's PHash, after C. Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions
    (2010); the thumbnail has 16x16 pixels.
    """
    import cv2

    thumbnail = cv2.resize(rgb, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    phash = cv2.img_hash.pHash(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))
    return bytes(phash.tobytes() + thumbnail.tobytes())


def similar_groups(fingerprints: Sequence[bytes | None]) -> NDArray[np.intp]:
    """Return a number for every photo, from 0 in order of the first photos; similar photos have the same number.

    Two photos are similar if at most 16 bits of their hashes differ and no place of their thumbnails differs by more
    than .7 standard deviations: the hash finds candidates, and the thumbnail tells people apart before the same
    background. Photos may be connected through others. One without a fingerprint is similar to none.
    """
    known = [place for place, fingerprint in enumerate(fingerprints) if fingerprint is not None]
    stacked = np.frombuffer(b"".join(filter(None, fingerprints)), np.uint8).reshape(len(known), _HASH + 3 * _SIDE**2)
    hashes = np.ascontiguousarray(stacked[:, :_HASH]).view(np.uint64)[:, 0]
    group = list(range(len(fingerprints)))
    for start in range(0, len(known), _BLOCK):
        bits = _ones(hashes[start : start + _BLOCK, None] ^ hashes[None, :])
        for first, second in np.argwhere(bits <= _MAX_BITS) + np.array([start, 0]):
            if first < second and _are_alike(stacked[first, _HASH:], stacked[second, _HASH:]):
                _join(group, known[first], known[second])
    roots = [_root(group, place) for place in range(len(group))]
    numbers = {root: number for number, root in enumerate(dict.fromkeys(roots))}
    return np.array([numbers[root] for root in roots], np.intp)


def _join(group: list[int], first: int, second: int) -> None:
    group[_root(group, second)] = _root(group, first)


def _root(group: list[int], place: int) -> int:
    while group[place] != place:
        group[place] = group[group[place]]  # halves the path for the next search
        place = group[place]
    return place


def _ones(words: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the number of ones in every word."""
    bits = np.unpackbits(words.view(np.uint8).reshape(*words.shape, 8), axis=-1)
    return np.asarray(bits.sum(axis=-1), np.int64)


def _are_alike(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> bool:
    one, other = _standardised(first), _standardised(second)
    return one is not None and other is not None and float(np.abs(one - other).max()) <= _MAX_DIFFERENCE


def _standardised(thumbnail: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """Return the thumbnail with mean 0 and deviation 1; None if it has one colour, and so shows no picture."""
    values = thumbnail.astype(np.float32)
    spread = float(values.std())
    return None if spread < 1 else (values - values.mean()) / spread
