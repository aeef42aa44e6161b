"""Opening a media file: its video stream, its packets and their times."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

MediaFile: TypeAlias = Any
"""A PyAV input container."""

# Names of FFmpeg's demuxers. Others are rejected when a file is opened: a playlist with the name clip.mp4 could
# otherwise make FFmpeg read any file or address that it names.
_DEMUXERS = "mov,mp4,m4a,3gp,3g2,mj2,avi,matroska,webm,flv"


def open_media(path: Path) -> MediaFile:
    """Open a media file with PyAV, restricted to the containers that sightline supports."""
    import av

    options = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "file"}
    # FFmpeg takes the text before the colon of a relative path for a protocol. Titles are in any encoding.
    return av.open(str(path.absolute()), options=options, metadata_errors="replace")


def read_packets(container: MediaFile, *streams: Any) -> Iterator[Any]:
    """Yield the packets of the streams, and at the end one without content for each. Other streams are not read.

    Raises ``av.error.FFmpegError`` if the container cannot be read.
    """
    import av

    for stream in container.streams:
        if stream not in streams:
            stream.discard = av.stream.Discard.all
    try:
        yield from container.demux(list(streams))
    except IndexError:
        return  # PyAV 18 cannot end the reading of a file whose damage looks like the start of another stream


def presentation_time(item: Any) -> Fraction | None:
    """Return the time of a PyAV packet or frame in seconds: its presentation time, otherwise its decoding time."""
    return decoding_time(item) if item.pts is None else Fraction(item.pts * item.time_base)


def decoding_time(item: Any) -> Fraction | None:
    """Return the decoding time of a PyAV packet or frame in seconds; None if it has none."""
    return None if item.dts is None else Fraction(item.dts * item.time_base)


def video_stream(container: MediaFile) -> Any | None:
    """Return the first video stream that is not a cover image; None if there is none."""
    import av

    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:
            return stream
    return None
