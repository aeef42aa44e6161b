"""The passages of a transcript: consecutive segments whose emotions are found by the rules of one language.

A segment is read in its own language if that has a table, otherwise in its English translation. One without both is not
read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from sightline.emotion.english import english
from sightline.emotion.first_names import is_common_word, is_first_name
from sightline.emotion.languages.grammar import Grammar
from sightline.emotion.languages.loading import ENGLISH, Languages
from sightline.emotion.tokens import words_of
from sightline.speech import Segment

_MIN_WORDS = 12
# Of English transcripts, function words and common words are more than this share.
_MIN_ENGLISH = 0.5
_MIN_FUNCTION_WORDS = 0.2


class Passage(NamedTuple):
    """Consecutive segments that are read in one language: with ``grammar``, or as English if it is None.

    ``translated_from`` is the code of the spoken language if the English translation is read.
    """

    segments: tuple[Segment, ...]
    grammar: Grammar | None = None
    translated_from: str | None = None


class Passages(NamedTuple):
    """The passages in order, and what a person should know about the segments, as sentences."""

    passages: tuple[Passage, ...]
    warnings: tuple[str, ...]


class _Route(NamedTuple):
    """How a segment is read: in the language ``code``, or in its translation, or not at all if neither is set."""

    code: str | None
    translated_from: str | None


def find_passages(
    segments: Sequence[Segment], language: str | None, languages: Languages, emotions: Iterable[str]
) -> Passages:
    """Return the passages of a transcript in ``language``.

    A segment whose language is not named, in a transcript whose language is not named, is taken to be English.
    """
    emotions = tuple(emotions)
    routes = [_route(segment, language, languages) for segment in segments]
    grammars = {
        code: languages.grammar(code, emotions) for code in {route.code for route in routes} if code in languages.tables
    }
    passages: list[Passage] = []
    for route, group in groupby(zip(routes, segments, strict=True), key=lambda pair: pair[0]):
        if route.code or route.translated_from:
            chosen = tuple(segment for _, segment in group)
            passages.append(Passage(chosen, grammars.get(route.code or ""), route.translated_from))
    warnings = [*_unread(segments, routes, language, languages), *_translated(routes, languages)]
    warnings += [_without_emotions(grammar, languages) for grammar in grammars.values() if grammar.missing]
    unnamed = [segment.text for segment in segments if languages.code_of(segment.language or language) is None]
    if unnamed and (warning := _not_english(" ".join(unnamed), languages)):
        warnings.append(warning)
    return Passages(tuple(passages), tuple(warnings))


def _route(segment: Segment, language: str | None, languages: Languages) -> _Route:
    code = languages.code_of(segment.language) or languages.code_of(language) or ENGLISH
    if code in languages.codes:
        return _Route(code, None)
    return _Route(None, code if segment.translation and segment.translation.strip() else None)


def _unread(
    segments: Sequence[Segment], routes: Sequence[_Route], language: str | None, languages: Languages
) -> Iterable[str]:
    unread = Counter(
        languages.code_of(segment.language) or languages.code_of(language) or ENGLISH
        for segment, route in zip(segments, routes, strict=True)
        if route == _Route(None, None) and segment.text.strip()
    )
    for code, number in unread.items():
        yield (
            f"{_segments(number)} in the language {code} {'was' if number == 1 else 'were'} not searched for emotions: "
            f"there is neither a table for it nor a translation. Transcribe with Whisper, which translates into "
            f"English, or set LANGUAGE_TABLES to a folder with {code}.toml"
        )


def _translated(routes: Sequence[_Route], languages: Languages) -> Iterable[str]:
    for code, number in Counter(route.translated_from for route in routes if route.translated_from).items():
        yield f"the emotions of {_segments(number)} in the language {code} were found in the English translation"


def _segments(number: int) -> str:
    return "1 segment" if number == 1 else f"{number} segments"


def _without_emotions(grammar: Grammar, languages: Languages) -> str:
    return (
        f"the table for {languages.name_of(grammar.code)} has emotions that the keyword table lacks, "
        f"{', '.join(grammar.missing)}: they were not searched for. Use the same names in both tables"
    )


def _not_english(text: str, languages: Languages) -> str | None:
    """Return the warning about a text of unnamed language whose words are not English; None if they may be."""
    words = [word for word in words_of(text) if word.isalpha()]
    if len(words) < _MIN_WORDS:
        return None
    functional = english().function_words
    share = sum(word in functional or is_common_word(word) or is_first_name(word) for word in words) / len(words)
    if share > _MIN_ENGLISH:
        return None
    shares = {
        code: sum(word in languages.grammar(code, ()).function_words for word in words) / len(words)
        for code in languages.tables
    }
    best = max(shares, key=shares.__getitem__, default=None)
    what = "the transcript does not name its language and was read as English, but its words "
    if best and shares[best] >= _MIN_FUNCTION_WORDS:
        return f"{what}look like {languages.name_of(best)}: state the language of the transcript"
    return f"{what}are mostly not English: state the language of the transcript"
