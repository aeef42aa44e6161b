"""The properties of a video file, and the detection of truncated files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any

from sightline.errors import InvalidMedia
from sightline.media.truncation import declared_size

EXTENSIONS = frozenset({".mp4", ".mov", ".avi", ".mkv", ".webm", ".flv"})

# Names of FFmpeg's demuxers. Others are rejected when a file is opened: a playlist with the name clip.mp4 could
# otherwise make FFmpeg read any file or address that it names.
_DEMUXERS = "mov,mp4,m4a,3gp,3g2,mj2,avi,matroska,webm,flv"

_KINDS = "MP4, MOV, AVI, MKV, WebM or FLV"
_COPY_AGAIN = "Copy the file again from its source"


@dataclass(frozen=True)
class VideoInfo:
    """A readable video. Times are seconds since ``origin``, the container's first presentation time."""

    path: Path
    uri: str
    container: str
    video_codec: str
    audio_codec: str | None
    width: int
    """Pixels, as displayed: after ``rotation``."""
    height: int
    rotation: int
    """Degrees clockwise, 0, 90, 180 or 270, by which a decoded frame is turned for display."""
    frame_rate: float
    """Frames a second on average; 0 if unknown."""
    duration: float
    """Seconds from ``origin`` to the end of the last frame or sound."""
    origin: Fraction

    def share(self, time: float) -> float:
        """Return ``time`` as a share of the duration, from 0 to 1."""
        return min(1.0, time / self.duration) if self.duration else 1.0


def open_media(path: Path) -> Any:
    """Open a media file with PyAV, restricted to the containers that sightline supports."""
    import av

    return av.open(str(path), options={"format_whitelist": _DEMUXERS, "protocol_whitelist": "file"})


def probe(path: Path, *, uri: str | None = None, max_seconds: float | None = None) -> VideoInfo:
    """Read a video's properties, and the header of every packet, to detect a truncated file before work starts.

    Error messages name the file by ``uri``. Raises :class:`InvalidMedia`.
    """
    import av

    uri = uri or str(path)
    check_extension(uri)
    if not path.is_file():
        raise InvalidMedia(uri, "there is no such file", "Check the path")
    size = path.stat().st_size
    if size == 0:
        raise InvalidMedia(uri, "the file is empty (0 bytes)", _COPY_AGAIN)
    declared = declared_size(path)
    if declared is not None and size < declared:
        raise InvalidMedia(uri, f"it is truncated: it has {size} of {declared} bytes", _COPY_AGAIN)
    try:
        container = open_media(path)
    except av.error.FFmpegError as error:
        raise InvalidMedia(uri, "it is not a readable video", f"Provide an {_KINDS} file") from error
    with container:
        info = _describe(container, path, uri, max_seconds)
    return _with_displayed_size(info)


def check_extension(uri: str) -> None:
    """Raise :class:`InvalidMedia` if ``uri`` is not the name of a video; the file need not exist."""
    suffix = PurePosixPath(uri).suffix
    if suffix.lower() not in EXTENSIONS:
        raise InvalidMedia(uri, f"its name ends in {suffix or 'no extension'}", f"Provide an {_KINDS} file")


def video_stream(container: Any) -> Any | None:
    """Return the first video stream that is not a cover image; None if there is none."""
    import av

    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:
            return stream
    return None


def _describe(container: Any, path: Path, uri: str, max_seconds: float | None) -> VideoInfo:
    import av

    stream = video_stream(container)
    if stream is None:
        raise InvalidMedia(uri, "it has no video stream", "Provide a file with a video stream")
    declared = container.duration / av.time_base if container.duration else 0.0
    origin = Fraction(container.start_time or 0, av.time_base)
    if max_seconds is not None and declared - origin > max_seconds:
        raise _too_long(uri, float(declared - origin), max_seconds)
    try:
        scan = _scan(container, stream, origin)
    except av.error.FFmpegError as error:
        raise InvalidMedia(uri, f"its packets cannot be read: {error.strerror}", _COPY_AGAIN) from error
    if scan.packets == 0:
        raise InvalidMedia(uri, "its video stream has no frames", _COPY_AGAIN)
    if scan.corrupt_at is not None:
        raise InvalidMedia(uri, f"it is truncated: it ends inside a packet at {scan.corrupt_at:.2f} s", _COPY_AGAIN)
    # The index of MP4 and MOV counts all frames.
    if "mov" in container.format.name and stream.frames > scan.packets:
        raise InvalidMedia(uri, f"it is truncated: it has {scan.packets} of {stream.frames} frames", _COPY_AGAIN)
    # The tolerance covers rounding by muxers and a last packet without a duration.
    # Matroska counts from 0, not from its first frame.
    if declared - (scan.end + origin) > 0.5:
        raise InvalidMedia(uri, f"it is truncated: it has {scan.end:.2f} s of {declared:.2f} s", _COPY_AGAIN)
    if max_seconds is not None and scan.end > max_seconds:
        raise _too_long(uri, scan.end, max_seconds)

    audio = next(iter(container.streams.audio), None)
    return VideoInfo(
        path=path,
        uri=uri,
        container=container.format.name,
        video_codec=stream.codec_context.name,
        audio_codec=audio.codec_context.name if audio else None,
        width=stream.width,
        height=stream.height,
        rotation=0,
        frame_rate=float(stream.average_rate or stream.guessed_rate or 0),
        duration=scan.end,
        origin=origin,
    )


@dataclass(frozen=True)
class _Scan:
    packets: int
    end: float
    corrupt_at: float | None


def _scan(container: Any, stream: Any, origin: Fraction) -> _Scan:
    packets, end, corrupt_at = 0, 0.0, None
    streams = [stream, *container.streams.audio]
    typical = 1 / stream.average_rate if stream.average_rate else Fraction(0)
    for packet in container.demux(streams):
        stamp = packet.dts if packet.pts is None else packet.pts
        if stamp is None:
            continue
        duration = packet.duration * packet.time_base if packet.duration else typical * (packet.stream is stream)
        end = max(end, float(stamp * packet.time_base + duration - origin))
        packets += packet.stream is stream
        if packet.is_corrupt and corrupt_at is None:
            corrupt_at = float(stamp * packet.time_base - origin)
    return _Scan(packets, end, corrupt_at)


def _with_displayed_size(info: VideoInfo) -> VideoInfo:
    """Return ``info`` with the size and rotation of a decoded frame, the only reliable source of both."""
    import av

    try:
        with open_media(info.path) as container:
            frame = next(container.decode(video_stream(container)), None)
    except av.error.FFmpegError as error:
        raise InvalidMedia(info.uri, f"its first frame cannot be decoded: {error.strerror}", _COPY_AGAIN) from error
    if frame is None:
        raise InvalidMedia(info.uri, "none of its frames can be decoded", _COPY_AGAIN)
    rotation = -frame.rotation % 360
    width, height = (frame.height, frame.width) if rotation in (90, 270) else (frame.width, frame.height)
    return replace(info, width=width, height=height, rotation=rotation)


def _too_long(uri: str, seconds: float, limit: float) -> InvalidMedia:
    return InvalidMedia(
        uri, f"it lasts {seconds:.0f} s, the limit is {limit:.0f} s", "Cut it, or raise MAX_VIDEO_SECONDS"
    )
