"""Finding the emotions that a transcript tells of."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterator
from typing import NamedTuple

from sightline.emotion.assertion import asserted_hits
from sightline.emotion.clauses import Statement, find_statement, openings
from sightline.emotion.keywords import NEUTRAL, Keywords, load_keywords
from sightline.emotion.lexicon import Lexicon
from sightline.emotion.models import Annotation, EmotionFindings, KeywordHit
from sightline.emotion.people import Mention, People, mentions
from sightline.emotion.reading import Hit, Reading
from sightline.emotion.sentences import sentences
from sightline.emotion.speech_text import SpeechText
from sightline.emotion.subjects import Kind
from sightline.emotion.timeline import Cue, make_timeline
from sightline.emotion.tokens import ENDS
from sightline.emotion.utterances import Utterance, utterances
from sightline.speech import Transcript

PAUSE_SECONDS = 2.0
"""A silence of this length ends a sentence, in a transcript without a mark that would end one."""


def find_emotions(transcript: Transcript, duration: float, keywords: Keywords | None = None) -> EmotionFindings:
    """Find who is said to be how in ``transcript``, and the emotion of every stretch of ``duration`` seconds.

    A keyword counts where it is said to be so. One that is negated ("isn't happy"), asked for ("is she happy?") or only
    thought of ("if he is happy", "wants to be happy") counts for nothing: neither for its emotion nor for another. The
    table's discourse words count only where they describe a person. Each sentence gives at most one annotation; one
    that says something of two people is two. Times outside the duration are moved to its nearer end.

    ``keywords`` is by default the built-in table. Raises ``ValueError`` for a duration that is negative or not finite.
    """
    if not (math.isfinite(duration) and duration >= 0):
        raise ValueError(f"a duration of {duration} seconds cannot be; it must be 0 or more")
    table = keywords or load_keywords()
    lexicon = Lexicon(table)
    speech = SpeechText(transcript, duration)
    people = People()
    hits: list[KeywordHit] = []
    annotations: list[Annotation] = []
    cues: list[Cue] = []
    # Somebody who hesitates goes on with the sentence; only without punctuation is a silence all there is to go by.
    pauses = () if ENDS.intersection(speech.text) else speech.pauses(PAUSE_SECONDS)
    for sentence in sentences(speech.text, pauses, speech.segment_starts):
        reading = Reading(sentence, lexicon)
        for said in _said(reading, speech, people):
            hits += said.hits
            if said.annotation:
                annotations.append(said.annotation)
            if said.hits:
                cues.append(Cue(said.start, said.end, _most(said.hits), said.text))
    return EmotionFindings(
        dominant=_most(hits),
        keywords={
            emotion: words for emotion in table.emotions if (words := [h.word for h in hits if h.emotion == emotion])
        },
        hits=tuple(hits),
        annotations=tuple(annotations),
        timeline=make_timeline(cues, duration),
    )


class _Said(NamedTuple):
    """An utterance with its times."""

    text: str
    start: float
    end: float
    hits: list[KeywordHit]
    annotation: Annotation | None


def _said(reading: Reading, speech: SpeechText, people: People) -> Iterator[_Said]:
    places = openings(reading)
    parts = list(utterances(reading, places, asserted_hits(reading, places)))
    persons = _persons(reading, speech, people, parts)
    tokens = reading.sentence.tokens
    for part in parts:
        whole = part.end == len(tokens)
        begin, end = tokens[part.start].start, reading.sentence.end if whole else tokens[part.end - 1].end
        text = " ".join(speech.text[begin:end].split()).rstrip(",;:-–— ")  # noqa: RUF001
        start = speech.begins(begin)
        stop = max(start, speech.ends(end))
        annotation = None
        if part.statement:
            annotation = Annotation(
                person=persons[part.statement],
                emotion=part.statement.hit.told.emotion,
                text=text,
                start=start,
                end=stop,
            )
        yield _Said(text, start, stop, [_timed(reading, speech, hit) for hit in part.hits], annotation)


def _timed(reading: Reading, speech: SpeechText, hit: Hit) -> KeywordHit:
    tokens = reading.sentence.tokens
    start = speech.begins(tokens[hit.start].start)
    end = speech.ends(tokens[hit.end - 1].end)
    return KeywordHit(emotion=hit.told.emotion, word=hit.told.keyword, start=start, end=max(start, end))


def _persons(reading: Reading, speech: SpeechText, people: People, parts: list[Utterance]) -> dict[Statement, str]:
    """Who each statement of a sentence is about, by what was said up to it."""
    named = [statement for hit in reading.hits if (statement := find_statement(reading, hit))]
    heard = deque(mentions(reading, named))
    persons: dict[Statement, str] = {}
    for statement in (part.statement for part in parts if part.statement):
        subject = statement.subject
        while heard and heard[0].start < subject.start:
            _hear(reading, speech, people, heard.popleft())
        text, time = _spoken(reading, speech, subject.start, subject.end)
        if subject.kind is Kind.PRONOUN:
            word = reading.word(subject.start)
            text = people.stands_for(word, time) or (text if word == "i" else word)
        persons[statement] = text
    for mention in heard:
        _hear(reading, speech, people, mention)
    return persons


def _hear(reading: Reading, speech: SpeechText, people: People, mention: Mention) -> None:
    people.hear(mention, *_spoken(reading, speech, mention.start, mention.end))


def _spoken(reading: Reading, speech: SpeechText, start: int, end: int) -> tuple[str, float]:
    """The words from ``start`` up to ``end`` as said, and when."""
    tokens = reading.sentence.tokens
    begin = tokens[start].start
    return " ".join(speech.text[begin : tokens[end - 1].end].split()), speech.begins(begin)


def _most(hits: list[KeywordHit]) -> str:
    """The emotion of most hits; of several the one met first."""
    # A Counter keeps the order of first meeting, and max takes the first of equals.
    counts = Counter(hit.emotion for hit in hits)
    return max(counts, key=counts.__getitem__) if counts else NEUTRAL
