"""The annotated copy of a video: H.264 in MP4 with the original sound and frame times."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from sightline.media.banner import Banner
from sightline.media.frames import decode
from sightline.media.geometry import Upright
from sightline.media.overlay import Overlay
from sightline.media.planes import copy_planes, even
from sightline.media.probe import VideoInfo
from sightline.media.soundtrack import Soundtrack
from sightline.progress import Progress

ENCODER = {"preset": "veryfast", "crf": "21"}
"""Options of libx264: about as fast as decoding, without visible loss."""

_SHORTEST_TICK = Fraction(1, 1_000_000)
"""Seconds. MP4 stores the number of ticks in a second in 32 bits, and a finer time base has no use."""


def annotate(info: VideoInfo, overlay: Overlay, output: Path, progress: Progress | None = None) -> None:
    """Write the video with the overlay drawn into its frames to ``output``, an ``.mp4``.

    Frames are decoded, drawn on and encoded in one pass. Raises :class:`InvalidMedia` if more than the accepted share
    of the video cannot be decoded.
    """
    import av

    width, height = even(info.width), even(info.height)
    banner, upright = Banner(width, height), Upright(info.size, info.pixel_aspect)
    # FFmpeg takes the text before the colon of a relative path for a protocol.
    with av.open(str(output.absolute()), "w", format="mp4", options={"movflags": "+faststart"}) as target:
        encoder: Any = None
        last = -1
        with Soundtrack(info) as soundtrack:
            for _, time, frame in decode(info):
                shown = upright(frame)
                if encoder is None:
                    encoder = _add_encoder(target, shown, width, height, info)
                    soundtrack.add_to(target)
                annotated = av.VideoFrame(width, height, "yuv420p")
                overlay.draw(copy_planes(shown, annotated), time, banner)
                annotated.time_base = encoder.time_base
                annotated.pts = last = max(round(time / encoder.time_base), last + 1)
                annotated.duration = round(frame.duration * frame.time_base / encoder.time_base)
                target.mux(encoder.encode(annotated))
                soundtrack.write(target, until=time)
                if progress:
                    progress(info.share(time))
            target.mux(encoder.encode(None))
            soundtrack.write(target)


def _add_encoder(target: Any, frame: Any, width: int, height: int, info: VideoInfo) -> Any:
    rate = Fraction(info.frame_rate or 25).limit_denominator(1001)
    stream = target.add_stream("libx264", rate=rate, options=ENCODER)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    # The source's time base: the encoder's default, one tick a frame, would lose a variable frame rate.
    ticks = frame.time_base if frame.time_base >= _SHORTEST_TICK else _SHORTEST_TICK
    stream.codec_context.time_base = stream.time_base = ticks
    for name in ("color_range", "color_primaries", "color_trc", "colorspace"):
        setattr(stream.codec_context, name, getattr(frame, name))
    return stream
