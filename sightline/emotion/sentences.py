"""Cutting a transcript's text into sentences, with or without punctuation in it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sightline.emotion.english import english
from sightline.emotion.tokens import BREAK, ELLIPSIS, ENDS, Token, tokenise

_CLOSING = frozenset(".?!…\"”’')]")  # noqa: RUF001


@dataclass(frozen=True)
class Sentence:
    """The words and clause marks of one sentence, without the mark that ends it.

    ``end``: the character after that mark. ``ended``: there is one. ``asks``: it is a question mark.
    ``cased``: it is written with capitals, so that a name can be told by its capital. ``borders``: the places of words
    that begin a segment of the transcript.
    """

    tokens: tuple[Token, ...]
    end: int
    ended: bool
    asks: bool
    cased: bool
    borders: frozenset[int]


def sentences(text: str, pauses: Sequence[int] = (), segments: Sequence[int] = ()) -> Iterator[Sentence]:
    """Cut ``text`` at the marks that end a sentence, and at ``pauses``, the places in it before which speech rests.

    ``segments`` are the places where a segment of the transcript begins.
    """
    borders = frozenset(segments)
    tokens = _without_fillers(tokenise(text))
    rests = sorted(pauses)
    current: list[Token] = []
    for i, token in enumerate(tokens):
        if current and bisect_right(rests, token.start) > bisect_right(rests, current[-1].start):
            yield _sentence(text, current, borders, current[-1].end)
            current = []
        if _ends(tokens, i, text):
            if current:
                yield _sentence(text, current, borders, _after_marks(text, token.end), ended=True)
            current = []
        elif token.word not in ENDS and token.word != ELLIPSIS and (current or token.word != BREAK):
            current.append(token)
    if current:
        yield _sentence(text, current, borders, current[-1].end)


def _without_fillers(tokens: list[Token]) -> list[Token]:
    """``tokens`` without "um" and its like, and without the comma after each."""
    fillers = english().fillers
    return [
        token
        for i, token in enumerate(tokens)
        if token.word not in fillers and not (token.word == BREAK and i > 0 and tokens[i - 1].word in fillers)
    ]


def _sentence(text: str, words: list[Token], segments: frozenset[int], end: int, *, ended: bool = False) -> Sentence:
    tokens = tuple(words)
    spoken = text[tokens[0].start : tokens[-1].end]
    return Sentence(
        tokens=tokens,
        end=end,
        ended=ended,
        asks=ended and "?" in text[tokens[-1].end : end],
        borders=frozenset(place for place, token in enumerate(tokens) if token.start in segments),
        cased=any(token.capital and token.word != "i" for token in tokens) and spoken.upper() != spoken,
    )


def _ends(tokens: list[Token], i: int, text: str) -> bool:
    """Whether the mark ``tokens[i]`` ends a sentence."""
    mark = tokens[i].word
    following = tokens[i + 1] if i + 1 < len(tokens) else None
    if mark == ELLIPSIS:
        # Speech that hesitates goes on in lower case: "John is... happy".
        return following is None or following.capital
    if mark != ".":
        return mark in ENDS
    if following is None or i == 0 or tokens[i - 1].end != tokens[i].start:
        return True
    before = tokens[i - 1]
    if before.word in english().abbreviations:
        return False
    initial = before.end - before.start == 1 and before.capital and before.word != "i"
    if initial:
        return following.capital and following.word in english().function_words
    return following.start > tokens[i].end or text[following.start].isupper()


def _after_marks(text: str, place: int) -> int:
    while place < len(text) and text[place] in _CLOSING:
        place += 1
    return place
