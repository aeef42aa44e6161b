"""WebVTT (https://www.w3.org/TR/webvtt1/) and SubRip files. A malformed cue is an error; it is never dropped.

Subtitle players are lenient: they skip a malformed cue, or append its lines to the cue before.
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
    """Return the cues, and the language if the header names it. ``text`` begins with WEBVTT.

    Notes, styles, regions and cues without text are skipped. A file without cues is a video without speech. Raises
    ``InvalidTranscript``, which names ``subject`` and the line.
    """
    blocks = _blocks(text)
    number, header = next(blocks)
    if not re.fullmatch(r"WEBVTT(?:[ \t].*)?", header[0]):
        raise _invalid(subject, number, "the first line contains more than WEBVTT", "Put WEBVTT on a separate line")
    for index, line in enumerate(header):
        if "-->" in line:
            raise _invalid(subject, number + index, "a cue in the header", "Put an empty line after WEBVTT")
    language = next((match[1] for line in header if (match := _LANGUAGE.match(line))), None)
    cues = (block for block in blocks if not re.match(r"(?:NOTE|STYLE|REGION)(?:\s|$)", block[1][0]))
    return list(_segments(cues, subject, html.unescape)), language


def read_subrip(text: str, subject: str) -> list[Segment]:
    """Return the cues of an SRT file. Raises ``InvalidTranscript``, which names ``subject`` and the line."""
    return list(_segments(_blocks(text), subject, str))


def _blocks(text: str) -> Iterator[Block]:
    """Yield runs of non-empty lines, with the number of the first line."""
    block: list[str] = []
    # str.splitlines also splits at separators that may occur inside text, which would shift the line numbers.
    for number, line in enumerate([*re.split(r"\r\n|\r|\n", text), ""], start=1):
        if line.strip():
            block.append(line.strip())
        elif block:
            yield number - len(block), block
            block = []


def _segments(blocks: Iterator[Block], subject: str, unescape: Callable[[str], str]) -> Iterator[Segment]:
    previous = 0.0
    for number, lines in blocks:
        timing = next((index for index, line in enumerate(lines) if "-->" in line), None)
        if timing is None:
            raise _invalid(
                subject, number, f"{lines[0]!r} has no time line", "Add one, or remove the empty line next to it"
            )
        if timing > 1 or any("-->" in line for line in lines[timing + 1 :]):
            late = timing if timing > 1 else next(i for i, line in enumerate(lines) if i > timing and "-->" in line)
            raise _invalid(subject, number + late, "a cue begins inside another", "Put an empty line before every cue")
        start, end = _parse_timing(lines[timing], subject, number + timing)
        if end < start:
            raise _invalid(subject, number + timing, "the cue ends before it starts", "Correct its times")
        if start < previous:
            raise _invalid(subject, number + timing, "the cue starts before the previous one", "Sort the cues by start")
        previous = start
        text = " ".join(unescape(_TAG.sub("", " ".join(lines[timing + 1 :]))).split())
        if text:
            yield Segment(start=start, end=end, text=text)


def _parse_timing(line: str, subject: str, number: int) -> tuple[float, float]:
    match = _TIMING.fullmatch(line)
    if match:
        start, end = _parse_time(match.groups()[:4]), _parse_time(match.groups()[4:])
        if start is not None and end is not None:
            return start, end
    raise _invalid(
        subject, number, f"{line!r} is not a time line", "Write 00:00:01.000 --> 00:00:02.500 (SRT: 00:00:01,000)"
    )


def _parse_time(groups: Sequence[str | None]) -> float | None:
    hours, minutes, seconds, milliseconds = (int(group or 0) for group in groups)
    if minutes > 59 or seconds > 59:
        return None
    return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000


def _invalid(subject: str, line: int, reason: str, fix: str) -> InvalidTranscript:
    return InvalidTranscript(subject, f"line {line}: {reason}", fix)
