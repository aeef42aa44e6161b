"""The original sound, written to the annotated copy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from typing import Any, Self

from sightline.media.audio import sound
from sightline.media.container import open_media, read_packets
from sightline.media.layouts import known_layout
from sightline.media.probe import VideoInfo

_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)

_AAC_LAYOUTS = {name: name for name in ("mono", "3.0", "4.0", "5.0", "5.1")} | {"5.0(side)": "5.0", "5.1(side)": "5.1"}
"""Layouts with a channel configuration of AAC, which every player knows. Others are mixed to stereo."""

Packets = Iterator[tuple[float, Any]]
"""Packets with their times in seconds."""


class Soundtrack:
    """The sound track of a video, if it has one, written incrementally along with the frames."""

    def __init__(self, info: VideoInfo) -> None:
        self._info = info
        self._packets: Packets = iter(())
        self._next: tuple[float, Any] | None = None
        self._source: Any = None

    def __enter__(self) -> Self:
        if self._info.audio is not None:
            self._source = open_media(self._info.path)
        return self

    def __exit__(self, *_: object) -> None:
        if self._source is not None:
            self._source.close()

    def add_to(self, target: Any) -> None:
        """Add the sound stream to an output container, before its first packet is written."""
        if self._info.audio is None:
            return
        stream = self._source.streams.audio[self._info.audio.number]
        self._packets = self._copied(stream, target) if self._info.audio.is_copied else self._encoded(stream, target)
        self._next = next(self._packets, None)

    def write(self, target: Any, until: float = float("inf")) -> None:
        """Write the sound up to ``until`` seconds."""
        while self._next is not None and self._next[0] <= until:
            target.mux(self._next[1])
            self._next = next(self._packets, None)

    def _copied(self, stream: Any, target: Any) -> Packets:
        output = target.add_stream_from_template(stream)
        return self._copy(stream, output)

    def _copy(self, stream: Any, output: Any) -> Packets:
        shift, last = round(self._info.origin / stream.time_base), None
        for packet in self._readable(stream):
            if packet.dts is None:
                continue  # the demuxer's end marker
            time = float(packet.dts * packet.time_base - self._info.origin)
            if packet.is_discard and time > 0:
                continue  # hidden by an edit list; before the origin, it prepares the decoder
            decoded, shown = packet.dts - shift, (packet.dts if packet.pts is None else packet.pts) - shift
            # As FFmpeg does for times that do not ascend.
            late = 0 if last is None else max(0, last + 1 - decoded)
            last = decoded + late
            packet.pts, packet.dts = shown + late, last
            packet.stream = output
            yield time, packet

    def _readable(self, stream: Any) -> Iterator[Any]:
        import av

        # A container that cannot be read to its end was reported when the video was probed.
        with suppress(av.error.FFmpegError):
            yield from read_packets(self._source, stream)

    def _encoded(self, stream: Any, target: Any) -> Packets:
        rate = stream.rate if stream.rate in _AAC_RATES else 48_000
        layout = _AAC_LAYOUTS.get(known_layout(stream.layout) or "mono", "stereo")
        output = target.add_stream("aac", rate=rate, layout=layout)
        return self._encode(output, rate, layout)

    def _encode(self, output: Any, rate: int, layout: str) -> Packets:
        import av

        position = 0
        for block in sound(self._info, rate, layout):
            frame = av.AudioFrame.from_ndarray(block, "fltp", layout)
            frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), position
            time, position = position / rate, position + block.shape[1]
            for packet in output.encode(frame):
                yield time, packet
        for packet in output.encode(None):
            yield position / rate, packet
