"""What is compared with the reference: sightline's reading and copy of a file, or FFmpeg's own copy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sightline import media
from tests.sightline.media.conformance.generate import run
from tests.sightline.media.conformance.reference import GAPS_FILLED, MONO_RATE, NotDecoded, decode
from tests.videos import read_sound


@dataclass(frozen=True)
class Subject:
    """A video as a program reads it. Fields as in ``Reference``.

    ``rgb``: the first, the middle and the last frame by their index; ``copy``: the video that the program wrote.
    """

    width: int
    height: int
    duration: float
    times: NDArray[np.float64]
    rgb: dict[int, NDArray[np.uint8]]
    mono: NDArray[np.float64]
    copy: Path


_EVERY_FRAME = 1e6
"""A sampling rate in frames a second that omits no frame, also if times are a tick apart."""

Reader = Callable[[Path], Subject]


class Crashed(Exception):
    """The process that read the file ended."""


class Isolated:
    """A reader in a process of its own, which a fault in native code ends instead of the tests."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._pool: ProcessPoolExecutor | None = None

    def __call__(self, path: Path) -> Subject:
        """Read the file. Raises :class:`Crashed`, or what the reader raises."""
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
        try:
            return self._pool.submit(self._reader, path).result(timeout=120)
        except BrokenProcessPool as error:
            self.close()
            raise Crashed(f"the process that read {path.name} ended") from error

    def close(self) -> None:
        """End the process."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None


def sightline(path: Path) -> Subject:
    """Read and annotate the file with sightline."""
    info = media.probe(path)
    frames = list(media.sample_frames(info, _EVERY_FRAME, []))
    copy = path.with_name("annotated.mp4")
    media.annotate(info, media.Overlay(duration=info.duration), copy)
    return Subject(
        width=info.width,
        height=info.height,
        duration=info.duration,
        times=np.array([frame.time for frame in frames]),
        rgb=_some([frame.rgb for frame in frames]),
        mono=np.asarray(read_sound(info, MONO_RATE), np.float64),
        copy=copy,
    )


def ffmpeg(path: Path) -> Subject:
    """Copy the file with FFmpeg, with square pixels, and read the copy: what agrees is measured correctly."""
    return transcoded(path, [])


def transcoded(path: Path, options: list[str], filters: str = "null", before: tuple[str, ...] = ()) -> Subject:
    """Copy the file with FFmpeg and ``options``. Raises :class:`NotDecoded`.

    ``filters``: of the picture, before its pixels are made square; ``before``: options of the input.
    """
    copy = path.with_name("copy.mov")
    square = f"{filters},scale='trunc(iw*if(sar,sar,1)/2+.5)*2':'trunc(ih/2+.5)*2':eval=init:flags=bicubic,setsar=1"
    command = ["ffmpeg", "-hide_banner", "-v", "error", "-y", *before, "-i", str(path), "-vf", square]
    command += ["-fps_mode", "passthrough", "-enc_time_base:v", "1:90000", "-pix_fmt", "yuv420p", "-c:v", "libx264"]
    command += ["-preset", "veryfast", "-crf", "10", "-bf", "0", "-sn", "-dn"]
    # FFmpeg's AAC encoder changes some channels by 4 dB.
    command += ["-c:a", "pcm_s16le", "-ar", "48000", "-af", GAPS_FILLED]
    result = run([*command, *options, "-video_track_timescale", "90000", str(copy)])
    if result.returncode:
        raise NotDecoded(f"{path.name}: {result.stderr.decode(errors='replace')[-500:]}")
    read = decode(copy)
    end, times = read.duration + read.origin, read.times + read.origin
    return Subject(read.width, read.height, end, times, _some(list(read.rgb)), read.mono, copy)


def _some(images: Sequence[NDArray[np.uint8]]) -> dict[int, NDArray[np.uint8]]:
    count = len(images)
    return {index: images[index] for index in {0, count // 2, count - 1} if 0 <= index < count}
