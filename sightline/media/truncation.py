"""How many bytes a media file says it has, from the size fields at its head.

A demuxer reads a file that breaks off as one that merely ends; these fields tell the difference.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

_EBML_HEADER = 0x1A45DFA3
_EBML_SEGMENT = 0x18538067
_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"})


def declared_size(path: Path) -> int | None:
    """The bytes that the file claims to hold; None where its format does not tell.

    Matroska and WebM: the EBML header and the Segment that follows it (RFC 8794), unless the Segment was streamed with
    an unknown size. AVI: the first RIFF chunk; a long file has more of them, so this is a lower bound. FLV: the end of
    the last tag that begins in the file. MP4 and MOV: the end of the last box that begins in the file.
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
    # A tag: type (1 byte), size of its data (3), time and stream (7), data; then the tag's whole size again (4).
    end = header + 4
    while True:
        file.seek(end)
        tag = file.read(11)
        if not tag:
            return end
        end += 11 + int.from_bytes(tag[1:4], "big") + 4


def _mp4_size(file: BinaryIO) -> int | None:
    # A box: size (4), type (4), and where the size is 1 the real one (8); a size of 0 means "up to the end".
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
    size, at = _vint(head, 4)
    if size is None:
        return None
    at += size
    if head[at : at + 4] != _EBML_SEGMENT.to_bytes(4, "big"):
        return None
    size, at = _vint(head, at + 4)
    return None if size is None else at + size


def _vint(data: bytes, at: int) -> tuple[int | None, int]:
    """An EBML variable-length size at ``at`` and where it ends; all ones means unknown."""
    if at >= len(data) or data[at] == 0:
        return None, at
    length = 9 - data[at].bit_length()
    value = int.from_bytes(data[at : at + length], "big") & ((1 << 7 * length) - 1)
    unknown = value == (1 << 7 * length) - 1
    return (None if unknown else value), at + length
