"""The annotated copy: H.264 in MP4 with the original sound and the original frame times."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sightline.media.banner import Banner
from sightline.media.frames import decode
from sightline.media.overlay import Overlay
from sightline.media.planes import even, read_planes
from sightline.media.probe import VideoInfo
from sightline.media.soundtrack import Soundtrack

ENCODER = {"preset": "veryfast", "crf": "21"}
"""Options of libx264: about as fast as decoding, and no difference that an eye finds."""


def annotate(info: VideoInfo, overlay: Overlay, output: Path, progress: Callable[[float], None] | None = None) -> None:
    """Write the video with the overlay burnt in to ``output``, an ``.mp4``; ``progress`` gets the share done, 0..1.

    One pass: each frame is decoded, drawn on and encoded. Raises :class:`InvalidMedia` where the file is damaged.
    """
    import av

    width, height = even(info.width), even(info.height)
    banner = Banner(width, height)
    with av.open(str(output), "w", format="mp4", options={"movflags": "+faststart"}) as target:
        encoder: Any = None
        with Soundtrack(info) as soundtrack:
            for _, time, frame in decode(info):
                if encoder is None:
                    encoder = _encoder(target, frame, width, height, info)
                    soundtrack.join(target)
                picture = av.VideoFrame(width, height, "yuv420p")
                overlay.draw(read_planes(frame, info.rotation, picture), time, banner)
                picture.time_base = frame.time_base
                picture.pts = round(time / frame.time_base)
                picture.duration = frame.duration
                target.mux(encoder.encode(picture))
                soundtrack.carry(target, until=time)
                if progress:
                    progress(info.share(time))
            target.mux(encoder.encode(None))
            soundtrack.carry(target)


def _encoder(target: Any, frame: Any, width: int, height: int, info: VideoInfo) -> Any:
    from fractions import Fraction

    stream = target.add_stream("libx264", rate=Fraction(info.frame_rate or 25).limit_denominator(1001), options=ENCODER)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    # The source's own clock: at the encoder's, one tick a frame, a variable rate would be rounded away.
    stream.codec_context.time_base = stream.time_base = frame.time_base
    for name in ("color_range", "color_primaries", "color_trc", "colorspace"):
        setattr(stream.codec_context, name, getattr(frame, name))
    return stream
