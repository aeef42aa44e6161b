"""What FFmpeg decodes from a file: the reference for every expected value."""

from __future__ import annotations

import itertools
import json
import re
import statistics
import struct
import tempfile
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.sightline.media.conformance.generate import run

MONO_RATE = 16_000
GAPS_FILLED = "aresample=async=1:min_hard_comp=0.02:first_pts=0"
"""FFmpeg's filter that places sound by its timestamps. By default it ignores gaps below 0.1 s."""


class NotDecoded(Exception):
    """FFmpeg cannot decode the file."""


@dataclass(frozen=True)
class Reference:
    """A file as FFmpeg plays it. Times are in seconds from the container's start.

    ``width`` and ``height``: of the autorotated first frame in stored pixels; ``aspect``: width by height as displayed.
    ``origin``: the container's first time. ``frame_seconds``: the usual length of a frame; ``block_seconds``: the
    greatest of a decoded block of sound. ``rgb``: shape (n_frames, height, width, 3). ``mono``: at :data:`MONO_RATE`
    from time 0; ``sound``: shape (n, channels) in -1..1, ``sound_rate`` a second. Both have no samples without sound.
    ``channels``: as stored; ``layout``: of ``sound``.
    """

    width: int
    height: int
    aspect: float
    origin: float
    duration: float
    frame_seconds: float
    block_seconds: float
    times: NDArray[np.float64]
    rgb: NDArray[np.uint8]
    mono: NDArray[np.float64]
    sound: NDArray[np.float64]
    sound_rate: int
    channels: int
    layout: str

    def without_hidden(self) -> Reference:
        """Return the reference without the frames that end before time 0: FFmpeg decodes, but does not write them."""
        shown = self.times > -0.5 * self.frame_seconds
        return replace(self, times=self.times[shown], rgb=self.rgb[shown]) if len(shown) == len(self.rgb) else self


def decode(path: Path, size: tuple[int, int] | None = None, layout: str | None = None) -> Reference:
    """Decode the video and the audio stream that FFmpeg chooses. Raises :class:`NotDecoded`.

    ``size``: width and height to which the pictures are scaled; ``layout``: to which the sound is converted. By default
    both are as stored. The latest answers are kept: a clip is compared with many copies.
    """
    return _decode(path, path.stat().st_mtime_ns, size, layout)


@lru_cache(maxsize=4)
def _decode(path: Path, changed: int, size: tuple[int, int] | None, layout: str | None) -> Reference:
    """Decode a file that was last changed then."""
    report = _probe(path)
    audible = any(stream["codec_type"] == "audio" for stream in report["streams"])
    scale = f",scale={size[0]}:{size[1]}:flags=bicubic" if size else ""
    with tempfile.TemporaryDirectory() as folder:
        rgb, mono, sound = (Path(folder) / name for name in ("rgb", "mono", "sound"))
        command = ["ffmpeg", "-hide_banner", "-y", "-i", str(path)]
        command += ["-an", "-sn", "-dn", "-fps_mode", "passthrough", "-vf", f"showinfo{scale},setsar=1"]
        command += ["-pix_fmt", "rgb24", "-f", "rawvideo", str(rgb)]
        if audible:
            # Integer samples: FFmpeg does not normalise a downmix to floating point.
            command += ["-vn", "-sn", "-dn", "-af", f"{GAPS_FILLED}:osf=s16", "-ac", "1"]
            command += ["-ar", str(MONO_RATE), "-f", "s16le", str(mono)]
            filters = ["-af", f"aresample=osf=s16,aformat=channel_layouts={layout}"] if layout else []
            command += ["-vn", "-sn", "-dn", *filters, "-f", "au", str(sound)]
        result = run(command)
        log = result.stderr.decode(errors="replace")
        shown = re.findall(r"sar:(\d+)/(\d+) s:(\d+)x(\d+)", log)
        if result.returncode or not shown:
            raise NotDecoded(f"{path.name}: {log[-500:]}")
        sar_num, sar_den, width, height = (int(number) for number in shown[0])
        rows, columns = (size[1], size[0]) if size else (height, width)
        pictures = np.fromfile(rgb, np.uint8).reshape(-1, rows, columns, 3)
        sound_rate, samples = _read_sound(sound) if audible else (0, np.zeros((0, 1)))
        layouts = re.findall(r"Audio: pcm_s16be[^,]*, \d+ Hz, ([^,]+), s16", log)
        timeline = _timeline(report, log)
        chosen = re.search(r"Stream #0:(\d+) -> #1:0 ", log)
        return Reference(
            width=width,
            height=height,
            aspect=width / height * (sar_num / sar_den if sar_num and sar_den else 1.0),
            origin=timeline.origin,
            duration=timeline.duration,
            frame_seconds=timeline.frame_seconds,
            block_seconds=timeline.block_seconds,
            times=timeline.times,
            rgb=pictures,
            mono=_samples(mono) if audible else np.zeros(0),
            sound=samples,
            sound_rate=sound_rate,
            channels=next((s["channels"] for s in report["streams"] if chosen and s["index"] == int(chosen[1])), 0),
            layout=layouts[-1] if layouts else "",
        )


def _probe(path: Path) -> dict[str, Any]:
    entries = (
        "stream=index,codec_type,avg_frame_rate,channels,sample_rate:format=start_time:"
        "frame=media_type,stream_index,best_effort_timestamp_time,pkt_duration_time,nb_samples"
    )
    result = run(["ffprobe", "-v", "error", "-show_frames", "-show_entries", entries, "-of", "json", str(path)])
    if result.returncode:
        raise NotDecoded(f"{path.name}: {result.stderr.decode(errors='replace')[-500:]}")
    report: dict[str, Any] = json.loads(result.stdout)
    return report


@dataclass(frozen=True)
class _Timeline:
    origin: float
    times: NDArray[np.float64]
    duration: float
    frame_seconds: float
    block_seconds: float


def _timeline(report: dict[str, Any], log: str) -> _Timeline:
    origin = float(report["format"].get("start_time", 0.0))
    chosen = {int(index) for index in re.findall(r"Stream #0:(\d+) -> #\d+:0 ", log)}
    times: NDArray[np.float64] = np.zeros(0)
    ends, typical, block = [0.0], 0.0, 0.0
    for stream in [stream for stream in report["streams"] if stream["index"] in chosen]:
        frames = [frame for frame in report["frames"] if frame.get("stream_index") == stream["index"]]
        stamped = [(float(frame["best_effort_timestamp_time"]) - origin, frame) for frame in frames
                   if "best_effort_timestamp_time" in frame]  # fmt: skip
        if stream["codec_type"] == "video":
            times = np.array([time for time, _ in stamped])
            rate = _fraction(stream["avg_frame_rate"])
            steps = [after - before for before, after in itertools.pairwise(times) if after > before]
            typical = statistics.median(steps or [1 / rate if rate else 0.0])
            ends += [time + float(frame.get("pkt_duration_time", typical)) for time, frame in stamped]
        else:
            blocks = [int(frame.get("nb_samples", 0)) / float(stream["sample_rate"]) for _, frame in stamped]
            ends += [time + seconds for (time, _), seconds in zip(stamped, blocks, strict=True)]
            block = max(blocks, default=0.0)
    return _Timeline(origin, times, max(ends), typical, block)


def _fraction(text: str) -> float:
    numerator, denominator = text.split("/")
    return int(numerator) / int(denominator) if int(denominator) else 0.0


def _read_sound(path: Path) -> tuple[int, NDArray[np.float64]]:
    """Return the rate and the samples, shape = (n, channels), of a file in Sun's AU format."""
    data = path.read_bytes()
    start, _, _, rate, channels = struct.unpack_from(">5I", data, 4)
    return rate, np.frombuffer(data, ">i2", offset=start).reshape(-1, channels) / 32768


def _samples(path: Path) -> NDArray[np.float64]:
    return np.fromfile(path, "<i2") / 32768
