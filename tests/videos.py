"""Small videos for tests, written by PyAV: the containers, codecs and peculiarities of real cameras."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from sightline.media import Overlay, VideoInfo, annotate, sound_blocks

FORMATS = {
    "clip.MP4": ("libx264", "aac"),
    "clip.mov": ("libx264", "aac"),
    "clip.avi": ("libx264", "mp3"),
    "old.avi": ("mpeg4", "mp3"),
    "clip.mkv": ("libx264", "aac"),
    "clip.webm": ("libvpx", "libopus"),
    "vp9.webm": ("libvpx-vp9", None),
    "clip.flv": ("flv", "mp3"),
    "h264.flv": ("libx264", "aac"),
}
"""Video and audio codec by file name."""


def read_sound(info: VideoInfo, rate: int = 16_000) -> np.ndarray:
    """Return the whole sound of a short video as mono samples, shape = (n,)."""
    return np.concatenate([np.zeros(0, np.float32), *sound_blocks(info, rate)])


def make_frame(index: int, size: tuple[int, int]) -> np.ndarray:
    """Return a frame whose brightness encodes its index, and whose red top left corner shows its orientation."""
    width, height = size
    image = np.full((height, width, 3), 40 + index * 5 % 60, np.uint8)
    image[: height // 3, : width // 3] = (220, 20, 20)
    return image


def make_video(
    path: Path,
    *,
    frames: int | Sequence[np.ndarray] = 30,
    size: tuple[int, int] = (96, 64),
    rate: Fraction | int = 30,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    sound: str | None = None,
    samples: np.ndarray | None = None,
    ticks: Sequence[int] | None = None,
    clock: Fraction | None = None,
    rotation: int = 0,
    options: dict[str, str] | None = None,
) -> Path:
    """Write a video. ``ticks``: presentation times in units of ``clock`` seconds; ``samples``: mono sound at 48 kHz."""
    images = [make_frame(index, size) for index in range(frames)] if isinstance(frames, int) else frames
    height, width = images[0].shape[:2]
    clock = clock or 1 / Fraction(rate)
    with av.open(str(path), "w", options=options or {}) as target:
        video = target.add_stream(codec, rate=rate, options={"crf": "10"} if codec == "libx264" else {})
        video.width, video.height, video.pix_fmt = width, height, pixels
        if codec in ("libvpx", "libvpx-vp9", "mpeg4", "flv"):
            video.bit_rate = 2_000_000
        video.codec_context.time_base = clock
        if rotation:
            video.set_display_rotation(rotation)
        audio = target.add_stream(sound, rate=48_000, layout="mono") if sound else None
        for index, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = (ticks[index] if ticks is not None else index), clock
            target.mux(video.encode(frame))
        target.mux(video.encode(None))
        if audio is not None:
            if samples is None:
                samples = np.zeros(int(48_000 * len(images) / rate), np.float32)
            resampler = av.AudioResampler(
                format=audio.codec_context.format.name, layout="mono", rate=48_000, frame_size=audio.frame_size or 1024
            )
            block = av.AudioFrame.from_ndarray(samples[None].astype(np.float32), format="fltp", layout="mono")
            block.sample_rate, block.pts, block.time_base = 48_000, 0, Fraction(1, 48_000)
            for part in [*resampler.resample(block), *resampler.resample(None)]:
                target.mux(audio.encode(part))
            target.mux(audio.encode(None))
    return path


def damage(path: Path) -> Path:
    """Overwrite bytes in the middle of a video; its size and index do not change."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 600] = b"\xff" * 600
    path.write_bytes(data)
    return path


def annotated_copy(info: VideoInfo, folder: Path) -> Path:
    """Write the annotated copy of a video, without labels, to ``annotated.mp4`` in the folder."""
    annotate(info, Overlay(duration=info.duration), folder / "annotated.mp4")
    return folder / "annotated.mp4"
