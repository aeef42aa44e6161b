"""The choice of a video's sound track."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sightline.errors import InvalidMedia
from sightline.media.container import MediaFile, open_media, read_packets
from sightline.media.damage import decode_packets
from sightline.media.layouts import samples_of

AUDIBLE = 2.0**-11
"""The lowest peak of audible sound, of full scale: 16 steps of 16-bit sound, -66 dB.

It is above the noise of encoded silence, and below any intelligible speech.
"""

_COPIED = frozenset({"aac", "ac3", "alac", "eac3", "mp3", "mp3float"})
"""Codecs that players expect in MP4; their packets are copied unchanged. Other sound is encoded as AAC."""

_NEED_HEADER = frozenset({"aac", "alac"})
"""Codecs whose decoder configuration MP4 stores apart from the packets."""

_LOWEST_MP3_RATE = 16_000
"""Samples a second. MP4 does not hold MP3 with a lower rate."""


@dataclass(frozen=True)
class AudioTrack:
    """A sound track. ``number`` counts the sound tracks from 0, as FFmpeg's stream specifier ``a:0``."""

    number: int
    codec: str
    is_copied: bool
    """Whether MP4 can hold its packets unchanged; otherwise the sound is encoded as AAC."""

    def encoded(self) -> AudioTrack:
        """Return the track, to be encoded."""
        return replace(self, is_copied=False)


def choose_track(
    container: MediaFile, path: Path, uri: str, number: int | None
) -> tuple[AudioTrack | None, tuple[str, ...]]:
    """Return the track that is used, and remarks about the choice as sentences.

    That is the first track that is marked as default; without such marks, or if every track has one, the first that
    contains sound. If all marked tracks are silent, the first track with sound is used. ``number`` is a person's
    choice. Raises :class:`InvalidMedia` if there is no track of that number, or if it cannot be decoded.
    """
    streams = list(container.streams.audio)
    if number is not None and not 0 <= number < len(streams):
        raise InvalidMedia(
            uri,
            f"it has no sound track {number}",
            f"Choose one of 0 to {len(streams) - 1}" if streams else "It has no sound",
        )
    usable = [index for index, stream in enumerate(streams) if stream.codec_context is not None]
    lost = tuple(
        f"sound track {index} has an unknown codec and was not used"
        for index in range(len(streams))
        if index not in usable
    )
    if number is not None and number not in usable:
        raise InvalidMedia(uri, f"the codec of its sound track {number} is unknown", "Choose another track")
    if not usable:
        return None, lost
    chosen = _preferred(path, streams, usable) if number is None else number
    others = [index for index in usable if index != chosen]
    remarks = (f"sound track {chosen} is used; not used: {_listed(others)}. --audio-track chooses",) if others else ()
    stream = streams[chosen]
    return AudioTrack(chosen, stream.codec_context.name, _is_copyable(stream)), remarks + lost


def _is_copyable(stream: Any) -> bool:
    """Return whether MP4 can hold the packets of the sound stream unchanged."""
    codec = stream.codec_context
    if codec.name not in _COPIED or (codec.name in _NEED_HEADER and not codec.extradata):
        return False
    return not codec.name.startswith("mp3") or stream.rate >= _LOWEST_MP3_RATE


def _preferred(path: Path, streams: list[Any], usable: list[int]) -> int:
    import av

    if len(usable) == 1:
        return usable[0]
    marked = [index for index in usable if streams[index].disposition & av.stream.Disposition.default]
    rest = [index for index in usable if index not in marked]
    audible = (index for index in [*marked, *rest] if _is_audible(path, index))
    return next(audible, [*marked, *rest][0])


def _is_audible(path: Path, number: int) -> bool:
    """Return whether the track contains sound; reads only up to the first sound."""
    with open_media(path) as container:
        packets = read_packets(container, container.streams.audio[number])
        return any(_peak(frame) >= AUDIBLE for frame in decode_packets(packets, lambda _: None))


def _peak(frame: Any) -> float:
    """Return the highest absolute value of the frame's samples, as a share of full scale."""
    return float(np.abs(samples_of(frame)).max(initial=0))


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))
