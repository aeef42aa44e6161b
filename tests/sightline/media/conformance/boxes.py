"""Patches of MP4 and MOV boxes that FFmpeg 5.1 cannot write."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

_PARENTS = frozenset({b"moov", b"trak", b"mdia", b"edts"})


def patch_matrix(path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Set a, b, c, d (16.16 fixed point) of the display matrix of every video track (ISO/IEC 14496-12, tkhd)."""
    data = bytearray(path.read_bytes())
    for track in _video_tracks(data):
        start = next(offset for kind, offset, _ in _boxes(data, *track) if kind == b"tkhd")
        offset = start + (52 if data[start] == 1 else 40)
        a, b, c, d = matrix
        struct.pack_into(">9i", data, offset, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)


def patch_edits(path: Path, seconds: float) -> None:
    """Let the last edit of every track end so that the track is shown up to ``seconds``."""
    data = bytearray(path.read_bytes())
    scale = next(_timescale(data, offset) for kind, offset, _ in _boxes(data, 0, len(data)) if kind == b"mvhd")
    for start in [offset for kind, offset, _ in _boxes(data, 0, len(data)) if kind == b"elst"]:
        if data[start] != 0:
            raise ValueError("only edit lists of version 0 are supported")
        count = struct.unpack_from(">I", data, start + 4)[0]
        durations = [struct.unpack_from(">I", data, start + 8 + 12 * index)[0] for index in range(count)]
        last = max(1, round(seconds * scale) - sum(durations[:-1]))
        struct.pack_into(">I", data, start + 8 + 12 * (count - 1), last)
    path.write_bytes(data)


def _timescale(data: bytearray, offset: int) -> int:
    return int(struct.unpack_from(">I", data, offset + (20 if data[offset] == 1 else 12))[0])


def _video_tracks(data: bytearray) -> list[tuple[int, int]]:
    tracks = [(offset, end) for kind, offset, end in _boxes(data, 0, len(data)) if kind == b"trak"]
    return [track for track in tracks if any(k == b"hdlr" and data[o + 8 : o + 12] == b"vide"
                                             for k, o, _ in _boxes(data, *track))]  # fmt: skip


def _boxes(data: bytearray, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the type, the start of the content and the end of every box, parents before their children."""
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        content = start + 8
        if size == 1:
            size, content = struct.unpack_from(">Q", data, start + 8)[0], start + 16
        stop = start + size if size else end
        yield kind, content, stop
        if kind in _PARENTS:
            yield from _boxes(data, content, stop)
        start = stop
