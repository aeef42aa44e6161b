"""The original sound, written to the annotated copy."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from sightline.errors import InvalidMedia
from sightline.media.probe import VideoInfo, open_media

_COPIED = frozenset({"aac", "ac3", "alac", "eac3", "mp3", "mp3float"})
"""Codecs that players expect in MP4; their packets are copied unchanged. Other sound is encoded as AAC."""

_AAC_RATES = frozenset({8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000})


class Soundtrack:
    """The first sound stream of a video, if it has one, written incrementally along with the frames."""

    def __init__(self, info: VideoInfo) -> None:
        self._info = info
        self._packets: Iterator[tuple[float, Any]] = iter(())
        self._next: tuple[float, Any] | None = None
        self._source: Any = None

    def __enter__(self) -> Self:
        if self._info.audio_codec is not None:
            self._source = open_media(self._info.path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._source is not None:
            self._source.close()

    def add_to(self, target: Any) -> None:
        """Add the sound stream to an output container, before its first packet is written."""
        if self._source is None:
            return
        stream = self._source.streams.audio[0]
        packets = self._copied if stream.codec_context.name in _COPIED else self._encoded
        self._packets = packets(stream, target)
        self._next = next(self._packets, None)

    def write(self, target: Any, until: float = float("inf")) -> None:
        """Write the sound up to ``until`` seconds. Raises :class:`InvalidMedia` if it is damaged."""
        while self._next is not None and self._next[0] <= until:
            target.mux(self._next[1])
            self._next = next(self._packets, None)

    def _copied(self, stream: Any, target: Any) -> Iterator[tuple[float, Any]]:
        output = target.add_stream_from_template(stream)
        return self._guarded(self._copy(stream, output))

    def _copy(self, stream: Any, output: Any) -> Iterator[tuple[float, Any]]:
        shift = round(self._info.origin / stream.time_base)
        for packet in self._source.demux(stream):
            if packet.dts is None:
                continue  # the demuxer's end marker
            time = float(packet.dts * packet.time_base - self._info.origin)
            packet.pts, packet.dts = (packet.dts if packet.pts is None else packet.pts) - shift, packet.dts - shift
            packet.stream = output
            yield time, packet

    def _encoded(self, stream: Any, target: Any) -> Iterator[tuple[float, Any]]:
        rate = stream.rate if stream.rate in _AAC_RATES else 48_000
        output = target.add_stream("aac", rate=rate, layout=stream.layout.name)
        return self._guarded(self._encode(stream, output, rate))

    def _encode(self, stream: Any, output: Any, rate: int) -> Iterator[tuple[float, Any]]:
        import av

        resampler = av.AudioResampler(format="fltp", layout=stream.layout.name, rate=rate)
        time = 0.0
        for decoded in self._source.decode(stream):
            if decoded.pts is not None:
                time = float(decoded.pts * decoded.time_base - self._info.origin)
                decoded.pts -= round(self._info.origin / decoded.time_base)
            for block in resampler.resample(decoded):
                for packet in output.encode(block):
                    yield time, packet
        for block in resampler.resample(None):
            yield from ((time, packet) for packet in output.encode(block))
        yield from ((time, packet) for packet in output.encode(None))

    def _guarded(self, packets: Iterator[tuple[float, Any]]) -> Iterator[tuple[float, Any]]:
        import av

        time = 0.0
        try:
            for time, packet in packets:
                yield time, packet
        except av.error.FFmpegError as error:
            reason = f"its sound is damaged after {time:.2f} s: {error.strerror}"
            raise InvalidMedia(self._info.uri, reason, "Convert the file") from error
