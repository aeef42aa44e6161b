"""The structure of UBJSON, https://ubjson.org: XGBoost crashes on a file that is cut off or of another format."""

from __future__ import annotations

__all__ = ["check_ubjson"]

_SIZES = {
    b"Z": 0, b"N": 0, b"T": 0, b"F": 0,
    b"i": 1, b"U": 1, b"C": 1, b"I": 2, b"l": 4, b"d": 4, b"L": 8, b"D": 8,
}  # fmt: skip
_INTEGERS = b"iUIlL"
_MAX_DEPTH = 64


def check_ubjson(data: bytes) -> None:
    """Raise ``ValueError`` unless the data is one complete object. Its values are not read."""
    reader = _Reader(data)
    if reader.take(1) != b"{":
        raise ValueError("does not begin with an object")
    reader.skip_container(b"{", 1)
    if reader.position != len(data):
        raise ValueError(f"has {len(data) - reader.position} bytes after its end")


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def take(self, size: int) -> bytes:
        end = self.position + size
        if end > len(self._data):
            raise ValueError(f"ends within a value, after {len(self._data)} bytes")
        content = self._data[self.position : end]
        self.position = end
        return content

    def _next(self) -> bytes:
        return self._data[self.position : self.position + 1]

    def _skip(self, size: int) -> None:
        if self.position + size > len(self._data):
            raise ValueError(f"ends within a value, after {len(self._data)} bytes")
        self.position += size

    def _length(self) -> int:
        kind = self.take(1)
        if kind not in _INTEGERS:
            raise ValueError(f"has no length at byte {self.position - 1}")
        length = int.from_bytes(self.take(_SIZES[kind]), "big", signed=kind != b"U")
        if length < 0:
            raise ValueError(f"has a negative length at byte {self.position}")
        return length

    def _skip_value(self, kind: bytes, depth: int) -> None:
        if kind in (b"S", b"H"):
            self._skip(self._length())
        elif kind in (b"{", b"["):
            self.skip_container(kind, depth + 1)
        elif kind in _SIZES:
            self._skip(_SIZES[kind])
        else:
            raise ValueError(f"has an unknown type {kind!r} at byte {self.position - 1}")

    def skip_container(self, kind: bytes, depth: int) -> None:
        """Skip what follows the opening bracket of an array or object."""
        if depth > _MAX_DEPTH:
            raise ValueError(f"is nested more than {_MAX_DEPTH} times")
        member = count = None
        if self._next() == b"$":
            self.position += 1
            member = self.take(1)
        if self._next() == b"#":
            self.position += 1
            count = self._length()
        if member is not None and count is not None and member in _SIZES and kind == b"[":
            self._skip(count * _SIZES[member])  # an array of numbers
            return
        closing = b"}" if kind == b"{" else b"]"
        while count is None or count > 0:
            if count is None and self._next() == closing:
                self.position += 1
                return
            if kind == b"{":
                self._skip(self._length())  # the name
            self._skip_value(member or self.take(1), depth)
            count = None if count is None else count - 1
