"""The emotional moments of a video, one after another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def cut_highlights(video: Path, moments: Sequence[tuple[float, float]], output: Path) -> None:
    """Join the moments, each (start, end) in seconds, of ``video`` in ``output``, an MP4 with its sound.

    Raises ``ValueError`` where no moment is given.
    """
    from moviepy import VideoFileClip, concatenate_videoclips

    if not moments:
        raise ValueError("there is no moment to cut")
    with VideoFileClip(str(video)) as clip:
        parts = [clip.subclipped(start, min(end, clip.duration)) for start, end in moments if start < clip.duration]
        # moviepy's temporary sound file lies in the working directory unless it is told otherwise.
        concatenate_videoclips(parts).write_videofile(
            str(output), codec="libx264", audio_codec="aac", preset="veryfast", logger=None,
            temp_audiofile_path=str(output.parent), ffmpeg_params=["-movflags", "+faststart", "-pix_fmt", "yuv420p"],
        )  # fmt: skip
