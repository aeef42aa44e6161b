"""The analysis of a transcript: asserted keywords, whom they are about, annotations and the timeline."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from sightline.emotion.attribution import Attributed, Attributor
from sightline.emotion.cast import Cast, SpokenNoun, make_cast
from sightline.emotion.coreference import pronoun_gender
from sightline.emotion.first_names import is_common_word
from sightline.emotion.keywords import NEUTRAL, Keywords, load_keywords
from sightline.emotion.languages.loading import Languages, load_languages
from sightline.emotion.languages.reading import TableReading
from sightline.emotion.lexicon import Lexicon
from sightline.emotion.mentions import MentionKind
from sightline.emotion.models import Annotation, EmotionFindings, KeywordHit
from sightline.emotion.name_forms import NameBook
from sightline.emotion.passages import Passage, find_passages
from sightline.emotion.patient_names import PatientNames
from sightline.emotion.reading import Reading
from sightline.emotion.sentence_reading import SentenceReading, TimedMention
from sightline.emotion.sentences import split_sentences
from sightline.emotion.speech_text import SpeechText
from sightline.emotion.tagging import Hit, TaggedSentence
from sightline.emotion.timeline import Cue, make_timeline
from sightline.emotion.tokens import END_MARKS
from sightline.emotion.utterances import Utterance
from sightline.emotion.verdict import Evidence, attribution_of
from sightline.emotion.voices import VoiceRoles, VoicesUsed, find_patient_voice
from sightline.speech import Segment, Transcript

PAUSE_SECONDS = 2.0
"""A silence of this length ends a sentence if the transcript has no end marks."""


def find_emotions(
    transcript: Transcript,
    duration: float,
    keywords: Keywords | None = None,
    *,
    names: PatientNames | None = None,
    languages: Languages | None = None,
    voices: VoicesUsed | None = None,
) -> EmotionFindings:
    """Find the emotions attributed to people in ``transcript``, and the patient's timeline over ``duration`` seconds.

    A keyword counts if it is asserted. A keyword that is negated ("isn't happy"), part of a question ("is she happy?")
    or hypothetical ("if he is happy", "wants to be happy") does not count, neither for its emotion nor for another. The
    table's discourse words count only if they describe a person. An utterance has at most one annotation; a sentence
    about two people is split into two utterances. Times outside the duration are moved to its nearer end.

    Only keywords about the patient, who has one of ``names``, count for ``dominant``, ``keywords`` and ``timeline``. If
    no name is known, the only person who is talked about is the patient; if there are several, nothing counts.

    Every segment is read in its own language, if ``languages`` has a table for it, otherwise in its English
    translation. Without both it labels nothing, and a warning says so.

    ``voices`` are those of the segments' speakers, if they were told apart: "I am sad" counts if it is the patient's
    voice, or no other voice is heard. Without them, it counts if nobody else is talked about.

    ``keywords`` and ``languages`` are the built-in tables by default. Raises ``ValueError`` if the duration is negative
    or not finite.
    """
    return find_emotions_in(
        transcript.segments,
        duration,
        keywords,
        names=names,
        language=transcript.language,
        languages=languages,
        voices=voices,
    )


def find_emotions_in(
    segments: Sequence[Segment],
    duration: float,
    keywords: Keywords | None = None,
    *,
    names: PatientNames | None = None,
    language: str | None = None,
    languages: Languages | None = None,
    voices: VoicesUsed | None = None,
) -> EmotionFindings:
    """Find the emotions in the ``segments`` of a transcript in ``language``, as :func:`find_emotions` does.

    The result depends on the arguments only: a stored session is labelled again from its stored segments and duration
    when the names of its patient become known.
    """
    if not (math.isfinite(duration) and duration >= 0):
        raise ValueError(f"invalid duration: {duration} seconds. It must be finite and 0 or more")
    table = keywords or load_keywords()
    book = NameBook(names or PatientNames())
    found = find_passages(segments, language, languages or load_languages(), table.emotions)
    lexicon = Lexicon(table)
    passages = [(passage, _read(passage, duration, lexicon, book)) for passage in found.passages]
    readings = [reading for _, read in passages for reading in read]
    sources = [passage.translated_from for passage, read in passages for _ in read]
    mentions = _mentions(readings, book)
    cast = _cast(readings, mentions, book)
    voice = find_patient_voice(segments, voices, book) if voices and voices.heard else None
    attributor = Attributor(cast, VoiceRoles(voices, voice) if voices and voice else None)
    hits: list[KeywordHit] = []
    annotations: list[Annotation] = []
    cues: list[Cue] = []
    evidence: list[Evidence] = []
    for reading, mentioned, source in zip(readings, mentions, sources, strict=True):
        attributed = attributor.attribute(reading, mentioned)
        for utterance in reading.utterances:
            span = reading.span(utterance)
            now = [_keyword_hit(reading, hit, attributed[hit]) for hit in utterance.hits]
            hits += now
            evidence += [Evidence(hit.entry.emotion, span.shown, attributed[hit]) for hit in utterance.hits]
            annotations += _annotations(reading, utterance, attributed, source)
            if counting := [hit for hit in now if hit.about == "patient"]:
                cues.append(Cue(span.start, span.end, _most_frequent(counting), span.shown))
    counting = [hit for hit in hits if hit.about == "patient"]
    labels = [hit for hit in counting if hit.emotion in table.emotions]
    others = _words_by_emotion(hit for hit in counting if hit.emotion not in table.emotions)
    found_in_table = _words_by_emotion(labels)
    return EmotionFindings(
        dominant=_most_frequent(labels),
        keywords={emotion: found_in_table[emotion] for emotion in table.emotions if emotion in found_in_table},
        hits=tuple(hits),
        annotations=tuple(annotations),
        timeline=make_timeline(cues, duration),
        attribution=attribution_of(cast, book, evidence, voice),
        warnings=(*found.warnings, *([_unlabelled(others)] if others else [])),
        other_emotions=others,
    )


def _words_by_emotion(hits: Iterable[KeywordHit]) -> dict[str, list[str]]:
    words: dict[str, list[str]] = {}
    for hit in hits:
        words.setdefault(hit.emotion, []).append(hit.word)
    return words


def _unlabelled(others: dict[str, list[str]]) -> str:
    said = "; ".join(f"{emotion} ({', '.join(dict.fromkeys(words))})" for emotion, words in others.items())
    return (
        f"the words also express what no session is labelled with: {said}. To label sessions with it, add the emotion "
        "to a keyword table (EMOTION_KEYWORDS)"
    )


def _read(passage: Passage, duration: float, lexicon: Lexicon, book: NameBook) -> list[SentenceReading]:
    speech = SpeechText(passage.segments, duration, is_translated=passage.translated_from is not None)
    # A silence may be a hesitation inside a sentence: it ends one only if the transcript has no punctuation.
    pauses = () if END_MARKS.intersection(speech.text) else speech.pauses(PAUSE_SECONDS)
    breaks = [*pauses, *speech.speaker_changes()]
    grammar = passage.grammar
    if grammar is None:
        sentences = split_sentences(speech.text, breaks, speech.segment_starts)
        return [Reading(TaggedSentence(sentence, lexicon), speech) for sentence in sentences]
    sentences = split_sentences(speech.text, breaks, speech.segment_starts, grammar.orthography)
    return [TableReading(sentence, grammar, speech, book.words) for sentence in sentences]


def _mentions(readings: list[SentenceReading], book: NameBook) -> list[list[TimedMention]]:
    """Return the mentions of every sentence; a name that is certain in one sentence is known in the others."""
    known = book.words | {word for reading in readings for word in reading.name_words}
    first = [reading.mentions(known) for reading in readings]
    found = {
        word
        for mentioned in first
        for timed in mentioned
        if timed.name and (timed.mention.kind is MentionKind.NAME or not timed.name.is_lower)
        for word in timed.name.form.key_words
        if not is_common_word(word)
    }
    return first if found <= known else [reading.mentions(known | found) for reading in readings]


def _cast(readings: list[SentenceReading], mentions: list[list[TimedMention]], book: NameBook) -> Cast:
    every = [timed for mentioned in mentions for timed in mentioned]
    names = [timed.name for timed in every if timed.name]
    names += [name for reading in readings for name in reading.names]
    stated = {
        part.noun.key
        for reading in readings
        for referent in reading.referents.values()
        for part in referent.parts
        if part.noun
    }
    nouns = [
        SpokenNoun(timed.noun, timed.mention.stands_out or timed.noun.key in stated, timed.beside_name)
        for timed in every
        if timed.noun
    ]
    words = {timed.word for mentioned in mentions for timed in mentioned if timed.mention.kind is MentionKind.PRONOUN}
    genders = frozenset(gender for word in words if (gender := pronoun_gender(word)))
    return make_cast(names, nouns, genders, book)


def _keyword_hit(reading: SentenceReading, hit: Hit, attributed: Attributed) -> KeywordHit:
    start, end = reading.times(hit)
    return KeywordHit(
        emotion=hit.entry.emotion,
        word=hit.entry.keyword,
        start=start,
        end=end,
        person=attributed.text or None,
        about=attributed.about,
        speaker=reading.speaker(hit.start),
    )


def _annotations(
    reading: SentenceReading, utterance: Utterance, attributed: dict[Hit, Attributed], source: str | None
) -> list[Annotation]:
    """Return the annotation of an utterance: that of its statement, or else of the person whom an object names."""
    statement = utterance.statement.hit if utterance.statement else None
    hit = statement or next((hit for hit in utterance.hits if reading.names_object(reading.referents[hit])), None)
    if hit is None or hit not in attributed:
        return []
    span = reading.span(utterance)
    one = attributed[hit]
    return [
        Annotation(
            person=one.text,
            emotion=hit.entry.emotion,
            text=span.text,
            start=span.start,
            end=span.end,
            about=one.about,
            people=one.names,
            is_pronoun=reading.is_pronoun(one.text),
            translated_from=source,
            spoken=span.spoken,
            speaker=reading.speaker(hit.start),
        )
    ]


def _most_frequent(hits: Iterable[KeywordHit]) -> str:
    """Return the emotion with the most hits; a tie goes to the one that comes first."""
    # A Counter keeps the order of first occurrence, and max returns the first of equals.
    counts = Counter(hit.emotion for hit in hits)
    return max(counts, key=counts.__getitem__) if counts else NEUTRAL
