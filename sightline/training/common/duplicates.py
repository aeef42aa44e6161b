"""Samples that must stay on the same side of every split: near duplicates, and samples that share a group."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["near_duplicates", "units_of"]

_SIDE = 16  # pixels of a thumbnail
_BLOCK = 2048  # thumbnails that one matrix product compares with all others


def near_duplicates(pixels: NDArray[np.uint8], labels: Sequence[str], correlation: float) -> Iterator[tuple[int, int]]:
    """Yield pairs of images with the same label whose thumbnails correlate at least this much, also if one is mirrored.

    ``pixels``, shape = (n, height, width, 3). Images of different labels are not compared: a training image reveals
    nothing about a similar test image that has another label.
    """
    if not len(pixels):
        return
    thumbnails = _thumbnails(pixels)
    flat, mirrored = _standardised(thumbnails), _standardised(thumbnails[:, :, ::-1])
    names = np.array(labels)
    for name in np.unique(names):
        indices = np.flatnonzero(names == name)
        for other in (flat[indices], mirrored[indices]):
            for start in range(0, len(indices), _BLOCK):
                block = indices[start : start + _BLOCK]
                for row, column in np.argwhere(flat[block] @ other.T >= correlation):
                    yield int(block[row]), int(indices[column])


def units_of(keys: Sequence[Sequence[Hashable]], pairs: Iterable[tuple[int, int]] = ()) -> NDArray[np.intp]:
    """Return a number for every item, equal for items that are connected by shared keys or ``pairs``.

    ``keys``: the keys of every item. Items may be connected through other items.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    indices: dict[Hashable, int] = {}
    edges = [(item, len(keys) + indices.setdefault(key, len(indices))) for item, row in enumerate(keys) for key in row]
    edges += list(pairs)
    ends = np.array(edges, dtype=np.intp).reshape(-1, 2)
    nodes = len(keys) + len(indices)
    graph = coo_array((np.ones(len(ends), dtype=np.int8), (ends[:, 0], ends[:, 1])), shape=(nodes, nodes))
    components: NDArray[np.intp] = connected_components(graph, directed=False)[1][: len(keys)]
    return np.unique(components, return_inverse=True)[1]


def _thumbnails(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    import torch
    from torch.nn import functional

    blocks = []
    for start in range(0, len(pixels), _BLOCK):
        block = torch.from_numpy(np.array(pixels[start : start + _BLOCK], dtype=np.float32)).permute(0, 3, 1, 2)
        blocks.append(functional.adaptive_avg_pool2d(block, _SIDE).permute(0, 2, 3, 1).numpy())
    return np.concatenate(blocks)


def _standardised(thumbnails: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return rows of length 1 and mean 0, whose products are correlations; zeros for an image of one colour."""
    rows = thumbnails.reshape(len(thumbnails), -1).astype(np.float32)
    rows = rows - rows.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: NDArray[np.float32] = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 1e-6)
    return scaled
