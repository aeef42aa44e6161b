"""Frames in display order with their presentation times, in one decoding pass."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.errors import InvalidMedia
from sightline.media.probe import VideoInfo, open_media, video_stream

_ROUNDING = 1e-4
"""Seconds. A frame that is off by a rounding error still counts for the period or moment next to it."""


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


def decode(info: VideoInfo) -> Iterator[tuple[int, float, Any]]:
    """Yield index, time and PyAV frame of every frame, in display order. Raises :class:`InvalidMedia` on damage."""
    import av

    time = 0.0
    try:
        times = _avi_times(info) if info.container == "avi" else None
        with open_media(info.path) as container:
            stream: Any = video_stream(container)
            stream.thread_type = "AUTO"
            for index, frame in enumerate(container.decode(stream)):
                time = times[index] if times else float(frame.pts * frame.time_base - info.origin)
                yield index, time, frame
    except av.error.FFmpegError as error:
        raise InvalidMedia(
            info.uri, f"it is damaged after {time:.2f} s: {error.strerror}", "Copy the file again or convert it"
        ) from error


def _avi_times(info: VideoInfo) -> list[float]:
    """Return the frames' times for a container without presentation times, only indices at a constant rate.

    The packets are in decoding order; the k-th displayed frame has the k-th smallest timestamp of non-empty packets.
    """
    with open_media(info.path) as container:
        packets = container.demux(video_stream(container))
        return sorted(float(p.dts * p.time_base - info.origin) for p in packets if p.dts is not None and p.size)


def sample_frames(info: VideoInfo, rate: float, moments: Sequence[float]) -> Iterator[Frame]:
    """Yield the frames selected by ``rate`` (frames a second) or ``moments`` (seconds, ascending), without duplicates.

    A moment is shown by the last frame at or before it; a moment before the first frame by the first. The rate selects
    the first frame of every period of ``1 / rate`` seconds, however far apart the frames are.
    """
    if not rate > 0:
        raise ValueError(f"rate must be over 0 frames a second, not {rate}")
    if list(moments) != sorted(moments):
        raise ValueError("moments must be ascending")
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
        return Frame(index, time, to_rgb(info, frame), sampled, tuple(range(first, pending)))

    for index, time, frame in decode(info):
        if held is not None and (selected := select(held, time)):
            yield selected
        current = math.floor((time + _ROUNDING) * rate)
        held, period = (index, time, frame, current > period), max(period, current)
    if held is not None and (selected := select(held, math.inf)):
        yield selected


def to_rgb(info: VideoInfo, frame: Any) -> NDArray[np.uint8]:
    """Return the frame as displayed, shape = (height, width, 3)."""
    return np.ascontiguousarray(rotate(frame.to_ndarray(format="rgb24"), info.rotation))


def rotate(image: NDArray[np.uint8], rotation: int) -> NDArray[np.uint8]:
    """Return the image turned clockwise by ``rotation`` degrees, a multiple of 90."""
    return np.rot90(image, -(rotation // 90))
