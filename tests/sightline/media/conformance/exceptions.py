"""The known differences between sightline and FFmpeg. Each is checked: one that no longer differs fails its test."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from tests.sightline.media.conformance.case import Case


@dataclass(frozen=True)
class Difference:
    """``pattern``: of the ids of the cases, as in file names; ``check``: one of ``compare.CHECKS``."""

    pattern: str
    check: str
    reason: str


_TRUEHD = "FFmpeg 8, which PyAV contains, cannot decode TrueHD of more than two channels by FFmpeg 5.1"
_MSVIDEO1 = "FFmpeg 8 and 5.1 expand its five bits a colour to eight in different ways, which the flat white part shows"
_OPUS = "all times are 3 to 7 ms earlier: FFmpeg 8 begins Opus sound in WebM and Matroska later, and time 0 with it"

EXCEPTIONS: tuple[Difference, ...] = (
    Difference("*-truehd-5.*", "accepted", _TRUEHD),
    Difference("avi-msvideo1-pcm_f32le-3.0-88200-sar_in_container-decreasing", "picture", _MSVIDEO1),
    Difference("mkv-msvideo1-wavpack-5.1-37800-sar15_8-audio_early", "picture", _MSVIDEO1),
    Difference("webm-vp8_altref-opus-5.1-8000-portrait-decreasing", "times", _OPUS),
    Difference("webm_live-vp9-opus-quad-12000-growing", "times", _OPUS),
    Difference("webm-av1-opus-7.1-24000-sar_conflict-fps120", "times", _OPUS),
    Difference("mkv_live-gif-opus-5.1-24000-sar8_9-fps1", "times", _OPUS),
    Difference(
        "mp4-xvid_packed-mp2-stereo-16000-sar8_9_hflip-edit_end", "duration",
        "the end is that of the edit list; FFmpeg 5.1 shows two frames of the packed bitstream after it",
    ),
    Difference(
        "mov-v210-speex-stereo-32000-rot45-ntsc", "picture",
        "the filter of FFmpeg 5.1 that turns by 45 degrees writes wrong pixels in pictures of more than 8 bits",
    ),
)  # fmt: skip


def excepting(case: Case) -> list[Difference]:
    """Return the exceptions for ``case``."""
    return [known for known in EXCEPTIONS if fnmatchcase(case.id, known.pattern)]
