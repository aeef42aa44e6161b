"""Evidence in a file's own structure that a part of it is missing: no index, or fewer bytes than it declares.

A demuxer treats such a file as complete, or as damaged. It is either still being written, or was not copied completely.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_EBML_HEADER = 0x1A45DFA3
_EBML_SEGMENT = 0x18538067
_MP4_BOXES = frozenset(
    {b"ftyp", b"moov", b"mdat", b"moof", b"wide", b"free", b"skip", b"pnot", b"sidx", b"styp", b"uuid"}
)
_MP4_CONTENT = frozenset({b"moov", b"mdat", b"moof"})
_MATROSKA_CLUSTER = bytes.fromhex("1F43B675")
_MATROSKA_ELEMENTS = frozenset(
    bytes.fromhex(name)
    for name in (
        "1F43B675", "1C53BB6B", "1549A966", "1654AE6B", "114D9B74", "1254C367", "1043A770", "1941A469",
        "EC", "BF", "E7", "A3", "A0", "AB", "A7",
    )
)  # fmt: skip
"""The elements of a Segment, and those of a Cluster (RFC 9559)."""

_FLV_TAGS = frozenset({8, 9, 18})  # sound, picture, script

Part = tuple[bytes, int]
"""The type of a part of a file, and the offset of its declared end."""


def missing_part(path: Path) -> str | None:
    """Return what is missing, as the end of a sentence; None if there is no evidence that anything is.

    MP4 and MOV: the index (``moov``), or the end of the index or the media data. Matroska and WebM: the end of the
    Segment (RFC 8794), or of the last element if its size is unknown because it was streamed. AVI: the end of the
    frames or of the index. FLV: the end of the last tag. Other parts may be missing without a loss.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(64)
        if head[4:8] in _MP4_BOXES:
            return _missing_of_mp4(list(_mp4_boxes(file)), size)
        if head[:3] == b"FLV":
            parts = _flv_tags(file, int.from_bytes(head[5:9], "big"))
        elif head[:4] == b"RIFF":
            parts = _avi_chunks(file)
        elif head[:4] == _EBML_HEADER.to_bytes(4, "big"):
            parts = _matroska_parts(file, head)
        else:
            return None
        return next((_bytes_of(size, end) for _, end in parts if end > size), None)


def _missing_of_mp4(boxes: list[Part], size: int) -> str | None:
    for kind, end in boxes:
        if kind in _MP4_CONTENT and end > size:
            return _bytes_of(size, end)
    kinds = {kind for kind, _ in boxes}
    return None if b"moov" in kinds or b"mdat" not in kinds else "its index (moov) is not there"


def _bytes_of(size: int, declared: int) -> str:
    return f"it has {size} of {declared} bytes"


def _mp4_boxes(file: BinaryIO) -> Iterator[Part]:
    # A box: size (4), type (4), and if the size is 1, a 64-bit size (8). A size of 0 means "up to the end".
    end = 0
    while True:
        file.seek(end)
        box = file.read(16)
        if len(box) < 8:
            return
        size, kind = int.from_bytes(box[:4], "big"), box[4:8]
        if size == 1:
            size = int.from_bytes(box[8:16], "big")
        if size == 0:
            yield kind, end
        if size < 8:
            return
        end += size
        yield kind, end


def _flv_tags(file: BinaryIO, header: int) -> Iterator[Part]:
    # A tag: type (1 byte), size of its data (3), time and stream (7), data; then the tag's total size (4).
    end = header + 4
    while True:
        file.seek(end)
        tag = file.read(11)
        if not tag or tag[0] & 0x1F not in _FLV_TAGS:
            return
        size = int.from_bytes(tag[1:4], "big")
        yield b"tag", end + 11 + size
        end += 11 + size + 4


def _avi_chunks(file: BinaryIO) -> Iterator[Part]:
    # RIFF, size, AVI; then chunks: type (4), size (4), data, of even length. A list: LIST, size, type, chunks.
    end = 12
    while True:
        file.seek(end)
        chunk = file.read(12)
        if len(chunk) < 8:
            return
        kind, size = chunk[:4], int.from_bytes(chunk[4:8], "little")
        end += 8 + size + size % 2
        if chunk[8:12] == b"movi" or kind == b"idx1":
            yield kind, end - size % 2
        elif kind not in (b"LIST", b"JUNK"):
            return


def _matroska_parts(file: BinaryIO, head: bytes) -> Iterator[Part]:
    size, offset = _read_vint(head, 4)
    if size is None:
        return
    offset += size
    if head[offset : offset + 4] != _EBML_SEGMENT.to_bytes(4, "big"):
        return
    size, offset = _read_vint(head, offset + 4)
    if size is not None:
        yield b"segment", offset + size
        return
    # Without the size, as in a live recording: the elements, in turn, and those of clusters without a size.
    while True:
        file.seek(offset)
        head = file.read(12)
        length = 9 - head[0].bit_length() if head and head[0] else 0
        kind = head[:length]
        if kind not in _MATROSKA_ELEMENTS:
            return
        size, place = _read_vint(head, length)
        if size is None and kind != _MATROSKA_CLUSTER:
            return
        offset += place + (size or 0)
        yield kind, offset


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
