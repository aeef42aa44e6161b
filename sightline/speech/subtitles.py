"""WebVTT (https://www.w3.org/TR/webvtt1/) and SubRip files. What is not a cue is an error, never dropped.

Readers made to show subtitles are lenient: they pass over a cue that they do not understand, or take its lines for
the text of the cue before.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Sequence

from sightline.errors import InvalidTranscript
from sightline.speech.transcript import Segment

_TIME = r"(?:(\d+):)?(\d\d?):(\d\d)[.,](\d{3})"
_TIMING = re.compile(rf"{_TIME}\s*-->\s*{_TIME}(?:\s.*)?")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<[\d:.]+>|\{\\[^{}]*\}")
_LANGUAGE = re.compile(r"language:\s*(\S+)", re.IGNORECASE)

Block = tuple[int, list[str]]


def read_webvtt(text: str, subject: str) -> tuple[list[Segment], str | None]:
    """The cues and, where the header names it, the language. ``text`` begins with WEBVTT.

    Notes, styles and regions are passed over, as are cues without text; a file without cues is a video in which
    nothing is said. Raises ``InvalidTranscript`` that names ``subject`` and the line.
    """
    blocks = _blocks(text)
    number, header = next(blocks)
    if not re.fullmatch(r"WEBVTT(?:[ \t].*)?", header[0]):
        raise _invalid(subject, number, "the first line is not WEBVTT alone", "Put WEBVTT on a line of its own")
    for index, line in enumerate(header):
        if "-->" in line:
            raise _invalid(subject, number + index, "a cue in the header", "Put an empty line after WEBVTT")
    language = next((match[1] for line in header if (match := _LANGUAGE.match(line))), None)
    cues = (block for block in blocks if not re.match(r"(?:NOTE|STYLE|REGION)(?:\s|$)", block[1][0]))
    return list(_segments(cues, subject, html.unescape)), language


def read_subrip(text: str, subject: str) -> list[Segment]:
    """The cues of an SRT file. Raises ``InvalidTranscript`` that names ``subject`` and the line."""
    return list(_segments(_blocks(text), subject, str))


def _blocks(text: str) -> Iterator[Block]:
    """Runs of lines that are not empty, each with the number of its first line."""
    block: list[str] = []
    # str.splitlines would also split at the separators that text may hold, and miscount.
    for number, line in enumerate([*re.split(r"\r\n|\r|\n", text), ""], start=1):
        if line.strip():
            block.append(line.strip())
        elif block:
            yield number - len(block), block
            block = []


def _segments(blocks: Iterator[Block], subject: str, unescape: Callable[[str], str]) -> Iterator[Segment]:
    previous = 0.0
    for number, lines in blocks:
        at = next((index for index, line in enumerate(lines) if "-->" in line), None)
        if at is None:
            raise _invalid(
                subject, number, f"{lines[0]!r} has no time line", "Give it one, or take out the empty line next to it"
            )
        if at > 1 or any("-->" in line for line in lines[at + 1 :]):
            late = at if at > 1 else next(i for i, line in enumerate(lines) if i > at and "-->" in line)
            raise _invalid(subject, number + late, "a cue begins amid another", "Put an empty line before each cue")
        start, end = _times(lines[at], subject, number + at)
        if end < start:
            raise _invalid(subject, number + at, "the cue ends before it starts", "Mend its times")
        if start < previous:
            raise _invalid(
                subject, number + at, "the cue starts before the one above it", "Put the cues in order of their starts"
            )
        previous = start
        text = " ".join(unescape(_TAG.sub("", " ".join(lines[at + 1 :]))).split())
        if text:
            yield Segment(start=start, end=end, text=text)


def _times(line: str, subject: str, number: int) -> tuple[float, float]:
    match = _TIMING.fullmatch(line)
    if match:
        start, end = _seconds(match.groups()[:4]), _seconds(match.groups()[4:])
        if start is not None and end is not None:
            return start, end
    raise _invalid(
        subject, number, f"{line!r} is not a time line", "Write 00:00:01.000 --> 00:00:02.500 (SRT: 00:00:01,000)"
    )


def _seconds(groups: Sequence[str | None]) -> float | None:
    hours, minutes, seconds, milliseconds = (int(group or 0) for group in groups)
    if minutes > 59 or seconds > 59:
        return None
    return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000


def _invalid(subject: str, line: int, reason: str, mend: str) -> InvalidTranscript:
    return InvalidTranscript(subject, f"line {line}: {reason}", mend)
