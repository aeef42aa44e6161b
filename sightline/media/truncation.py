"""The size that a media file declares in its size fields.

A demuxer treats a truncated file as complete; the declared size reveals the difference.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

_EBML_HEADER = 0x1A45DFA3
_EBML_SEGMENT = 0x18538067
_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"})


def declared_size(path: Path) -> int | None:
    """Return the declared size in bytes; None if the format has none.

    Matroska and WebM: the EBML header and the Segment that follows it (RFC 8794), unless the Segment was streamed with
    an unknown size. AVI: the first RIFF chunk, a lower bound, because a long file has several. FLV: the end of the last
    tag that begins in the file. MP4 and MOV: the end of the last box that begins in the file.
    """
    with path.open("rb") as file:
        head = file.read(64)
        if head[:3] == b"FLV":
            return _flv_size(file, int.from_bytes(head[5:9], "big"))
        if head[4:8] in _BOXES:
            return _mp4_size(file)
    if head[:4] == b"RIFF":
        return 8 + int.from_bytes(head[4:8], "little")
    if head[:4] == _EBML_HEADER.to_bytes(4, "big"):
        return _matroska_size(head)
    return None


def _flv_size(file: BinaryIO, header: int) -> int:
    # A tag: type (1 byte), size of its data (3), time and stream (7), data; then the tag's total size (4).
    end = header + 4
    while True:
        file.seek(end)
        tag = file.read(11)
        if not tag:
            return end
        end += 11 + int.from_bytes(tag[1:4], "big") + 4


def _mp4_size(file: BinaryIO) -> int | None:
    # A box: size (4), type (4), and if the size is 1, a 64-bit size (8). A size of 0 means "up to the end".
    end = 0
    while True:
        file.seek(end)
        box = file.read(16)
        if not box:
            return end
        size = int.from_bytes(box[:4], "big")
        if size == 1:
            size = int.from_bytes(box[8:16], "big")
        if size < 8:
            return None
        end += size


def _matroska_size(head: bytes) -> int | None:
    size, offset = _read_vint(head, 4)
    if size is None:
        return None
    offset += size
    if head[offset : offset + 4] != _EBML_SEGMENT.to_bytes(4, "big"):
        return None
    size, offset = _read_vint(head, offset + 4)
    return None if size is None else offset + size


def _read_vint(data: bytes, offset: int) -> tuple[int | None, int]:
    """Return the EBML variable-length size at ``offset``, and the offset after it.

    The size is None if it is unknown (all ones), invalid or missing.
    """
    if offset >= len(data) or data[offset] == 0:
        return None, offset
    length = 9 - data[offset].bit_length()
    value = int.from_bytes(data[offset : offset + length], "big") & ((1 << 7 * length) - 1)
    unknown = value == (1 << 7 * length) - 1
    return (None if unknown else value), offset + length
