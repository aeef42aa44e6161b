"""A clip of a person who moves and of somebody who speaks, made from what packages carry."""

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
    """Write an MP4 of ``size`` (width, height): scikit-image's photo of an astronaut, swaying and nearing.

    ``speech``: a sound file that is spoken over it, again and again until ``seconds`` are full; None for silence.
    """
    import av
    from skimage import data

    photo = np.ascontiguousarray(data.astronaut())
    with av.open(str(output), "w") as target:
        picture = target.add_stream("libx264", rate=rate, options={"preset": "veryfast", "crf": "20"})
        picture.width, picture.height, picture.pix_fmt = *size, "yuv420p"
        sound = target.add_stream("aac", rate=16_000, layout="mono") if speech else None
        for index in range(round(seconds * rate)):
            frame = av.VideoFrame.from_ndarray(_scene(photo, size, index / rate), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, rate)
            target.mux(picture.encode(frame))
        target.mux(picture.encode(None))
        if speech is not None:
            _speak(target, sound, speech, seconds)
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


def _speak(target: Any, sound: Any, speech: Path, seconds: float) -> None:
    import av

    with av.open(str(speech)) as source:
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=sound.rate)
        blocks = [block.to_ndarray()[0] for frame in source.decode(audio=0) for block in resampler.resample(frame)]
        blocks += [block.to_ndarray()[0] for block in resampler.resample(None)]
    samples = np.resize(np.concatenate(blocks), round(seconds * sound.rate))
    for start in range(0, len(samples), 1024):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + 1024], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = sound.rate, start, Fraction(1, sound.rate)
        target.mux(sound.encode(frame))
    target.mux(sound.encode(None))
