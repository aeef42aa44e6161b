"""WebVTT files, read with webvtt-py: of five libraries the only one that splits a file into cues as browsers do.

webvtt-py skips malformed cues, as the specification says, but accepts shorter times than it. So the time lines are
checked before, and a cue that browsers do not display is an error.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby

from sightline.errors import InvalidTranscript
from sightline.speech.cues import Cue, parse_markup
from sightline.speech.time_lines import (
    Timing,
    ends_before_start,
    format_time,
    invalid,
    not_a_time_line,
    parse_time_line,
)

_LANGUAGE = re.compile(r"language:\s*(\S+)", re.IGNORECASE)
_NO_TEXT = re.compile(r"(?:NOTE|STYLE|REGION)(?:[\s:]|$)")


@dataclass(frozen=True, slots=True)
class WebVtt:
    """The content of a file.

    ``cues``, each with its time line, are in the file's order. They include cues without text, and cues that end before
    they start. ``malformed`` time lines, and lines ``outside`` of cues, have the number of their line.
    """

    cues: tuple[Cue, ...]
    timings: tuple[Timing, ...]
    language: str | None
    malformed: tuple[tuple[int, str], ...]
    outside: tuple[tuple[int, str], ...]


def read_webvtt(text: str, subject: str, report: Callable[[str], None]) -> tuple[list[Cue], str | None]:
    """Return the cues, and the language if the header names it. ``text`` begins with WEBVTT.

    Text outside of a cue, which is not displayed, is left out and reported. Raises ``InvalidTranscript``, which names
    ``subject`` and the line, for a malformed time line, and for a cue that ends before it starts.
    """
    if not re.match(r"WEBVTT(?:[ \t\r\n]|$)", text):
        raise invalid(subject, 1, "the first line contains more than WEBVTT", "Put WEBVTT on a separate line")
    content = parse_webvtt(text, subject)
    if content.malformed:
        number, line = content.malformed[0]
        raise not_a_time_line(subject, line, number)
    if content.outside:
        number, line = content.outside[0]
        count = len(content.outside)
        report(
            f"{subject}, line {number}: {line.strip()[:60]!r} is outside of a cue and is not displayed; "
            f"{count} such {'line was' if count == 1 else 'lines were'} left out"
        )
    for timing in content.timings:
        if timing.end < timing.start:
            raise ends_before_start(subject, timing.line)
    return list(content.cues), content.language


def parse_webvtt(text: str, subject: str) -> WebVtt:
    """Parse a file by the rules of https://www.w3.org/TR/webvtt1/#file-parsing; ``text`` begins with WEBVTT.

    In addition, a comma is read as a decimal point. Raises ``InvalidTranscript`` if webvtt-py finds other cues.
    """
    import webvtt

    lines = re.split("\r\n|\r|\n", text.replace("\0", "\ufffd"))
    timings: list[Timing] = []
    malformed: list[tuple[int, str]] = []
    for number, line in enumerate(lines[1:], start=2):
        timing = parse_time_line(line, number, strict=True)
        if timing:
            timings.append(timing)
            lines[number - 1] = f"{format_time(timing.start, '.')} --> {format_time(timing.end, '.')}{timing.settings}"
        elif "-->" in line:
            malformed.append((number, line))
            lines[number - 1] = "-->"  # malformed for webvtt-py too
    captions = webvtt.from_string("\n".join(lines)).captions
    if len(captions) != len(timings):
        reason = f"{len(timings)} time lines, but {len(captions)} cues"
        raise InvalidTranscript(subject, reason, "Put an empty line before and after every cue")
    header = lines[1 : _find_body(lines)]
    return WebVtt(
        cues=tuple(
            parse_markup(timing.start / 1000, timing.end / 1000, caption.raw_text, html.unescape)
            for timing, caption in zip(timings, captions, strict=True)
        ),
        timings=tuple(timings),
        language=next((match[1] for line in header if (match := _LANGUAGE.match(line))), None),
        malformed=tuple(malformed),
        outside=tuple(_find_text_outside_cues(lines)),
    )


def _find_body(lines: list[str]) -> int:
    """Return the index of the line that ends the header."""
    return next((index for index, line in enumerate(lines) if index and (not line or "-->" in line)), len(lines))


def _find_text_outside_cues(lines: list[str]) -> Iterator[tuple[int, str]]:
    body = list(enumerate(lines, start=1))[_find_body(lines) :]
    for has_text, group in groupby(body, key=lambda numbered: bool(numbered[1])):
        block = list(group)
        if has_text and not _NO_TEXT.match(block[0][1]):
            first_cue = next((index for index, (_, line) in enumerate(block) if "-->" in line), len(block) + 1)
            # The line before a cue is its identifier. A number alone is an identifier that is apart from its cue.
            for number, line in block[: max(first_cue - 1, 0)]:
                if line.strip() and not line.strip().isdecimal():
                    yield number, line
