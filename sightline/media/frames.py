"""Frames in order with their true times, in one decoding pass."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.errors import InvalidMedia
from sightline.media.probe import VideoInfo, open_media, picture_stream

_ROUNDING = 1e-4
"""Seconds; a frame that comes a rounding error before a period starts, or after a moment, belongs to it."""


@dataclass(frozen=True)
class Frame:
    """A decoded frame: its number in the order of display, its time in seconds, its picture as displayed."""

    index: int
    time: float
    rgb: NDArray[np.uint8]
    """shape = (height, width, 3)"""
    sampled: bool
    """Whether the sampling rate asked for it."""
    moments: tuple[int, ...]
    """Which of the asked-for moments it shows, as positions in their sequence."""


def decode(info: VideoInfo) -> Iterator[tuple[int, float, Any]]:
    """Number, time and PyAV frame of every frame, in the order of display. Raises :class:`InvalidMedia` on damage."""
    import av

    time = 0.0
    try:
        times = _avi_times(info) if info.container == "avi" else None
        with open_media(info.path) as container:
            stream: Any = picture_stream(container)
            stream.thread_type = "AUTO"
            for index, frame in enumerate(container.decode(stream)):
                time = times[index] if times else float(frame.pts * frame.time_base - info.origin)
                yield index, time, frame
    except av.error.FFmpegError as error:
        raise InvalidMedia(
            info.uri, f"it is damaged after {time:.2f} s: {error.strerror}", "Copy the file again or convert it"
        ) from error


def _avi_times(info: VideoInfo) -> list[float]:
    """The frames' times where a container has no presentation times, only a place in a constant-rate sequence.

    A packet's place is in the order of decoding; the k-th shown frame has the k-th place that is not empty.
    """
    with open_media(info.path) as container:
        packets = container.demux(picture_stream(container))
        return sorted(float(p.dts * p.time_base - info.origin) for p in packets if p.dts is not None and p.size)


def sample_frames(info: VideoInfo, rate: float, moments: Sequence[float]) -> Iterator[Frame]:
    """The frames that a rate (a second) and a list of moments (in seconds, ascending) ask for, in order, each once.

    A moment is shown by the last frame at or before it; one before the first frame by the first. The rate takes the
    first frame of each period of ``1 / rate`` seconds, whatever the distance of the frames.
    """
    if not rate > 0:
        raise ValueError(f"rate must be over 0 frames a second, not {rate}")
    if list(moments) != sorted(moments):
        raise ValueError("moments must be ascending")
    period, pending = -math.inf, 0
    held: tuple[int, float, Any, bool] | None = None

    def wanted(held: tuple[int, float, Any, bool], until: float) -> Frame | None:
        """The held frame if something asked for it, now that the time of the next one is known."""
        nonlocal pending
        index, time, frame, sampled = held
        first = pending
        while pending < len(moments) and moments[pending] < until - _ROUNDING:
            pending += 1
        if not sampled and pending == first:
            return None
        return Frame(index, time, to_rgb(info, frame), sampled, tuple(range(first, pending)))

    for index, time, frame in decode(info):
        if held is not None and (found := wanted(held, time)):
            yield found
        now = math.floor((time + _ROUNDING) * rate)
        held, period = (index, time, frame, now > period), max(period, now)
    if held is not None and (found := wanted(held, math.inf)):
        yield found


def to_rgb(info: VideoInfo, frame: Any) -> NDArray[np.uint8]:
    """The frame as displayed, shape = (height, width, 3)."""
    return np.ascontiguousarray(upright(frame.to_ndarray(format="rgb24"), info.rotation))


def upright(picture: NDArray[np.uint8], rotation: int) -> NDArray[np.uint8]:
    """The picture turned clockwise by ``rotation`` degrees, a multiple of 90."""
    return np.rot90(picture, -(rotation // 90))
