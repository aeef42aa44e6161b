"""The properties of a video file, its sound track, and the detection of incomplete files."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any

from sightline.errors import InvalidMedia
from sightline.media.completeness import missing_part
from sightline.media.container import MediaFile, decoding_time, open_media, read_packets, video_stream
from sightline.media.damage import MAX_DAMAGE_SHARE, Damage, StreamReport, check_damage, decode_packets
from sightline.media.geometry import Size, upright_size
from sightline.media.scan import Scan
from sightline.media.tracks import AudioTrack, choose_track

EXTENSIONS = frozenset({".mp4", ".mov", ".avi", ".mkv", ".webm", ".flv"})

_KINDS = "MP4, MOV, AVI, MKV, WebM or FLV"
_COPY_AGAIN = "Copy the file again from its source"
_WAIT = "If it is still being written, process it when it is complete; otherwise copy it again from its source"


@dataclass(frozen=True)
class VideoInfo:
    """A readable video. Times are seconds since ``origin``, the container's first presentation time."""

    path: Path
    uri: str
    container: str
    video_codec: str
    width: int
    """Pixels, as displayed: upright, with square pixels."""
    height: int
    pixel_aspect: Fraction | None
    """The width of a stored pixel over its height; None if unknown."""
    frame_rate: float
    """Frames a second on average; 0 if unknown."""
    duration: float
    """Seconds from ``origin`` to the end of the last shown frame or sound."""
    picture_end: float
    """Seconds from ``origin`` to the end of the last packet of the picture."""
    origin: Fraction
    audio: AudioTrack | None
    """The sound track that is used; None if there is none."""
    audio_tracks: int
    """The number of sound tracks."""
    audio_damage: tuple[Damage, ...]
    picture_damage: tuple[Damage, ...]
    """The parts of the picture that the container lost; others are found by decoding."""
    max_damage_share: float
    """The accepted share of the duration that cannot be decoded."""
    warnings: tuple[str, ...]
    """What a person should know about the file, as sentences."""

    @property
    def audio_codec(self) -> str | None:
        """The decoder of the sound track that is used; None if there is none."""
        return self.audio.codec if self.audio else None

    @property
    def size(self) -> Size:
        """The size as displayed."""
        return Size(self.width, self.height)

    def share(self, time: float) -> float:
        """Return ``time`` as a share of the duration, from 0 to 1."""
        return min(1.0, time / self.duration) if self.duration else 1.0

    def check_damage(self, report: StreamReport) -> None:
        """Raise :class:`InvalidMedia` if the damage is above the accepted share."""
        check_damage(self.uri, report, self.duration, self.max_damage_share)


def probe(
    path: Path,
    *,
    uri: str | None = None,
    max_seconds: float | None = None,
    audio_track: int | None = None,
    max_damage_share: float = MAX_DAMAGE_SHARE,
) -> VideoInfo:
    """Read a video's properties and the header of every packet, and decode its sound track, before work starts.

    ``audio_track`` is the number of the sound track, from 0; by default the one that a player would choose, see
    :func:`~sightline.media.tracks.choose_track`. Error messages name the file by ``uri``. Raises
    :class:`InvalidMedia`.
    """
    import av

    uri = uri or str(path)
    check_extension(uri)
    if not path.is_file():
        raise InvalidMedia(uri, "there is no such file", "Check the path")
    if path.stat().st_size == 0:
        raise InvalidMedia(uri, "the file is empty (0 bytes)", _COPY_AGAIN)
    if missing := missing_part(path):
        raise InvalidMedia(uri, f"it is incomplete: {missing}", _WAIT)
    try:
        container = open_media(path)
    except av.error.FFmpegError as error:
        raise InvalidMedia(uri, "it is not a readable video", f"Provide an {_KINDS} file") from error
    with container:
        _check_declared_duration(container, uri, max_seconds)
        track, remarks = choose_track(container, path, uri, audio_track)
        return _describe(container, path, uri, max_seconds, track, remarks, max_damage_share)


def check_extension(uri: str) -> None:
    """Raise :class:`InvalidMedia` if ``uri`` is not the name of a video; the file need not exist."""
    suffix = PurePosixPath(uri).suffix
    if suffix.lower() not in EXTENSIONS:
        raise InvalidMedia(uri, f"its name ends in {suffix or 'no extension'}", f"Provide an {_KINDS} file")


def _check_declared_duration(container: MediaFile, uri: str, max_seconds: float | None) -> None:
    import av

    if video_stream(container) is None:
        raise InvalidMedia(uri, "it has no video stream", "Provide a file with a video stream")
    declared = ((container.duration or 0) - (container.start_time or 0)) / av.time_base
    if max_seconds is not None and declared > max_seconds:
        raise _too_long(uri, declared, max_seconds)


def _describe(
    container: MediaFile,
    path: Path,
    uri: str,
    max_seconds: float | None,
    track: AudioTrack | None,
    remarks: tuple[str, ...],
    max_damage_share: float,
) -> VideoInfo:
    import av

    stream: Any = video_stream(container)
    origin = Fraction(container.start_time or 0, av.time_base)
    aspect = stream.sample_aspect_ratio or None
    # Only a decoded frame has a reliable size and orientation.
    first = next(decode_packets(read_packets(container, stream), lambda _: None), None)
    if first is None:
        raise InvalidMedia(uri, "none of its frames can be decoded", _COPY_AGAIN)
    size = upright_size(first, aspect)
    scan = Scan(path, track, origin)
    if container.format.name == "avi":
        scan.add_delay(decoding_time(first) or Fraction(0))
    if scan.packets == 0:
        raise InvalidMedia(uri, "its video stream has no frames", _COPY_AGAIN)
    if max_seconds is not None and scan.end > max_seconds:
        raise _too_long(uri, scan.end, max_seconds)
    for report in (scan.sound, scan.picture):
        check_damage(uri, report, scan.end, max_damage_share)
    if track and (scan.is_cut or scan.is_irregular or scan.sound.damage):
        track = track.encoded()
    return VideoInfo(
        path=path,
        uri=uri,
        container=container.format.name,
        video_codec=stream.codec_context.name,
        width=size.width,
        height=size.height,
        pixel_aspect=aspect,
        frame_rate=float(stream.average_rate or stream.guessed_rate or 0),
        duration=scan.end,
        picture_end=scan.picture_end,
        origin=origin,
        audio=track,
        audio_tracks=len(container.streams.audio),
        audio_damage=tuple(scan.sound.damage),
        picture_damage=tuple(scan.picture.damage),
        max_damage_share=max_damage_share,
        warnings=(*remarks, *scan.sound.warnings(), *scan.warnings()),
    )


def _too_long(uri: str, seconds: float, limit: float) -> InvalidMedia:
    return InvalidMedia(
        uri, f"it lasts {seconds:.0f} s, the limit is {limit:.0f} s", "Cut it, or raise MAX_VIDEO_SECONDS"
    )
