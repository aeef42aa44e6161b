"""Photos that show the same picture: other sizes, formats and small edits of it, and shots of the same moment.

groups = similar_groups([fingerprint_of(rgb) for rgb in photos])
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["fingerprint_of", "similar_groups"]

_HASH = 8  # bytes of OpenCV's PHash
_SIDE = 16  # pixels of the thumbnail
_MAX_BITS = 10  # of 64 that may differ
_MIN_CORRELATION = 0.97
_BLOCK = 1024  # photos that are compared with all others at once


def fingerprint_of(rgb: NDArray[np.uint8]) -> bytes:
    """Return the fingerprint of a photo, uint8, RGB, shape (height, width, 3): its perceptual hash and a thumbnail.

    The hash is OpenCV's PHash, after C. Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions
    (2010); the thumbnail has 16x16 grey values.
    """
    import cv2

    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    thumbnail = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    return bytes(cv2.img_hash.pHash(grey).tobytes() + thumbnail.tobytes())


def similar_groups(fingerprints: Sequence[bytes | None]) -> NDArray[np.intp]:
    """Return a number for every photo, from 0 in order of the first photos; similar photos have the same number.

    Two photos are similar if at most 10 bits of their hashes differ and their thumbnails correlate at least .97. Photos
    may be connected through others. One without a fingerprint is similar to none.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    known = [place for place, fingerprint in enumerate(fingerprints) if fingerprint is not None]
    stacked = np.frombuffer(b"".join(filter(None, fingerprints)), np.uint8).reshape(len(known), _HASH + _SIDE**2)
    hashes = np.ascontiguousarray(stacked[:, :_HASH]).view(np.uint64)[:, 0]
    thumbnails = _standardised(stacked[:, _HASH:])
    edges = [np.empty((0, 2), np.intp)]
    for start in range(0, len(known), _BLOCK):
        block = slice(start, start + _BLOCK)
        bits = _ones(hashes[block, None] ^ hashes[None, :])
        alike = (bits <= _MAX_BITS) & (thumbnails[block] @ thumbnails.T >= _MIN_CORRELATION)
        edges.append(np.argwhere(alike) + np.array([start, 0]))
    ends = np.asarray(known, np.intp)[np.concatenate(edges)] if known else np.empty((0, 2), np.intp)
    count = len(fingerprints)
    graph = coo_array((np.ones(len(ends), np.int8), (ends[:, 0], ends[:, 1])), shape=(count, count))
    components = connected_components(graph, directed=False)[1]
    _, first, inverse = np.unique(components, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[inverse], np.intp)


def _ones(words: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the number of ones in every word."""
    bits = np.unpackbits(words.view(np.uint8).reshape(*words.shape, 8), axis=-1)
    return np.asarray(bits.sum(axis=-1), np.int64)


def _standardised(thumbnails: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return rows of length 1 and mean 0, whose products are correlations; of one colour: zeros, like no other row."""
    rows = thumbnails.astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: NDArray[np.float32] = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 1)
    return scaled
