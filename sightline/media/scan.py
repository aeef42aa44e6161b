"""One pass over the packets of a video, before work starts: its end, its damage, and the decoded sound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from sightline.media.container import (
    MediaFile,
    decoding_time,
    open_media,
    presentation_time,
    read_packets,
    video_stream,
)
from sightline.media.damage import StreamReport, decode_packets
from sightline.media.holes import HoleDetector
from sightline.media.leaps import LeapFilter, without_leaps
from sightline.media.tracks import AudioTrack

_PRIMING = Fraction(1, 8)
"""Seconds. The delay of audio encoders, which MP4 hides with an edit list, is shorter."""

_OVERLAP = Fraction(1, 20)
"""Seconds. Timestamps of sound are rounded: an earlier one is an error from there on."""


class Scan:
    """The result of the pass. Times in seconds since ``origin``, the container's first presentation time.

    ``packets``: the number of packets of the picture. ``end``: that of the last shown frame or sound. ``sound`` and
    ``picture``: their damage; that of the picture only if the container lost it. ``is_cut``: whether an edit list hides
    more of the sound than the encoder's delay.
    """

    def __init__(self, path: Path, track: AudioTrack | None, origin: Fraction) -> None:
        self.packets = 0
        self.end = 0.0
        self.sound, self.picture = StreamReport(), StreamReport()
        self.is_cut = False
        self._origin = origin
        self._is_broken = self._is_avi = False
        self._holes = HoleDetector()
        self._typical = Fraction(0)
        self._leaping_picture = self._leaping_sound = 0
        self._first: Fraction | None = None
        self._last = self._picture_end = self._hidden = self._heard = self._overlap = Fraction(0)
        with open_media(path) as container:
            if "mov" not in container.format.name:
                self._read(container, video_stream(container), track)
                missing = (container.duration or 0) / 1_000_000 - float(self._last)
                self._add_lost(self.picture, self._holes.holes(container.size, missing))
                return
            self._read(container, video_stream(container), None)
        # The index of MP4 and MOV names the position of every packet. One entry that is wrong ends the reading of all
        # streams, so each is read alone.
        with open_media(path) as container:
            if track:
                self._read(container, None, track)

    def _read(self, container: MediaFile, stream: Any | None, track: AudioTrack | None) -> None:
        """Read the packets of the picture, of the sound, or of both with all other streams."""
        audio = container.streams.audio[track.number] if track else None
        self._stream, self._audio = stream, audio
        self._is_avi = container.format.name == "avi"
        self._declared_end, self._sound_end = _declared_end(container, stream), _declared_end(container, audio)
        self._typical = 1 / stream.average_rate if stream and stream.average_rate else self._typical
        self._leaps: LeapFilter[tuple[Any, int]] = LeapFilter(self._typical)
        read: Counter[int] = Counter()
        streams = list(container.streams) if stream and audio else [stream or audio]
        packets = self._sound_packets(read_packets(container, *streams), read)
        for frame, leaps in without_leaps(decode_packets(packets, self._skip), presentation_time):
            self._add_sound(frame, leaps=leaps)
        for last, leaps in self._leaps.end():
            self._add_picture(*last, leaps=leaps)
        for each, end, report in ((stream, self._declared_end, self.picture), (audio, self._sound_end, self.sound)):
            if each is not None and end is not None and read[each.index] < len(each.index_entries):
                last_time = self._picture_end if each is stream else self._heard
                self._add_lost(report, [(float(last_time - self._origin), float(end - self._origin))])

    def _add_lost(self, report: StreamReport, parts: Iterable[tuple[float, float]]) -> None:
        for start, stop in parts:
            report.add("picture" if report is self.picture else "sound", start, stop)
            self.end = max(self.end, stop)

    @property
    def picture_end(self) -> float:
        """The end of the picture's last packet."""
        return float(self._picture_end - self._origin)

    @property
    def is_irregular(self) -> bool:
        """Whether times of the sound leap or go back, so that its packets cannot be copied."""
        return bool(self._leaping_sound or self._overlap)

    def add_delay(self, first_time: Fraction) -> None:
        """Extend the end by the delay of the decoder, which shows the first frame at ``first_time``."""
        if self._first is not None:
            self._picture_end += max(Fraction(0), first_time - self._first)
            self._extend(self._picture_end)

    def warnings(self) -> Iterator[str]:
        """Yield a sentence for each finding beside the damage."""
        if self._is_broken:
            yield f"the file cannot be read beyond {self.end:.2f} s"
        if self._leaping_picture:
            yield f"{self._leaping_picture} frames have a time far from that of the frames around them"
        if self._leaping_sound:
            yield f"{self._leaping_sound} parts of the sound have a time far from that of the parts around them"
        if self._overlap:
            yield f"the times of the sound go back; {float(self._overlap):.2f} s that overlap others were left out"

    def _sound_packets(self, packets: Iterator[Any], read: Counter[int]) -> Iterator[Any]:
        """Add the packets of the picture, yield those of the sound, and count those of every stream."""
        for packet in packets:
            read[packet.stream_index] += packet.size > 0
            if packet.size and (time := self._time(packet)) is not None:
                self._last = max(self._last, time + (packet.duration or 0) * packet.time_base)
            hole = self._holes.place(packet.pos, packet.size, is_picture=packet.stream is self._stream)
            if packet.stream is self._audio:
                if packet.is_discard:
                    self._hidden += packet.duration * packet.time_base
                    self.is_cut = self.is_cut or self._hidden > _PRIMING
                yield packet
            elif packet.stream is self._stream and packet.size and not packet.is_discard:
                self.packets += 1
                # Unlike presentation times of B-frames, decoding times are in order.
                time = presentation_time(packet) if packet.dts is None else decoding_time(packet)
                for before, leaps in self._leaps.push((packet, hole), time):
                    self._add_picture(*before, leaps=leaps)

    def _time(self, packet: Any) -> Fraction | None:
        # AVI has no presentation times; those of its demuxer are guesses.
        return decoding_time(packet) if self._is_avi else presentation_time(packet)

    def _add_picture(self, packet: Any, hole: int, *, leaps: bool) -> None:
        self._leaping_picture += leaps
        time = self._time(packet)
        if time is None or leaps:
            return
        duration = packet.duration * packet.time_base if packet.duration else self._typical
        if self._declared_end is not None:
            # The duration in the index is that to the next packet, not to the next frame that is shown.
            duration = min(duration, max(self._declared_end - time, self._typical))
        self._first = time if self._first is None else self._first
        self._picture_end = max(self._picture_end, time + duration)
        self._holes.add(hole, float(time - self._origin), float(duration))
        self._extend(time + duration)

    def _add_sound(self, frame: Any, *, leaps: bool) -> None:
        self._leaping_sound += leaps
        time = presentation_time(frame)
        if time is None or leaps:
            return
        end = time + Fraction(frame.samples, frame.sample_rate)
        if end < self._heard - _OVERLAP:
            self._overlap += end - time
        self._heard = max(self._heard, end)
        self._extend(min(end, self._sound_end) if self._sound_end else end)

    def _extend(self, end: Fraction) -> None:
        self.end = max(self.end, float(end - self._origin))

    def _skip(self, packet: Any | None) -> None:
        """Add the part of a packet of the sound that cannot be decoded; None if the container cannot be read."""
        if packet is None:
            self._is_broken = True
        elif not packet.is_discard and (time := presentation_time(packet)) is not None:
            start = time - self._origin
            self.sound.add("sound", float(start), float(start + (packet.duration or 0) * packet.time_base))


def _declared_end(container: MediaFile, stream: Any | None) -> Fraction | None:
    """Return the time of the stream's end that MP4 and MOV declare: the last packet may last longer than is shown."""
    if stream is None or "mov" not in container.format.name or not stream.duration:
        return None
    return Fraction(((stream.start_time or 0) + stream.duration) * stream.time_base)
