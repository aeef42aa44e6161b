"""SRT and ASS/SSA files, read with FFmpeg through PyAV, as players do. A cue that FFmpeg would skip is an error.

Of four libraries for SRT, three misread hours of three digits, drop a number at the end of a text, or merge cues
without an empty line between; the fourth needs cue numbers. FFmpeg reads a malformed time line as text, and skips
an ASS event that it cannot read, so these lines are checked before.
"""

from __future__ import annotations

import io
import re
import textwrap
from collections import Counter

from sightline.errors import InvalidTranscript
from sightline.speech.cues import Cue, parse_markup, plain_cue
from sightline.speech.time_lines import (
    Timing,
    ends_before_start,
    format_time,
    invalid,
    not_a_time_line,
    parse_time_line,
)

_CLOCK = re.compile(r"[0-9] *: *[0-9]")
_CLOCKS_ALONE = re.compile(r"[-0-9:.,\s>\u2013\u2014\u2192]*")
_CUT_OFF = re.compile(r"[0-9]+:[0-9:]*(?:[.,][0-9]*)?[ -]*")
# FFmpeg splits lines of 4096 bytes; a character has up to four.
_LONGEST_LINE = 1000
# Lines after a time line in which its text begins, or the next time line.
_NEAR = 50
# Milliseconds: 596 hours. FFmpeg's durations have 32 bits.
_OVERFLOW = 2**31
_ASS_EVENT = re.compile(
    r"Dialogue:[^,]*,\s*([0-9]{1,3}):([0-9]{1,2}):([0-9]{1,2})[.:]([0-9]{2})\s*,"
    r"\s*([0-9]{1,3}):([0-9]{1,2}):([0-9]{1,2})[.:]([0-9]{2})\s*,(?:[^,]*,){6}"
)
_ASS_OVERRIDES = re.compile(r"\{[^{}]*\}")
_ASS_DRAWING = re.compile(r"\{[^{}]*\\p[1-9][^{}]*\}.*?(?=\{[^{}]*\\p0[^{}]*\}|$)", re.DOTALL)
_ASS_FORMAT = re.compile(r"\[Events\]\s*\nFormat:([^\n]*)", re.IGNORECASE)


def read_subrip(text: str, subject: str) -> list[Cue]:
    """Return the cues of an SRT file with LF line ends. Raises ``InvalidTranscript`` with ``subject`` and the line."""
    lines = text.replace("\0", "\ufffd").split("\n")
    timings: list[Timing] = []
    written: list[str] = []
    for number, line in enumerate(lines, start=1):
        if not _resembles_time_line(line):
            written += (
                textwrap.wrap(line, _LONGEST_LINE, break_long_words=False) if len(line) > _LONGEST_LINE else [line]
            )
            continue
        timing = parse_time_line(line, number)
        if timing is None or timing.end >= _OVERFLOW:
            raise not_a_time_line(subject, line, number)
        if timing.end < timing.start:
            raise ends_before_start(subject, number)
        if not timings:
            is_numbered = next((before.strip().isdecimal() for before in reversed(written) if before.strip()), False)
        timings.append(timing)
        # FFmpeg takes a number above a time line for the cue's. In a file without cue numbers it would be text.
        written += [] if is_numbered else ["", str(len(timings))]
        written.append(f"{format_time(timing.start, ',')} --> {format_time(timing.end, ',')}")
    _check_last_line(lines, subject)
    if not timings:
        raise invalid(subject, 1, "no line has times", "Write 00:00:01,000 --> 00:00:02,500 above every text")
    packets = _demux("\n".join(written), "srt")
    # FFmpeg leaves out cues without text, and all but one of equal cues. Any other cue that is missing is an error.
    different = {
        (timing.start, timing.end, _first_text(lines[timing.line : timing.line + _NEAR])) for timing in timings
    }
    expected = Counter((start, end) for start, end, first in different if first)
    missing = expected - Counter((start, end) for start, end, _ in packets)
    for timing in timings:
        if (timing.start, timing.end) in missing:
            raise invalid(subject, timing.line, "the cue could not be read", "Put an empty line before and after it")
    return [parse_markup(start / 1000, end / 1000, payload) for start, end, payload in packets]


def read_ass(text: str, subject: str) -> list[Cue]:
    """Return the dialogue of an ASS or SSA file with LF line ends, without drawings and comments.

    Raises ``InvalidTranscript`` with ``subject`` and the line for an event that players skip.
    """
    _check_ass_format(text, subject)
    events = 0
    for number, line in enumerate(text.split("\n"), start=1):
        if line.startswith("Dialogue:"):
            match = _ASS_EVENT.match(line)
            if not match:
                raise invalid(
                    subject, number, f"{line[:60]!r} is not an event",
                    "Write Dialogue: 0,0:00:01.00,0:00:02.50,Default,,0,0,0,,Text",
                )  # fmt: skip
            times = [int(group) for group in match.groups()]
            if times[:4] > times[4:]:
                raise ends_before_start(subject, number)
            events += 1
    packets = _demux(text, "ass") if events else []
    if len(packets) != events:
        raise InvalidTranscript(subject, f"{events} events, but {len(packets)} cues", "Check the section [Events]")
    return [plain_cue(start / 1000, end / 1000, _ass_text(payload)) for start, end, payload in packets]


def _resembles_time_line(line: str) -> bool:
    """Return whether a line of an SRT file is a time line, if perhaps a malformed one, and not text."""
    if not _CLOCK.search(line):
        return False
    return "-->" in line or (_CLOCKS_ALONE.fullmatch(line) is not None and re.search("[>\u2192]", line) is not None)


def _check_last_line(lines: list[str], subject: str) -> None:
    """Raise ``InvalidTranscript`` if the file ends inside a time line, which FFmpeg reads as text."""
    filled = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()][-2:]
    if len(filled) == 2 and filled[0][1].strip().isdecimal() and _CUT_OFF.fullmatch(filled[1][1].strip()):
        raise invalid(subject, filled[1][0], "the file ends inside a time line", "Copy the complete file")


def _first_text(following: list[str]) -> str:
    """Return the first line of a cue's text, or an empty string. ``following``: the lines after its time line."""
    first, second = ([line for line in following if line.strip()] + ["", ""])[:2]
    is_number = first.strip().isdecimal() and (not second or "-->" in second)
    return "" if "-->" in first or is_number else first


def _demux(text: str, container_format: str) -> list[tuple[int, int, str]]:
    """Return start and end in milliseconds, and the text, of every packet."""
    import av

    with av.open(io.BytesIO(text.encode()), mode="r", format=container_format) as container:
        return [
            (
                round(packet.pts * packet.time_base * 1000),
                round((packet.pts + (packet.duration or 0)) * packet.time_base * 1000),
                bytes(packet).decode(),
            )
            for packet in container.demux(subtitles=0)
            if packet.pts is not None
        ]


def _check_ass_format(text: str, subject: str) -> None:
    """Raise ``InvalidTranscript`` if the events have other columns than those that FFmpeg assumes."""
    match = _ASS_FORMAT.search(text)
    columns = [name.strip().lower() for name in match[1].split(",")] if match else []
    if match and (len(columns) != 10 or columns[1:3] != ["start", "end"] or columns[9] != "text"):
        raise invalid(
            subject, text.count("\n", 0, match.start(1)) + 1, f"unusual columns {match[1].strip()!r}",
            "Write Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text",
        )  # fmt: skip


def _ass_text(payload: str) -> str:
    # ReadOrder, Layer, Style, Name, three margins and Effect precede the text.
    text = _ASS_DRAWING.sub("", payload.split(",", 8)[8])
    text = _ASS_OVERRIDES.sub("", text)
    return text.replace("\\N", "\n").replace("\\n", "\n").replace("\\h", " ")
