"""Frames in display order with their presentation times, in one decoding pass."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.media.container import decoding_time, open_media, presentation_time, read_packets, video_stream
from sightline.media.damage import StreamReport, decode_packets
from sightline.media.geometry import Upright
from sightline.media.leaps import without_leaps
from sightline.media.probe import VideoInfo

_ROUNDING = 1e-4
"""Seconds. A frame that is off by a rounding error still counts for the period or moment next to it."""

_LATE = 1.1
"""In frames. FFmpeg leaves out a frame that is later than that."""

_LOST_END = 0.2
"""Seconds. The times of the last frame and of the last packet are rounded."""


@dataclass(frozen=True)
class Frame:
    """A decoded frame: its index in display order, its time in seconds and its image as displayed."""

    index: int
    time: float
    rgb: NDArray[np.uint8]
    """shape = (height, width, 3)"""
    sampled: bool
    """Whether the sampling rate selects the frame."""
    moments: tuple[int, ...]
    """The indices of the requested moments that the frame shows."""


def decode(info: VideoInfo, report: StreamReport | None = None) -> Iterator[tuple[int, float, Any]]:
    """Yield index, time and PyAV frame of every frame, in display order; times ascend.

    The frames are as stored: :class:`~sightline.media.geometry.Upright` shows them. Parts that cannot be decoded are
    skipped and added to ``report``. Raises :class:`InvalidMedia` if they exceed the accepted share.
    """
    clock = _Clock(info, StreamReport() if report is None else report)
    with open_media(info.path) as container:
        stream: Any = video_stream(container)
        stream.thread_type = "AUTO"
        clock.typical = 1 / stream.average_rate if stream.average_rate else Fraction(1, 25)
        index = 0
        frames = decode_packets(read_packets(container, stream), clock.skip)
        stamped = ((frame, clock.stamp(frame)) for frame in frames)
        for (frame, stamp), leaps in without_leaps(stamped, lambda item: item[1], clock.typical):
            time = clock.time(frame, None if leaps else stamp, leaps=leaps)
            if time is not None:
                yield index, time, frame
                index += 1
    clock.end()


class _Clock:
    """The times of the frames of one pass, and the damage between them."""

    def __init__(self, info: VideoInfo, report: StreamReport) -> None:
        self._info, self._report = info, report
        for part in info.picture_damage:
            report.add("picture", part.start, part.end)
        self._last: Fraction | None = None
        self._size: tuple[int, int] | None = None
        self._last_shown: int | None = None
        self._last_decoded: int | None = None
        self._faulty_shown = self._faulty_decoded = 0
        self.typical = self._length = Fraction(1, 25)

    def stamp(self, frame: Any) -> Fraction | None:
        """Return the frame's own time in seconds since the container's zero: FFmpeg's best estimate.

        It is the presentation time, unless more of these than of the decoding times have not ascended so far
        (``guess_correct_timestamp`` of libavcodec). Call it once per frame.
        """
        if self._info.container == "avi":  # which has no presentation times; those of its demuxer are guesses
            return decoding_time(frame)
        shown, decoded = frame.pts, frame.dts
        if decoded is not None:
            self._faulty_decoded += self._last_decoded is not None and decoded <= self._last_decoded
            self._last_decoded = decoded
        if shown is not None:
            self._faulty_shown += self._last_shown is not None and shown <= self._last_shown
            self._last_shown = shown
        if decoded is None or self._faulty_shown <= self._faulty_decoded:
            return presentation_time(frame)
        return decoding_time(frame)

    def time(self, frame: Any, stamp: Fraction | None, *, leaps: bool) -> float | None:
        """Return the frame's time in seconds: FFmpeg's best estimate, and after that of the frame before.

        If its time ``leaps``, it follows the frame before. None if it is left out, as by FFmpeg, because its time is
        more than a frame before that of the frame before.
        """
        last = self._last
        if stamp is None:
            now = Fraction(0) if last is None else last + self.typical
            self._report.moved_frames += leaps
        else:
            now = stamp - self._info.origin
            if last is not None and last - now > _LATE * self.typical:
                self._report.late_frames += 1
                return None
            if last is not None and now <= last:
                now = last + frame.time_base
                self._report.moved_frames += 1
        self._last = now
        self._report.times.append(float(now))
        if self._size is None:
            self._size = frame.width, frame.height
        self._report.scaled_frames += self._size != (frame.width, frame.height)
        self._length = frame.duration * frame.time_base if frame.duration else self.typical
        if frame.is_corrupt:
            self._report.add("picture", float(now), float(now + self._length))
            self._info.check_damage(self._report)
        return float(now)

    def skip(self, packet: Any | None) -> None:
        """Add the part of a packet that cannot be decoded."""
        if packet is None:  # the container cannot be read any further
            end = 0.0 if self._last is None else float(self._last + self.typical)
            self._report.add("picture", end, max(end, self._info.duration))
        elif packet.is_discard or (self._last is None and not packet.is_keyframe):
            return  # a recording may begin without a key frame; no decoder can show the frames before the first one
        else:
            time, last = presentation_time(packet), Fraction(0) if self._last is None else self._last
            start = last if time is None else time - self._info.origin
            length = packet.duration * packet.time_base if packet.duration else self.typical
            self._report.add("picture", float(start), float(start + length))
        self._info.check_damage(self._report)

    def end(self) -> None:
        """Add the frames at the end that the decoder left out without an error."""
        end = 0.0 if self._last is None else float(self._last + self._length)
        if self._info.picture_end - end > max(_LOST_END, 3 * float(self.typical)):
            self._report.add("picture", end, self._info.picture_end)
        self._info.check_damage(self._report)


def sample_frames(
    info: VideoInfo, rate: float, moments: Sequence[float], report: StreamReport | None = None
) -> Iterator[Frame]:
    """Yield the frames selected by ``rate`` (frames a second) or ``moments`` (seconds, ascending), without duplicates.

    A moment is shown by the last frame at or before it; a moment before the first frame by the first. The rate selects
    the first frame of every period of ``1 / rate`` seconds, however far apart the frames are. ``report`` as for
    :func:`decode`.
    """
    if not rate > 0:
        raise ValueError(f"rate must be over 0 frames a second, not {rate}")
    if list(moments) != sorted(moments):
        raise ValueError("moments must be ascending")
    upright = Upright(info.size, info.pixel_aspect)
    period, pending = -math.inf, 0
    held: tuple[int, float, Any, bool] | None = None

    def select(held: tuple[int, float, Any, bool], until: float) -> Frame | None:
        """Return the held frame if it is selected, given the time of the next frame."""
        nonlocal pending
        index, time, frame, sampled = held
        first = pending
        while pending < len(moments) and moments[pending] < until - _ROUNDING:
            pending += 1
        if not sampled and pending == first:
            return None
        return Frame(index, time, to_rgb(upright(frame)), sampled, tuple(range(first, pending)))

    for index, time, frame in decode(info, report):
        if held is not None and (selected := select(held, time)):
            yield selected
        current = math.floor((time + _ROUNDING) * rate)
        held, period = (index, time, frame, current > period), max(period, current)
    if held is not None and (selected := select(held, math.inf)):
        yield selected


def to_rgb(frame: Any) -> NDArray[np.uint8]:
    """Return the PyAV frame as an image, shape = (height, width, 3)."""
    return np.ascontiguousarray(frame.to_ndarray(format="rgb24"))
