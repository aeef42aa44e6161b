from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from sightline.media import VideoInfo, decode, probe
from sightline.media.planes import copy_planes
from tests.videos import make_video


def pictures(info: VideoInfo, *, read: bool) -> list[bytes]:
    """Every decoded frame; with ``read``, each is also read for drawing before the next one is decoded."""
    found = []
    for _, _, frame in decode(info):
        if read:
            copy_planes(frame, info.rotation, av.VideoFrame(info.width, info.height, "yuv420p"))
        found.append(frame.to_ndarray().tobytes())
    return found


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "libx264"), ("a.webm", "libvpx"), ("b.webm", "libvpx-vp9"), ("a.avi", "mpeg4"), ("a.flv", "flv")],
)
def test_copying_planes_does_not_alter_the_decoder_reference_frames(
    name: str, codec: str, tmp_path: Path
) -> None:
    """A decoder's frame is its own: VP8 takes what moves in over the right edge from the bytes beyond it."""
    scene = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8).repeat(12, 0).repeat(12, 1)
    frames = [scene[2 * n : 2 * n + 136, 200 - 3 * n : 400 - 3 * n] for n in range(40)]
    info = probe(make_video(tmp_path / name, frames=frames, codec=codec))
    assert pictures(info, read=True) == pictures(info, read=False)
