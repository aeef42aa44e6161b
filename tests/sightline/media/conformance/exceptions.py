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


_SMALL_DETAIL = "H.264 in 4:2:0 loses single-pixel colour detail of a picture that its source stores without loss"
_TRUEHD = "FFmpeg 8, which PyAV contains, cannot decode the TrueHD packets that FFmpeg 5.1 writes to MP4"

EXCEPTIONS: tuple[Difference, ...] = (
    Difference("mkv-dirac-wavpack-7.1-88200-sar8_9-audio_gap", "picture", _SMALL_DETAIL),
    Difference("mov-cinepak-pcm_alaw-6.1-24000-sar8_9_hflip-audio_long", "picture", _SMALL_DETAIL),
    Difference("avi-dnxhr-pcm_mulaw-7.1-37800-sar_in_container-ntsc", "picture", _SMALL_DETAIL),
    Difference("avi-msvideo1-pcm_f32le-3.0-88200-sar_in_container-decreasing", "picture", _SMALL_DETAIL),
    Difference("mov-gif-pcm_s16be-5.1-8000-sar64_45-default_second", "picture", _SMALL_DETAIL),
    Difference("mp4_faststart-hevc_10bit-truehd-5.0-44100-transpose-video_gap", "accepted", _TRUEHD),
    Difference(
        "mp4-xvid_packed-mp2-stereo-16000-sar8_9_hflip-edit_end", "duration",
        "the end is that of the edit list; FFmpeg 5.1 shows two frames of the packed bitstream after it",
    ),
    Difference(
        "mov-v210-speex-stereo-32000-rot45-ntsc", "picture",
        "rotation by 45 degrees interpolates between pixels, in another colour format",
    ),
    Difference(
        "webm-vp8_altref-opus-5.1-8000-portrait-decreasing", "times",
        "a frame with an earlier time is moved by one tick; FFmpeg's estimate is the decoding time",
    ),
)  # fmt: skip


def excepting(case: Case) -> list[Difference]:
    """Return the exceptions for ``case``."""
    return [known for known in EXCEPTIONS if fnmatchcase(case.id, known.pattern)]
