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


_COLOUR = "a fault: the colour matrix of RGB and BT.709 pictures is lost when they are scaled or turned"
_TRUEHD = "FFmpeg 8, which PyAV contains, cannot decode TrueHD of more than two channels by FFmpeg 5.1"

EXCEPTIONS: tuple[Difference, ...] = (
    Difference("mkv-dirac-wavpack-7.1-88200-sar8_9-audio_gap", "picture", _COLOUR),
    Difference("mov-cinepak-pcm_alaw-6.1-24000-sar8_9_hflip-audio_long", "picture", _COLOUR),
    Difference("avi-dnxhr-pcm_mulaw-7.1-37800-sar_in_container-ntsc", "picture", _COLOUR),
    Difference("avi-msvideo1-pcm_f32le-3.0-88200-sar_in_container-decreasing", "picture", _COLOUR),
    Difference("mov-gif-pcm_s16be-5.1-8000-sar64_45-default_second", "picture", _COLOUR),
    Difference("mp4_faststart-hevc_10bit-truehd-5.0-44100-transpose-video_gap", "accepted", _TRUEHD),
    Difference(
        "mp4-xvid_packed-mp2-stereo-16000-sar8_9_hflip-edit_end", "duration",
        "the end is that of the edit list; FFmpeg 5.1 shows two frames of the packed bitstream after it",
    ),
    Difference(
        "mov-v210-speex-stereo-32000-rot45-ntsc", "picture",
        "the filter of FFmpeg 5.1 that turns by 45 degrees writes wrong pixels in pictures of more than 8 bits",
    ),
    Difference(
        "webm-vp8_altref-opus-5.1-8000-portrait-decreasing", "times",
        "all times are 7 ms earlier: FFmpeg 8 begins Opus sound in WebM later than FFmpeg 5.1, and time 0 with it",
    ),
)  # fmt: skip


def excepting(case: Case) -> list[Difference]:
    """Return the exceptions for ``case``."""
    return [known for known in EXCEPTIONS if fnmatchcase(case.id, known.pattern)]
