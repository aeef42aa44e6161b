"""The analysis of a transcript: asserted keywords, annotations and the timeline."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterator
from typing import NamedTuple

from sightline.emotion.assertion import asserted_hits
from sightline.emotion.clauses import Statement, find_clause_starts, find_statement
from sightline.emotion.coreference import Mention, MentionHistory, find_mentions
from sightline.emotion.keywords import NEUTRAL, Keywords, load_keywords
from sightline.emotion.lexicon import Lexicon
from sightline.emotion.models import Annotation, EmotionFindings, KeywordHit
from sightline.emotion.sentences import split_sentences
from sightline.emotion.speech_text import SpeechText
from sightline.emotion.subjects import SubjectKind
from sightline.emotion.tagging import Hit, TaggedSentence
from sightline.emotion.timeline import Cue, make_timeline
from sightline.emotion.tokens import END_MARKS
from sightline.emotion.utterances import Utterance, split_utterances
from sightline.speech import Transcript

PAUSE_SECONDS = 2.0
"""A silence of this length ends a sentence if the transcript has no end marks."""


def find_emotions(transcript: Transcript, duration: float, keywords: Keywords | None = None) -> EmotionFindings:
    """Find the emotions attributed to people in ``transcript``, and the timeline over ``duration`` seconds.

    A keyword counts if it is asserted. A keyword that is negated ("isn't happy"), part of a question ("is she happy?")
    or hypothetical ("if he is happy", "wants to be happy") does not count, neither for its emotion nor for another. The
    table's discourse words count only if they describe a person. An utterance has at most one annotation; a sentence
    about two people is split into two utterances. Times outside the duration are moved to its nearer end.

    ``keywords`` is the built-in table by default. Raises ``ValueError`` if the duration is negative or not finite.
    """
    if not (math.isfinite(duration) and duration >= 0):
        raise ValueError(f"invalid duration: {duration} seconds. It must be finite and 0 or more")
    table = keywords or load_keywords()
    lexicon = Lexicon(table)
    speech = SpeechText(transcript, duration)
    history = MentionHistory()
    hits: list[KeywordHit] = []
    annotations: list[Annotation] = []
    cues: list[Cue] = []
    # A silence may be a hesitation inside a sentence: it ends one only if the transcript has no punctuation.
    pauses = () if END_MARKS.intersection(speech.text) else speech.pauses(PAUSE_SECONDS)
    for sentence in split_sentences(speech.text, pauses, speech.segment_starts):
        tagged = TaggedSentence(sentence, lexicon)
        for utterance in _timed_utterances(tagged, speech, history):
            hits += utterance.hits
            if utterance.annotation:
                annotations.append(utterance.annotation)
            if utterance.hits:
                cues.append(Cue(utterance.start, utterance.end, _most_frequent(utterance.hits), utterance.text))
    return EmotionFindings(
        dominant=_most_frequent(hits),
        keywords={
            emotion: words
            for emotion in table.emotions
            if (words := [hit.word for hit in hits if hit.emotion == emotion])
        },
        hits=tuple(hits),
        annotations=tuple(annotations),
        timeline=make_timeline(cues, duration),
    )


class _TimedUtterance(NamedTuple):
    """An utterance with its text and times."""

    text: str
    start: float
    end: float
    hits: list[KeywordHit]
    annotation: Annotation | None


def _timed_utterances(tagged: TaggedSentence, speech: SpeechText, history: MentionHistory) -> Iterator[_TimedUtterance]:
    clause_starts = find_clause_starts(tagged)
    utterances = list(split_utterances(tagged, clause_starts, asserted_hits(tagged, clause_starts)))
    persons = _resolve_persons(tagged, speech, history, utterances)
    tokens = tagged.sentence.tokens
    for utterance in utterances:
        ends_sentence = utterance.end == len(tokens)
        first = tokens[utterance.start].start
        last = tagged.sentence.end if ends_sentence else tokens[utterance.end - 1].end
        text = " ".join(speech.text[first:last].split()).rstrip(",;:-–— ")  # noqa: RUF001
        start = speech.start_time(first)
        end = max(start, speech.end_time(last))
        annotation = None
        if utterance.statement:
            annotation = Annotation(
                person=persons[utterance.statement],
                emotion=utterance.statement.hit.entry.emotion,
                text=text,
                start=start,
                end=end,
            )
        hits = [_timed_hit(tagged, speech, hit) for hit in utterance.hits]
        yield _TimedUtterance(text, start, end, hits, annotation)


def _timed_hit(tagged: TaggedSentence, speech: SpeechText, hit: Hit) -> KeywordHit:
    tokens = tagged.sentence.tokens
    start = speech.start_time(tokens[hit.start].start)
    end = speech.end_time(tokens[hit.end - 1].end)
    return KeywordHit(emotion=hit.entry.emotion, word=hit.entry.keyword, start=start, end=max(start, end))


def _resolve_persons(
    tagged: TaggedSentence, speech: SpeechText, history: MentionHistory, utterances: list[Utterance]
) -> dict[Statement, str]:
    """Return the person of every statement; a pronoun is resolved by the mentions before it."""
    statements = [statement for hit in tagged.hits if (statement := find_statement(tagged, hit))]
    mentions = deque(find_mentions(tagged, statements))
    persons: dict[Statement, str] = {}
    for statement in (utterance.statement for utterance in utterances if utterance.statement):
        subject = statement.subject
        while mentions and mentions[0].start < subject.start:
            _add_mention(tagged, speech, history, mentions.popleft())
        text, time = _source_text(tagged, speech, subject.start, subject.end)
        if subject.kind is SubjectKind.PRONOUN:
            word = tagged.word(subject.start)
            text = history.resolve(word, time) or (text if word == "i" else word)
        persons[statement] = text
    for mention in mentions:
        _add_mention(tagged, speech, history, mention)
    return persons


def _add_mention(tagged: TaggedSentence, speech: SpeechText, history: MentionHistory, mention: Mention) -> None:
    history.add(mention, *_source_text(tagged, speech, mention.start, mention.end))


def _source_text(tagged: TaggedSentence, speech: SpeechText, start: int, end: int) -> tuple[str, float]:
    """Return the transcribed words from ``start`` up to ``end``, and the time of the first."""
    tokens = tagged.sentence.tokens
    first = tokens[start].start
    return " ".join(speech.text[first : tokens[end - 1].end].split()), speech.start_time(first)


def _most_frequent(hits: list[KeywordHit]) -> str:
    """Return the emotion with the most hits; a tie goes to the one that comes first."""
    # A Counter keeps the order of first occurrence, and max returns the first of equals.
    counts = Counter(hit.emotion for hit in hits)
    return max(counts, key=counts.__getitem__) if counts else NEUTRAL
