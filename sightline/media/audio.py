"""The sound of a video as samples on its timeline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.media.container import open_media, presentation_time, read_packets
from sightline.media.damage import decode_packets
from sightline.media.layouts import known_layout, samples_of
from sightline.media.leaps import without_leaps
from sightline.media.probe import VideoInfo

Samples = NDArray[np.float32]

_JITTER = 0.02
"""Seconds. Containers round timestamps, and lossy codecs begin late: a shorter gap is none."""

_JITTER_AFTER_DAMAGE = 0.002
"""Seconds. The packets after a damaged one must not move forward by its duration."""


def sound_blocks(info: VideoInfo, rate: int = 16_000) -> Iterator[Samples]:
    """Yield the sound as consecutive blocks of mono samples in -1..1, shape = (n,), ``rate`` a second.

    The first sample is at the video's origin. A video without sound has no blocks.
    """
    for block in sound(info, rate, "mono"):
        yield block[0].clip(-1, 1)  # a lossy codec may overshoot


def sound(info: VideoInfo, rate: int, layout: str) -> Iterator[Samples]:
    """Yield the sound as consecutive blocks, shape = (channels, n), ``rate`` samples a second, from the origin on.

    Gaps between the sound's timestamps, and parts that cannot be decoded, are filled with silence, so that a sample's
    position gives its time. A mix of several channels is scaled so that it cannot exceed full scale.
    """
    if info.audio is None:
        return
    mixer, jitter = _Mixer(rate, layout), 0.0
    position: int | None = None
    """The place of the next sample; negative before the origin."""

    def damaged(_: Any) -> None:
        nonlocal jitter
        jitter = _JITTER_AFTER_DAMAGE

    def placed(blocks: Iterable[Samples]) -> Iterator[Samples]:
        nonlocal position
        for block in blocks:
            first = max(0, -(position or 0))
            position = (position or 0) + block.shape[1]
            if first < block.shape[1]:
                yield block[:, first:]

    with open_media(info.path) as container:
        stream = container.streams.audio[info.audio.number]
        stream.thread_type = "AUTO"
        for frame, leaps in without_leaps(decode_packets(read_packets(container, stream), damaged), presentation_time):
            time = presentation_time(frame)
            start = None if time is None or leaps else round((time - info.origin) * rate)
            if position is None:
                position = min(start or 0, 0)
            gap = 0 if start is None else start - position
            if gap > rate * jitter:
                before = position
                yield from placed(mixer.flush())
                yield from placed(_silence(mixer.channels, gap - (position - before)))
            jitter = _JITTER
            if gap < -rate * _JITTER and -gap > frame.samples / frame.sample_rate * rate:
                continue  # its time is filled already
            yield from placed(mixer.mix(frame))
        yield from placed(mixer.flush())


def _silence(channels: int, length: int) -> Iterator[Samples]:
    step = 1 << 20
    for start in range(0, length, step):
        yield np.zeros((channels, min(step, length - start)), np.float32)


class _Mixer:
    """Converts the frames of a sound stream, whose format may change, to one rate and layout."""

    def __init__(self, rate: int, layout: str) -> None:
        import av

        self._rate, self._layout = rate, layout
        self._key: Any = None
        self._resampler: Any = None
        self.channels = av.AudioLayout(layout).nb_channels

    def mix(self, frame: Any) -> Iterator[Samples]:
        """Yield blocks of shape (channels, n)."""
        import av

        layout = known_layout(frame.layout)
        if layout != frame.layout.name:
            frame = _renamed(frame, layout)
        frame.pts = None
        key = frame.format.name, frame.layout.name, frame.sample_rate
        if key != self._key:
            yield from self.flush()
            # Without the limit, libswresample would add channels at full volume, which exceeds full scale.
            options = {"rematrix_maxval": "1.0"}
            self._resampler = av.AudioResampler("flt", self._layout, self._rate, options=options)
            self._key = key
        for block in self._resampler.resample(frame):
            yield np.ascontiguousarray(samples_of(block).T)

    def flush(self) -> Iterator[Samples]:
        """Yield the blocks that remain."""
        resampler, self._resampler, self._key = self._resampler, None, None
        if resampler is not None:
            for block in resampler.resample(None):
                if block is not None:  # which is the end of a stream that needs no conversion
                    yield np.ascontiguousarray(samples_of(block).T)


def _renamed(frame: Any, layout: str | None) -> Any:
    """Return the frame with a layout; if that is None, the mean of its channels as mono."""
    import av

    samples = samples_of(frame)
    if layout is None:
        samples, layout = samples.mean(axis=1, keepdims=True), "mono"
    packed = np.ascontiguousarray(samples, np.float32).reshape(1, -1)
    named = av.AudioFrame.from_ndarray(packed, "flt", layout)
    named.sample_rate = frame.sample_rate
    return named
