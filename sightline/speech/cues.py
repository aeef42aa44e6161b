"""A caption as it is displayed: its lines without markup, the times of its words, and the highlighted word."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from sightline.speech.transcript import Word

_TOKEN = re.compile(r"(</?[A-Za-z][^<>]*>|<[0-9:.]+>|\{\\[^{}]*\})")
_TIME = re.compile(r"<(?:([0-9]+):)?([0-9]{2}):([0-9]{2})\.([0-9]{3})>")
_EMPHASIS = re.compile(r"<(/?)(?:b|c|em|font|i|s|strong|u)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Cue:
    """A caption on display from ``start`` to ``end``, in seconds.

    ``lines`` has no empty lines. ``words`` has one tuple per line, which is empty if the line has no word times.
    ``highlight`` is the only emphasised part, with the index of its first word; None if no part or everything is.
    """

    start: float
    end: float
    lines: tuple[str, ...]
    words: tuple[tuple[Word, ...], ...]
    highlight: tuple[int, str] | None = None

    @property
    def text(self) -> str:
        """The lines, joined by spaces."""
        return " ".join(self.lines)


def plain_cue(start: float, end: float, text: str) -> Cue:
    """Return the cue of a text without markup."""
    lines = tuple(" ".join(line.split()) for line in text.split("\n") if line.strip())
    return Cue(start, end, lines, ((),) * len(lines))


def parse_markup(start: float, end: float, text: str, unescape: Callable[[str], str] = str) -> Cue:
    """Return the cue of a text with WebVTT or SRT tags, or with ASS overrides in an SRT file.

    Timestamps in the text (``<00:01.500>``) become word times, unless they decrease or are outside the cue.
    ``unescape`` replaces the character references of the text between tags.
    """
    times, texts = [start], [""]
    emphasised: list[tuple[int, str]] = []
    depth = 0
    for position, token in enumerate(_TOKEN.split(text)):
        if position % 2 == 0:
            piece = unescape(token)
            if depth > 0 and piece.strip() and len(emphasised) < 2:
                emphasised.append((_count_words_before("".join(texts)), " ".join(piece.split())))
            texts[-1] += piece
        elif match := _TIME.fullmatch(token):
            hours, minutes, seconds, milliseconds = (int(group or 0) for group in match.groups())
            times.append(hours * 3600 + minutes * 60 + seconds + milliseconds / 1000)
            texts.append("")
        elif match := _EMPHASIS.match(token):
            depth += -1 if match[1] else 1
    if len(times) == 1:
        cue = plain_cue(start, end, texts[0])
        is_part = len(emphasised) == 1 and emphasised[0][1] != cue.text
        return Cue(start, end, cue.lines, cue.words, emphasised[0] if is_part else None)
    if any(before > after for before, after in pairwise([*times, end])):
        return plain_cue(start, end, "".join(texts))
    lines = [line for line in _split_lines([*times, end], texts) if any(part.strip() for *_, part in line)]
    return Cue(
        start,
        end,
        tuple(" ".join("".join(part for *_, part in line).split()) for line in lines),
        tuple(tuple(_words(line)) for line in lines),
    )


_Part = tuple[float, float, str]


def _count_words_before(text: str) -> int:
    return len(text.split()) - (text[-1:].strip() != "")


def _split_lines(times: list[float], texts: list[str]) -> list[list[_Part]]:
    """Return the parts ``(start, end, text)`` of every line."""
    lines: list[list[_Part]] = [[]]
    for (start, end), text in zip(pairwise(times), texts, strict=True):
        for index, part in enumerate(text.split("\n")):
            if index:
                lines.append([])
            lines[-1].append((start, end, part))
    return lines


def _words(line: list[_Part]) -> Iterator[Word]:
    if len(line) == 1:
        return  # the line has no timestamp
    joined: list[_Part] = []
    for start, end, part in line:
        if joined and part[:1].strip() and joined[-1][2][-1:].strip():
            before = joined.pop()
            joined.append((before[0], end, before[2] + part))
        elif part.strip():
            joined.append((start, end, part))
    for start, end, part in joined:
        yield Word(text=" ".join(part.split()), start=start, end=end)
