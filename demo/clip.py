"""A clip with a moving person and speech, created from a photo in scikit-image and a sound file."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def build_clip(
    output: Path, speech: Path | None, *, seconds: float, size: tuple[int, int] = (960, 540), rate: int = 30
) -> Path:
    """Write an MP4 of ``size`` (width, height): scikit-image's photo of an astronaut, rotating and zooming.

    ``speech`` is a sound file that is repeated until the end of the clip, or None for silence.
    """
    import av
    from skimage import data

    photo = np.ascontiguousarray(data.astronaut())
    with av.open(str(output), "w") as target:
        video = target.add_stream("libx264", rate=rate, options={"preset": "veryfast", "crf": "20"})
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        audio = target.add_stream("aac", rate=16_000, layout="mono") if speech else None
        for index in range(round(seconds * rate)):
            frame = av.VideoFrame.from_ndarray(_scene(photo, size, index / rate), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, rate)
            target.mux(video.encode(frame))
        target.mux(video.encode(None))
        if speech is not None:
            _add_speech(target, audio, speech, seconds)
    return output


def _scene(photo: NDArray[np.uint8], size: tuple[int, int], time: float) -> NDArray[np.uint8]:
    import cv2

    width, height = size
    edge = photo.shape[0]
    turn = 7 * math.sin(2 * math.pi * time / 3.1)
    scale = height / edge * (0.94 + 0.06 * math.sin(2 * math.pi * time / 5.3))
    matrix = cv2.getRotationMatrix2D((edge / 2, edge / 2), turn, scale)
    matrix[0, 2] += width / 2 - edge / 2 + 0.16 * width * math.sin(2 * math.pi * time / 7.7)
    matrix[1, 2] += height / 2 - edge / 2 + 0.03 * height * math.sin(2 * math.pi * time / 2.3)
    scene = np.empty((height, width, 3), np.uint8)
    scene[:] = np.linspace((58, 72, 92), (22, 28, 38), height)[:, None]
    cv2.warpAffine(photo, matrix, size, dst=scene, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT)
    return scene


def _add_speech(target: Any, audio: Any, speech: Path, seconds: float) -> None:
    import av

    with av.open(str(speech)) as source:
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=audio.rate)
        blocks = [block.to_ndarray()[0] for frame in source.decode(audio=0) for block in resampler.resample(frame)]
        blocks += [block.to_ndarray()[0] for block in resampler.resample(None)]
    samples = np.resize(np.concatenate(blocks), round(seconds * audio.rate))
    for start in range(0, len(samples), 1024):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + 1024], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = audio.rate, start, Fraction(1, audio.rate)
        target.mux(audio.encode(frame))
    target.mux(audio.encode(None))


if __name__ == "__main__":
    import argparse

    parser = argparse.ArgumentParser(description="Write a silent clip of a moving person.")
    parser.add_argument("output", type=Path)
    parser.add_argument("--seconds", type=float, default=3)
    options = parser.parse_args()
    build_clip(options.output, None, seconds=options.seconds, size=(480, 360))
