"""A sentence of a transcript, read: its utterances, whom its keywords are about, and the people it mentions."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from sightline.emotion.assertion import asserted_hits
from sightline.emotion.clauses import find_clause_starts, find_statement
from sightline.emotion.coordination import is_uncertain_coordination
from sightline.emotion.english import english
from sightline.emotion.first_names import is_first_name
from sightline.emotion.mentions import Mention, MentionKind, find_mentions, parts_of
from sightline.emotion.name_context import name_at
from sightline.emotion.nouns import Noun, NounKind, noun_at
from sightline.emotion.person_names import may_be_name
from sightline.emotion.referents import ReferentRole, find_referent
from sightline.emotion.speech_text import SpeechText
from sightline.emotion.spoken_names import SpokenName
from sightline.emotion.subjects import Subject, SubjectKind, noun_phrase_start
from sightline.emotion.tagging import Hit, TaggedSentence
from sightline.emotion.utterances import Utterance, split_utterances

_MAX_BESIDE_WORDS = 6
# Adverbs after which a predicate without an end mark may be complete: "Anna is here so happy today".
_ENDS_PREDICATE = frozenset({"here", "there", "today", "again", "now", "then", "too", "once"})


@dataclass(frozen=True)
class TimedMention:
    """A mention with its words and its time in seconds. ``name`` is set for a name, ``noun`` for a noun."""

    mention: Mention
    text: str
    time: float
    name: SpokenName | None = None
    noun: Noun | None = None
    beside_name: bool = False


@dataclass(frozen=True)
class Part:
    """One of the people whom a keyword is about.

    ``name`` is set for a name, ``noun`` for a noun, ``word`` for a pronoun. ``is_certain`` is False if the words may
    belong to something else: Anna in "we saw Anna and Ben looked sad".
    """

    text: str
    start: int
    name: SpokenName | None = None
    noun: Noun | None = None
    word: str = ""
    is_certain: bool = True


@dataclass(frozen=True)
class Referent:
    """Whom a keyword is about: nobody that the words name if there are no ``parts``."""

    role: ReferentRole
    parts: tuple[Part, ...]
    text: str = ""
    time: float = 0.0

    @property
    def kind(self) -> SubjectKind | None:
        """How the words refer to a person."""
        return self.role.subject.kind if self.role.subject else None


class Reading:
    """A sentence with its utterances and the referents of their keywords."""

    def __init__(self, tagged: TaggedSentence, speech: SpeechText) -> None:
        self.tagged = tagged
        self._speech = speech
        clause_starts = find_clause_starts(tagged)
        self.utterances: list[Utterance] = list(
            split_utterances(tagged, clause_starts, asserted_hits(tagged, clause_starts))
        )
        hits = [hit for utterance in self.utterances for hit in utterance.hits]
        self.referents: dict[Hit, Referent] = {hit: self._referent(hit, find_referent(tagged, hit)) for hit in hits}
        self._stated = [statement.subject for hit in tagged.hits if (statement := find_statement(tagged, hit))]

    @property
    def names(self) -> list[SpokenName]:
        """The names whose emotion the sentence states."""
        subjects = [referent.role.subject for referent in self.referents.values()]
        return [
            self._name(*part)
            for subject in (*self._stated, *subjects)
            if subject and subject.kind in (SubjectKind.NAME, SubjectKind.COORDINATION)
            for part in parts_of(self.tagged, subject)
            if self._is_name(part)
        ]

    @property
    def name_words(self) -> set[str]:
        """The words of :attr:`names`, except common words that take the place of a name."""
        return {word for name in self.names if not name.is_word for word in name.form.key_words}

    def mentions(self, known: frozenset[str]) -> list[TimedMention]:
        """Return the people mentioned, in order. ``known`` are the words of names that occur elsewhere."""
        subjects = [referent.role.subject for referent in self.referents.values() if referent.role.subject]
        mentions = find_mentions(self.tagged, [*self._stated, *subjects], known)
        # A keyword's noun is a mention even in a predicate: "there is a sad boy".
        seen = {mention.start for mention in mentions}
        mentions += [
            Mention(subject.start, subject.end, MentionKind.NOUN)
            for subject in dict.fromkeys(subjects)
            if subject.kind is SubjectKind.NOUN and subject.end - 1 not in seen and subject.start not in seen
        ]
        mentions.sort(key=lambda mention: mention.start)
        names = [m.start for m in mentions if m.kind in (MentionKind.NAME, MentionKind.POSSIBLE_NAME)]
        return [self._timed(mention, names) for mention in mentions]

    def span(self, utterance: Utterance) -> tuple[str, float, float]:
        """Return the text of ``utterance`` as transcribed, and its times in seconds."""
        tokens = self.tagged.sentence.tokens
        first = tokens[utterance.start].start
        last = self.tagged.sentence.end if utterance.end == len(tokens) else tokens[utterance.end - 1].end
        text = " ".join(self._speech.text[first:last].split()).rstrip(",;:-–— ")  # noqa: RUF001
        start = self._speech.start_time(first)
        return text, start, max(start, self._speech.end_time(last))

    def times(self, hit: Hit) -> tuple[float, float]:
        """Return the times of a keyword in seconds."""
        tokens = self.tagged.sentence.tokens
        start = self._speech.start_time(tokens[hit.start].start)
        return start, max(start, self._speech.end_time(tokens[hit.end - 1].end))

    def speaker(self, index: int) -> int | None:
        """Return the number of the voice that says the word at ``index``; None if it is not known."""
        return self._speech.speaker(self.tagged.sentence.tokens[index].start)

    def part_of(self, subject: Subject) -> Part:
        """Return the one person that ``subject`` names."""
        return self._part(subject.start, subject.end)

    def _referent(self, hit: Hit, role: ReferentRole) -> Referent:
        subject = role.subject
        if subject is None:
            return Referent(role, ())
        uncertain = is_uncertain_coordination(self.tagged, subject)
        # Without punctuation, "I saw Anna | so happy today" may be two sentences.
        is_object = not role.is_statement and subject.end <= hit.start
        marked = self.tagged.sentence.has_end_mark
        split = (not marked and is_object and subject.end < hit.start) or self._follows_predicate(hit, marked=marked)
        spans = list(parts_of(self.tagged, subject))
        parts = tuple(
            self._part(*span, is_certain=not split and (not uncertain or i + 1 == len(spans)))
            for i, span in enumerate(spans)
        )
        return Referent(role, parts, *self._source(subject.start, subject.end))

    def _follows_predicate(self, hit: Hit, *, marked: bool) -> bool:
        """Return whether a predicate is complete before ``hit``: "Anna is upset SO SAD", "Anna is here SO SAD"."""
        index = hit.start - 1
        while self.tagged.word(index) in english().degree or self.tagged.word(index).endswith("ly"):
            if not marked and self.tagged.word(index) in _ENDS_PREDICATE and index + 1 < hit.start:
                return True
            index -= 1
        return index in self.tagged.keyword_indices

    def _part(self, start: int, end: int, *, is_certain: bool = True) -> Part:
        text, _ = self._source(start, end)
        word = self.tagged.word(end - 1)
        e = english()
        if self._is_name((start, end)):
            before = self.tagged.word(start - 1)
            # In "the nurse Anna is sad" Anna may be the nurse.
            beside_carer = before in e.carers and self.tagged.word(start - 2) in e.determiners
            is_certain = is_certain and not (
                beside_carer or before == "or" or self._is_excluded(start) or self._is_governed(start, end)
            )
            return Part(text, start, name=self._name(start, end), is_certain=is_certain)
        if word in e.person_nouns and word not in e.indefinite | {"everyone", "everybody"}:
            is_certain = is_certain and not self._follows_name(end - 1)
            return Part(text, start, noun=noun_at(self.tagged, end - 1), is_certain=is_certain)
        return Part(text, start, word=word, is_certain=is_certain)

    def _follows_name(self, noun: int) -> bool:
        """Return whether the noun explains a name: "Anna the NURSE is happy"."""
        tagged, determiner = self.tagged, noun_phrase_start(self.tagged, noun)
        before = tagged.word(determiner - 1)
        is_name = is_first_name(before) or (
            tagged.is_capitalised(determiner - 1) and may_be_name(tagged, determiner - 1)
        )
        return determiner > 0 and tagged.word(determiner) == "the" and is_name

    def _is_excluded(self, start: int) -> bool:
        """Return whether a name is left out: "everyone except ANNA is happy", "all but ANNA are"."""
        before = self.tagged.words[max(start - 4, 0) : start]
        return bool(english().excluding & {*before} and {"everyone", "everybody", "all", "nobody", "none"} & {*before})

    def _is_governed(self, start: int, end: int) -> bool:
        """Return whether a name without capitals or marks may belong to a preposition: "anna next to BEN is sad"."""
        tagged = self.tagged
        is_clear = tagged.sentence.has_capitals and tagged.sentence.has_end_mark
        if is_clear or tagged.word(end).endswith("ing"):
            return False
        while is_first_name(tagged.word(start - 1)):
            start -= 1
        governing = english().prepositions | {"like", "unlike", "than", "as"}
        return tagged.word(start - 1) in governing and tagged.is_finite(end)

    def _timed(self, mention: Mention, names: list[int]) -> TimedMention:
        text, time = self._source(mention.start, mention.end)
        if mention.kind is MentionKind.PRONOUN:
            return TimedMention(mention, text, time)
        if mention.kind is MentionKind.NOUN:
            noun = noun_at(self.tagged, mention.end - 1)
            beside = bool(names) and names[0] < mention.start and self._is_beside(noun, mention.start, names)
            return TimedMention(mention, text, time, noun=noun, beside_name=beside)
        return TimedMention(mention, text, time, name=self._name(mention.start, mention.end))

    def _is_beside(self, noun: Noun, start: int, names: list[int]) -> bool:
        """Return whether a noun after a name is somebody else: "Ben plays with the BOY".

        A text without end marks is one sentence: there, only a name close by counts.
        """
        if self.tagged.sentence.has_end_mark:
            return True
        nearest = names[bisect_left(names, start) - 1]
        return noun.kind is not NounKind.PATIENT and start - nearest <= _MAX_BESIDE_WORDS

    def _is_name(self, part: tuple[int, int]) -> bool:
        e = english()
        words = self.tagged.words[part[0] : part[1]]
        number = len(words) > 1 and words[0] in e.person_nouns
        last = words[-1]
        return number or last not in e.person_nouns | e.pronouns | e.object_pronouns | e.indefinite | e.possessives

    def _name(self, start: int, end: int) -> SpokenName:
        return name_at(self.tagged, start, end, self._source(start, end)[0])

    def _source(self, start: int, end: int) -> tuple[str, float]:
        """Return the transcribed words from ``start`` up to ``end``, and the time of the first."""
        tokens = self.tagged.sentence.tokens
        first = tokens[start].start
        return " ".join(self._speech.text[first : tokens[end - 1].end].split()), self._speech.start_time(first)
