"""Sentence segmentation of a transcript's text, with or without punctuation."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from sightline.emotion.english import english
from sightline.emotion.tokens import BREAK, ELLIPSIS, END_MARKS, Token, tokenise

_CLOSING = frozenset(".?!…\"”’')]")  # noqa: RUF001


class Orthography(NamedTuple):
    """The words of a language that the split into sentences needs.

    ``contractions`` are written as one word and analysed as several; None for those of English. ``alone`` is the only
    word of one letter that is no initial of a name.
    """

    contractions: Mapping[str, tuple[str, ...]] | None
    fillers: frozenset[str]
    abbreviations: frozenset[str]
    function_words: frozenset[str]
    alone: str


@cache
def english_orthography() -> Orthography:
    """Return the words of English."""
    e = english()
    return Orthography(None, e.fillers, e.abbreviations, e.function_words, "i")


@dataclass(frozen=True)
class Sentence:
    """The words and clause marks of one sentence, without its end mark.

    ``end``: the offset after the end mark, in characters. ``has_end_mark``: False if a pause or the end of the text
    ends the sentence. ``is_question``: the end mark is a question mark. ``has_capitals``: the sentence is written with
    capitals, so that a capital can identify a name. ``segment_starts``: the indices of the words that begin a segment
    of the transcript.
    """

    tokens: tuple[Token, ...]
    end: int
    has_end_mark: bool
    is_question: bool
    has_capitals: bool
    segment_starts: frozenset[int]


def split_sentences(
    text: str,
    pauses: Sequence[int] = (),
    segments: Sequence[int] = (),
    orthography: Orthography | None = None,
) -> Iterator[Sentence]:
    """Split ``text`` at end marks and at ``pauses``, the offsets before which the speaker pauses.

    ``segments`` are the offsets where a segment of the transcript begins, ``orthography`` is English by default.
    """
    segment_offsets = frozenset(segments)
    words = orthography or english_orthography()
    tokens = _without_fillers(tokenise(text, words.contractions), words.fillers)
    pause_offsets = sorted(pauses)
    current: list[Token] = []
    for i, token in enumerate(tokens):
        if current and bisect_right(pause_offsets, token.start) > bisect_right(pause_offsets, current[-1].start):
            yield _sentence(text, current, segment_offsets, words, current[-1].end)
            current = []
        if _ends_sentence(tokens, i, text, words):
            if current:
                end = _skip_closing(text, token.end)
                yield _sentence(text, current, segment_offsets, words, end, has_end_mark=True)
            current = []
        elif token.word not in END_MARKS and token.word != ELLIPSIS and (current or token.word != BREAK):
            current.append(token)
    if current:
        yield _sentence(text, current, segment_offsets, words, current[-1].end)


def _without_fillers(tokens: list[Token], fillers: frozenset[str]) -> list[Token]:
    """Return ``tokens`` without fillers such as "um", and without the comma after a filler."""
    return [
        token
        for i, token in enumerate(tokens)
        if token.word not in fillers and not (token.word == BREAK and i > 0 and tokens[i - 1].word in fillers)
    ]


def _sentence(
    text: str,
    words: list[Token],
    segments: frozenset[int],
    orthography: Orthography,
    end: int,
    *,
    has_end_mark: bool = False,
) -> Sentence:
    tokens = tuple(words)
    source = text[tokens[0].start : tokens[-1].end]
    capitals = any(token.capital and token.word != orthography.alone for token in tokens)
    return Sentence(
        tokens=tokens,
        end=end,
        has_end_mark=has_end_mark,
        is_question=has_end_mark and "?" in text[tokens[-1].end : end],
        has_capitals=capitals and source.upper() != source,
        segment_starts=frozenset(index for index, token in enumerate(tokens) if token.start in segments),
    )


def _ends_sentence(tokens: list[Token], i: int, text: str, words: Orthography) -> bool:
    """Return whether ``tokens[i]`` is a mark that ends a sentence."""
    mark = tokens[i].word
    following = tokens[i + 1] if i + 1 < len(tokens) else None
    if mark == ELLIPSIS:
        # After a hesitation the sentence continues in lower case: "John is... happy".
        return following is None or following.capital
    if mark != ".":
        return mark in END_MARKS
    if following is None or i == 0 or tokens[i - 1].end != tokens[i].start:
        return True
    before = tokens[i - 1]
    if before.word in words.abbreviations:
        return False
    initial = before.end - before.start == 1 and before.capital and before.word != words.alone
    if initial:
        return following.capital and following.word in words.function_words
    return following.start > tokens[i].end or text[following.start].isupper()


def _skip_closing(text: str, offset: int) -> int:
    while offset < len(text) and text[offset] in _CLOSING:
        offset += 1
    return offset
