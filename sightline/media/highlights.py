"""The emotional moments of a video, joined."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def cut_highlights(video: Path, moments: Sequence[tuple[float, float]], output: Path) -> None:
    """Write the moments of ``video``, as (start, end) in seconds, to ``output``, an MP4 with sound.

    Raises ``ValueError`` if ``moments`` is empty.
    """
    from moviepy import VideoFileClip, concatenate_videoclips

    if not moments:
        raise ValueError("moments must not be empty")
    with VideoFileClip(str(video)) as clip:
        parts = [clip.subclipped(start, min(end, clip.duration)) for start, end in moments if start < clip.duration]
        # By default moviepy writes its temporary sound file to the working directory.
        concatenate_videoclips(parts).write_videofile(
            str(output), codec="libx264", audio_codec="aac", preset="veryfast", logger=None,
            temp_audiofile_path=str(output.parent), ffmpeg_params=["-movflags", "+faststart", "-pix_fmt", "yuv420p"],
        )  # fmt: skip
