"""Coreference: the people mentioned so far, and the person that a pronoun refers to."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from sightline.emotion.cast import Cast
from sightline.emotion.english import english
from sightline.emotion.first_names import Gender
from sightline.emotion.name_forms import Match
from sightline.emotion.spoken_names import Person

RECENT_SECONDS = 60.0
"""A pronoun may refer to a person mentioned at most this long before."""

_MAX_MENTIONS = 200


@dataclass(frozen=True)
class _Event:
    """A mention in the order of speech. ``person`` is None if a pronoun's reference is ambiguous.

    ``text`` is the name, if a pronoun may be replaced by it.
    """

    time: float
    sentence: int
    person: Person | None
    gender: Gender | None
    is_name: bool
    text: str | None


def pronoun_gender(word: str) -> Gender | None:
    """Return the gender of a pronoun; None if it has none."""
    e = english()
    if word in e.male:
        return Gender.MALE
    return Gender.FEMALE if word in e.female else None


class MentionHistory:
    """The recent mentions of people in a transcript, in order.

    A pronoun refers to a person if nobody else with its gender was mentioned in the last ``RECENT_SECONDS``. After
    "John is here with his mum. He smiles at Ben." no rule can resolve "he". The usual gender of names counts only if
    ``cast`` says who the patient is: otherwise it would decide which statements a reviewer sees under which name.
    """

    def __init__(self, cast: Cast) -> None:
        self._cast = cast
        # Bounds the time per sentence if all times of a transcript are equal.
        self._recent: deque[_Event] = deque(maxlen=_MAX_MENTIONS)
        self._sentence = 0
        self._last: _Event | None = None
        self._together: tuple[int, tuple[Person, ...]] = (-1, ())

    def begin_sentence(self) -> None:
        """Begin the next sentence."""
        self._sentence += 1

    def add_names(self, people: Iterable[Person], text: str | None, time: float, *, is_subject: bool) -> None:
        """Add the mention of people by name; ``text`` may replace a pronoun that refers to them.

        A name that is the subject of a sentence takes the place of nouns and pronouns in the sentences before.
        """
        if is_subject:
            kept = [event for event in self._recent if event.is_name or event.sentence == self._sentence]
            self._recent = deque(kept, maxlen=_MAX_MENTIONS)
        for person in people:
            self._append(_Event(time, self._sentence, person, None, is_name=True, text=text))

    def add_noun(self, person: Person | None, gender: Gender | None, text: str | None, time: float) -> None:
        """Add the mention of a person by a noun; ``person`` is None if it is not known who it is."""
        self._append(_Event(time, self._sentence, person, gender, is_name=text is not None, text=text))

    def add_together(self, people: tuple[Person, ...]) -> None:
        """Add people who are the subject of one verb, to whom "they" may refer."""
        self._together = (self._sentence, people)

    def add_pronoun(self, word: str, time: float) -> None:
        """Add a pronoun, which keeps the person that it refers to in mind."""
        gender = pronoun_gender(word)
        person, text = self.resolve(word, time)
        if person and gender and person.is_named and not self._gender(person):
            person.gender = gender
        self._append(_Event(time, self._sentence, person, gender, is_name=person is not None, text=text))

    def resolve(self, word: str, time: float) -> tuple[Person | None, str | None]:
        """Return the person that a pronoun refers to at ``time`` and their name; None if the reference is ambiguous."""
        gender = pronoun_gender(word)
        if gender is None:
            return None, None
        recent = [event for event in self._recent if event.time >= time - RECENT_SECONDS and self._fits(event, gender)]
        people = {event.person for event in recent}
        if not people:
            return self._only_one_of(gender), None
        if len(people) > 1 or None in people:
            return None, None
        texts = [event.text for event in recent if event.text]
        return people.pop(), texts[-1] if texts else None

    def resolve_they(self) -> tuple[Person, ...]:
        """Return the people that "they" refers to: the subject of this sentence or of the one before."""
        sentence, people = self._together
        return people if sentence >= self._sentence - 1 else ()

    def topic(self, time: float) -> set[Person | None]:
        """Return the people who are being talked about at ``time``; None stands for somebody who is not known."""
        people = {event.person for event in self._recent if event.time >= time - RECENT_SECONDS}
        if not people and self._last:
            people = {self._last.person}
        return people

    def _append(self, event: _Event) -> None:
        self._recent.append(event)
        self._last = event
        while self._recent and self._recent[0].time < event.time - RECENT_SECONDS:
            self._recent.popleft()

    def _gender(self, person: Person) -> Gender | None:
        return person.gender or (None if self._cast.how == "undecided" else person.usual_gender)

    def _fits(self, event: _Event, gender: Gender) -> bool:
        known = event.gender or (self._gender(event.person) if event.person else None)
        return known is None or known is gender

    def _only_one_of(self, gender: Gender) -> Person | None:
        """Return the patient if nobody else who is talked about has this gender."""
        patient = self._cast.patient
        people = [person for person in self._cast.everyone if self._gender(person) in (None, gender)]
        return patient if people == [patient] and patient and patient.match is not Match.OTHER else None
