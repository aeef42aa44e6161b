from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from sightline.media import VideoInfo, decode, probe
from sightline.media.planes import copy_planes
from tests.videos import make_video


def decode_frames(info: VideoInfo, *, copy: bool) -> list[bytes]:
    """Decode all frames; with ``copy``, copy the planes of a frame before the next one is decoded."""
    frames = []
    for _, _, frame in decode(info):
        if copy:
            copy_planes(frame, av.VideoFrame(info.width, info.height, "yuv420p"))
        frames.append(frame.to_ndarray().tobytes())
    return frames


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "libx264"), ("a.webm", "libvpx"), ("b.webm", "libvpx-vp9"), ("a.avi", "mpeg4"), ("a.flv", "flv")],
)
def test_copying_planes_does_not_alter_the_decoder_reference_frames(name: str, codec: str, tmp_path: Path) -> None:
    """Decoders reuse their frames: VP8 predicts motion across the right edge from the bytes beyond it."""
    scene = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8).repeat(12, 0).repeat(12, 1)
    frames = [scene[2 * n : 2 * n + 136, 200 - 3 * n : 400 - 3 * n] for n in range(40)]
    info = probe(make_video(tmp_path / name, frames=frames, codec=codec))
    assert decode_frames(info, copy=True) == decode_frames(info, copy=False)
