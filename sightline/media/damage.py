"""Parts of a stream that cannot be decoded: where they are, and how much is too much."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from sightline.errors import InvalidMedia
from sightline.media.layouts import protect_layout

MAX_DAMAGE_SHARE = 0.02
"""The default of the accepted share of a stream that cannot be decoded."""

_PLACES = 5

_ROUNDING = 1e-4
"""Seconds. One frame of fifty is not above a limit of 2 %, however its time is rounded."""


@dataclass(frozen=True)
class Damage:
    """A part of a stream that cannot be decoded, or only with visible errors. ``start`` and ``end`` are seconds."""

    stream: Literal["picture", "sound"]
    start: float
    end: float


@dataclass
class StreamReport:
    """What decoding found in a stream beside its content.

    ``times``: those of all frames of a picture, in seconds. ``damage`` is in order of time, without overlaps.
    ``moved_frames``: frames that had the time of the frame before them, or one just before it. ``late_frames``: frames
    with a time far before that of the frame before them, which were left out. ``scaled_frames``: frames of another size
    than the first one.
    """

    times: array[float] = field(default_factory=lambda: array("d"))
    damage: list[Damage] = field(default_factory=list)
    moved_frames: int = 0
    late_frames: int = 0
    scaled_frames: int = 0

    @property
    def damaged_seconds(self) -> float:
        """The duration of all damage, in seconds."""
        return damaged_seconds(self.damage)

    def add(self, stream: Literal["picture", "sound"], start: float, end: float) -> None:
        """Add a damaged part; parts that touch become one."""
        part = Damage(stream, max(start, 0.0), max(end, 0.0))
        later = [self.damage.pop() for _ in range(len(self.damage)) if self.damage[-1].start > part.start]
        for added in (part, *reversed(later)):
            if self.damage and added.start <= self.damage[-1].end + 1e-3:
                last = self.damage.pop()
                self.damage.append(Damage(stream, last.start, max(last.end, added.end)))
            else:
                self.damage.append(added)

    def warnings(self) -> Iterator[str]:
        """Yield a sentence for each finding."""
        if self.damage:
            yield (
                f"{self.damaged_seconds:.2f} s of the {self.damage[0].stream} cannot be decoded: {places(self.damage)}"
            )
        if self.moved_frames:
            yield f"{self.moved_frames} frames have the time of the frame before, or an earlier one; they were moved"
        if self.late_frames:
            yield f"the times of the picture go back; {self.late_frames} frames that overlap others were left out"
        if self.scaled_frames:
            yield f"{self.scaled_frames} frames have another size than the first one; they were scaled"


def damaged_seconds(damage: Iterable[Damage]) -> float:
    """Return the duration of all damage, in seconds."""
    return sum(part.end - part.start for part in damage)


def places(damage: list[Damage]) -> str:
    """Return the places as text: "at 1.20-1.56 s, 3.00-3.04 s"."""
    named = ", ".join(f"{part.start:.2f}-{part.end:.2f} s" for part in damage[:_PLACES])
    more = len(damage) - _PLACES
    return f"at {named}" + (f" and {more} more" if more > 0 else "")


def check_damage(uri: str, report: StreamReport, duration: float, limit: float) -> None:
    """Raise :class:`InvalidMedia` if the damaged share of ``duration`` seconds is above ``limit``."""
    lost = report.damaged_seconds
    if lost > limit * duration + _ROUNDING:
        raise InvalidMedia(
            uri,
            f"it is damaged: {lost:.2f} of {duration:.2f} s of its {report.damage[0].stream} cannot be decoded, "
            f"{places(report.damage)}. The limit is {limit:.1%}",
            "Copy the file again from its source, or raise MAX_DAMAGE_SHARE",
        )


def decode_packets(packets: Iterable[Any], damaged: Any) -> Iterator[Any]:
    """Yield the frames of the packets. For every packet with an error, ``damaged`` is called with the packet.

    After an error of the container, ``damaged`` is called with None, and the rest cannot be read.
    """
    import av

    iterator = iter(packets)
    while True:
        try:
            packet = next(iterator, None)
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError:
            damaged(None)
            return
        if packet is None:
            return
        try:
            frames = packet.decode()
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError:
            # A packet without a time is the demuxer's end marker, which makes the decoder return its last frames.
            if packet.size:
                damaged(packet)
            continue
        for frame in frames:
            if isinstance(frame, av.AudioFrame):
                protect_layout(frame.layout)
            yield frame
