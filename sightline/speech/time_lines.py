"""The time lines of WebVTT and SRT: ``00:00:01.000 --> 00:00:02.500``, and the errors that they and their cues have."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sightline.errors import InvalidTranscript

_TIME = r"(?:([0-9]{1,6}) *: *)?([0-9]{1,2}) *: *([0-9]{1,2}) *[.,] *([0-9]{3})"
_TIME_LINE = re.compile(rf"[ \t\f]*{_TIME}[ \t\f]*-->[ \t\f]*{_TIME}(?![0-9])(.*)", re.DOTALL)
_STRICT_TIME = r"(?:[0-9]+:)?[0-9]{2}:[0-9]{2}[.,][0-9]{3}"
_STRICT_TIME_LINE = re.compile(rf"[ \t\f]*{_STRICT_TIME}[ \t\f]*-->[ \t\f]*{_STRICT_TIME}(?![0-9])")


@dataclass(frozen=True, slots=True)
class Timing:
    """A valid time line: its number in the file, its times in milliseconds, and the rest of the line."""

    line: int
    start: int
    end: int
    settings: str


def parse_time_line(line: str, number: int, *, strict: bool = False) -> Timing | None:
    """Return the times, or None if the line is malformed. A decimal comma is read as a point.

    ``strict``: as in WebVTT, there are no spaces inside a time, and minutes and seconds have two digits.
    """
    match = _TIME_LINE.fullmatch(line)
    values = [int(group or 0) for group in match.groups()[:8]] if match else []
    if not match or max(values[1:3] + values[5:7]) > 59 or (strict and not _STRICT_TIME_LINE.match(line)):
        return None
    start, end = (
        ((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds
        for hours, minutes, seconds, milliseconds in (values[:4], values[4:])
    )
    return Timing(number, start, end, match[9])


def format_time(time: int, mark: str) -> str:
    """Return a time in milliseconds as hours, minutes and seconds with the decimal ``mark``."""
    return f"{time // 3600000:02}:{time // 60000 % 60:02}:{time // 1000 % 60:02}{mark}{time % 1000:03}"


def not_a_time_line(subject: str, line: str, number: int) -> InvalidTranscript:
    """Return the error of a malformed time line."""
    fix = "Write 00:00:01.000 --> 00:00:02.500 (SRT: 00:00:01,000)"
    return invalid(subject, number, f"{line[:80]!r} is not a time line", fix)


def ends_before_start(subject: str, number: int) -> InvalidTranscript:
    """Return the error of a cue with a negative duration."""
    return invalid(subject, number, "the cue ends before it starts", "Correct its times")


def invalid(subject: str, line: int, reason: str, fix: str) -> InvalidTranscript:
    """Return an error that names the line."""
    return InvalidTranscript(subject, f"line {line}: {reason}", fix)
