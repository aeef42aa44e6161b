"""The sound of a video as samples in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.errors import InvalidMedia
from sightline.media.probe import VideoInfo, open_media


def read_audio(info: VideoInfo, rate: int = 16_000) -> NDArray[np.float32]:
    """Return mono samples in -1..1, shape = (n,), ``rate`` a second; sample 0 is at the video's origin.

    Gaps between the sound's timestamps are filled with silence, so that a sample's index gives its time. A video
    without sound has no samples. Raises :class:`InvalidMedia` if the sound is damaged.
    """
    import av

    if info.audio_codec is None:
        return np.zeros(0, np.float32)
    blocks: list[NDArray[np.float32]] = []
    total = 0
    try:
        with open_media(info.path) as container:
            stream = container.streams.audio[0]
            stream.thread_type = "AUTO"
            resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
            for decoded in container.decode(stream):
                start = _sample_index(info, decoded, rate)
                # Lossy codecs round their timestamps: a difference below 50 ms is not a gap.
                if start is not None and not blocks and start < 0:
                    total = start
                elif start is not None and start - total > rate // 20:
                    blocks.append(np.zeros(start - max(total, 0), np.float32))
                    total = start
                decoded.pts = None
                for block in resampler.resample(decoded):
                    total += _append(blocks, block, total)
            for block in resampler.resample(None):
                total += _append(blocks, block, total)
    except av.error.FFmpegError as error:
        raise InvalidMedia(
            info.uri, f"its sound is damaged after {max(total, 0) / rate:.2f} s: {error.strerror}", "Convert the file"
        ) from error
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


def _sample_index(info: VideoInfo, frame: Any, rate: int) -> int | None:
    return None if frame.pts is None else round((frame.pts * frame.time_base - info.origin) * rate)


def _append(blocks: list[NDArray[np.float32]], block: Any, total: int) -> int:
    samples: NDArray[np.float32] = block.to_ndarray().reshape(-1)
    blocks.append(samples[max(0, -total) :])  # drops samples before the origin
    return len(samples)
