"""Whom every keyword is about: the patient, another person, or it is unclear."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from sightline.emotion.cast import Cast
from sightline.emotion.coreference import MentionHistory, pronoun_gender
from sightline.emotion.mentions import MentionKind
from sightline.emotion.models import About
from sightline.emotion.name_forms import Match
from sightline.emotion.nouns import Noun, NounKind
from sightline.emotion.sentence_reading import Part, Referent, SentenceReading, TimedMention
from sightline.emotion.spoken_names import Person
from sightline.emotion.subjects import SubjectKind
from sightline.emotion.tagging import Hit
from sightline.emotion.voices import VoiceRoles

# After a pronoun of these, the statement is about everybody: "everyone is happy", unless somebody is left out.
_EVERYBODY = frozenset({"everyone", "everybody"})


class Attributed(NamedTuple):
    """Whom a keyword is about.

    ``text`` is the person as transcribed, a pronoun replaced by the name it refers to; empty if no words name anybody.
    ``names`` are the people's names one by one, ``people`` those that are known.
    """

    text: str
    about: About
    names: tuple[str, ...] = ()
    people: tuple[Person, ...] = ()


class _Meant(NamedTuple):
    """One person that a keyword is about; ``name`` replaces a pronoun."""

    about: About
    person: Person | None = None
    name: str | None = None


class Attributor:
    """Attributes the keywords of a transcript's sentences, in order, to the people of its cast."""

    def __init__(self, cast: Cast, voices: VoiceRoles | None = None) -> None:
        self._cast = cast
        self._voices = voices
        self._history = MentionHistory(cast)
        # The names joined by "and", and the index after the last of them.
        self._group: list[Person] = []
        self._joined_to = -1

    def attribute(self, reading: SentenceReading, mentions: list[TimedMention]) -> dict[Hit, Attributed]:
        """Return whom each keyword of the next sentence is about."""
        self._history.begin_sentence()
        self._group, self._joined_to = [], -1
        waiting = deque(mentions)
        subjects = {span for referent in reading.referents.values() for span in _spans(referent)}
        attributed: dict[Hit, Attributed] = {}
        nameless: list[Hit] = []
        for hit, referent in sorted(reading.referents.items(), key=_start):
            if not referent.parts:
                nameless.append(hit)
                continue
            start = referent.parts[0].start
            while waiting and waiting[0].mention.start < start:
                self._add(reading, waiting.popleft(), subjects)
            attributed[hit] = self._attribute(reading, reading.doubted(referent))
        for mention in waiting:
            self._add(reading, mention, subjects)
        # Everybody in the sentence is being talked about, also after the keyword: "so happy today, Anna!"
        for hit in nameless:
            about = self._by_voice(reading, "", hit.start) if self._cast.is_alone else None
            attributed[hit] = Attributed("", about or self._nameless(reading.times(hit)[0], reading.referents[hit]))
        return attributed

    def _attribute(self, reading: SentenceReading, referent: Referent) -> Attributed:
        meant = [self._meant(reading, part, referent.time) for part in referent.parts]
        text = referent.text
        if referent.kind is SubjectKind.PRONOUN:
            part = referent.parts[0]
            text = meant[0].name or part.spoken or (text if part.word == "i" else part.word)
        if len(meant) > 1:
            self._history.add_together(tuple(one.person for one in meant if one.person))
        names = tuple(one.name or part.text for one, part in zip(meant, referent.parts, strict=True))
        people = tuple(one.person for one in meant if one.person)
        if referent.kind is SubjectKind.PRONOUN:
            names = (text,)
            if word_is_they(referent) and (together := self._history.resolve_they()):
                people, names = together, tuple(person.text for person in together)
        return Attributed(text, self._joined(meant), names, people)

    def _joined(self, meant: list[_Meant]) -> About:
        """Return whom a keyword about several people is about: the patient if they are one of them."""
        every = {one.about for one in meant}
        if "patient" in every:
            return "patient"
        return "other" if every == {"other"} else "unclear"

    def _meant(self, reading: SentenceReading, part: Part, time: float) -> _Meant:
        if part.name:
            person = self._cast.names.person_of(part.name)
            if self._cast.is_alone:
                return _Meant("patient", person)
            return _Meant(self._about(person) if part.is_certain else "unclear", person)
        if part.noun:
            return self._meant_by_noun(reading, part.noun, time, is_certain=part.is_certain)
        meant = self._meant_by_voice(reading, part) or self._meant_by_pronoun(reading, part, time)
        return meant if part.is_certain or self._cast.is_alone else meant._replace(about="unclear")

    def _about(self, person: Person | None) -> About:
        """Return the relation of a person to the patient."""
        cast = self._cast
        if person is None:
            return "unclear"
        if person.match is Match.OTHER:
            return "other"
        if cast.how == "undecided" or person.match is Match.UNSURE:
            return "unclear"
        if person is cast.patient:
            return "patient"
        if person.noun and person.noun.kind is NounKind.CARER:
            return "other"
        return "other" if person.is_named and cast.patient is not None else "unclear"

    def _meant_by_noun(self, reading: SentenceReading, noun: Noun, time: float, *, is_certain: bool) -> _Meant:
        person = self._cast.nouns.get(noun.key)
        if self._cast.is_alone:
            return _Meant("patient", person)
        if not is_certain or self._cast.how == "undecided":
            return _Meant("unclear", person)
        if noun.owner:
            owner = self._meant(reading, reading.part_of(noun.owner), time)
            # A relative of the patient is not the patient; one of somebody else may be.
            return _Meant("other" if owner.about == "patient" else "unclear", person)
        patient = self._cast.patient
        if patient and noun.kind is NounKind.PATIENT and not noun.is_another:
            return _Meant("patient", patient)
        genders = {noun.gender, patient and (patient.gender or patient.usual_gender)} - {None}
        if noun.kind is NounKind.GENERIC and len(genders) == 2:
            return _Meant("other", person)
        return _Meant(self._about(person), person)

    def _meant_by_pronoun(self, reading: SentenceReading, part: Part, time: float) -> _Meant:
        cast, word = self._cast, part.word
        person, name = self._history.resolve(word, time)
        if cast.is_alone:
            return _Meant("patient", person or cast.patient, name)
        if pronoun_gender(word):
            return _Meant(self._about(person), person, name)
        if cast.how == "undecided":
            return _Meant("unclear")
        if word in _EVERYBODY and not reading.excludes_after(part):
            return _Meant("patient" if cast.patient else "unclear", cast.patient)
        if word in ("they", "them", "both") and (people := self._history.resolve_they()):
            about: list[_Meant] = [_Meant(self._about(person)) for person in people]
            return _Meant(self._joined(about))
        return _Meant("unclear")

    def _meant_by_voice(self, reading: SentenceReading, part: Part) -> _Meant | None:
        """Return whom "I" or "you" is about by who says it; None if the voice does not tell."""
        about = self._by_voice(reading, part.word, part.start)
        patient = self._cast.patient if about == "patient" else None
        return _Meant(about, patient, patient.text if patient and patient.is_named else None) if about else None

    def _by_voice(self, reading: SentenceReading, word: str, index: int) -> About | None:
        return self._voices.about(word, reading.speaker(index)) if self._voices else None

    def _nameless(self, time: float, referent: Referent) -> About:
        """Return whom a keyword is about that names nobody: the patient, if nobody else is being talked about."""
        cast = self._cast
        if cast.is_alone:
            return "patient"
        topic = self._history.topic(time)
        only_patient = cast.patient is not None and topic == {cast.patient} and cast.how != "undecided"
        return "patient" if only_patient and not referent.role.is_thing else "unclear"

    def _add(self, reading: SentenceReading, timed: TimedMention, subjects: set[int]) -> None:
        """Add a mention to the history."""
        mention, history = timed.mention, self._history
        if mention.kind is MentionKind.PRONOUN:
            history.add_pronoun(timed.word, timed.time)
        elif timed.name:
            text = timed.text if mention.kind is MentionKind.NAME and not timed.name.is_lower else None
            people = self._cast.names.people_of(timed.name)
            history.add_names(people, text, timed.time, is_subject=mention.is_subject)
            joined = self._joined_to == mention.start - 1 and reading.joins(mention.start - 1)
            self._group = [*self._group, *people] if joined else people
            self._joined_to = mention.end
            if len(self._group) > 1:
                history.add_together(tuple(self._group))
        elif timed.noun and (mention.stands_out or mention.start in subjects):
            self._add_noun(timed, timed.noun)

    def _add_noun(self, timed: TimedMention, noun: Noun) -> None:
        person = self._cast.nouns.get(noun.key)
        is_patient = self._cast.patient is not None and noun.kind is NounKind.PATIENT and not noun.is_another
        if is_patient and self._cast.how != "undecided":
            person = self._cast.patient
        text = timed.text if timed.mention.is_subject else None
        self._history.add_noun(person, noun.gender, text, timed.time)


def word_is_they(referent: Referent) -> bool:
    """Return whether the referent is "they" or "both"."""
    return bool(referent.parts) and referent.parts[0].word in ("they", "them", "both")


def _spans(referent: Referent) -> set[int]:
    return {part.start for part in referent.parts}


def _start(item: tuple[Hit, Referent]) -> int:
    hit, referent = item
    return referent.parts[0].start if referent.parts else hit.start
