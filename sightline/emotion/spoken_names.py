"""The names in a transcript, joined to people: "Anna" and "Anna Lopez" are one person if nobody else fits."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from sightline.emotion.english import english
from sightline.emotion.first_names import Gender, is_common_word, is_first_name, plain, usual_gender
from sightline.emotion.name_forms import Match, NameBook, NameForm
from sightline.emotion.nouns import Noun


@dataclass(eq=False)
class Person:
    """Somebody whom a transcript talks about; ``text`` is their name as transcribed, or a noun or a pronoun.

    ``gender`` is certain: a title, a noun or a pronoun states it. ``usual_gender`` is that of most people of that name.
    ``may_be_asked``: a reviewer can say whose name it is; none can if it may be two names, or if a list has it.
    ``may_be_two``: wherever the name occurs, it may be the names of two people.
    """

    text: str
    match: Match = Match.UNLISTED
    gender: Gender | None = None
    usual_gender: Gender | None = None
    is_named: bool = False
    may_be_asked: bool = True
    may_be_two: bool = False
    noun: Noun | None = None


class SpokenName(NamedTuple):
    """A name in a transcript. ``gender`` is that of a noun beside it: "a BOY named Ben".

    ``may_be_two``: it may be two people's names, as in "I told Ben Anna is sad". ``is_lower``: it is written without
    capitals. ``is_word``: it is a common word where a name may stand: "dinner is calm". ``place``
    is its offset in the transcript's text, in characters; ``before`` is the word before it.
    """

    text: str
    form: NameForm
    gender: Gender | None = None
    may_be_two: bool = False
    is_lower: bool = False
    is_word: bool = False
    place: int = 0
    before: str = ""


class SpokenNames:
    """The people whom the names of a transcript denote. The patient's names denote one person, :attr:`patient`."""

    def __init__(self, names: Iterable[SpokenName], book: NameBook) -> None:
        self._book = book
        every = [name for name in names if not name.is_word or book.match(name.form) is not Match.UNLISTED]
        self._pairs = {words for name in every if len(words := _without_words(name)) == 2}
        self._single = {words for name in every if len(words := self._words(name)) == 1} | {
            (word,) for word in book.words
        }
        self.patient = _patient(book)
        self._people: dict[NameForm, Person] = {}
        parts = [(part, name) for name in every for part in self._split(name)]
        # After "next to" or "saw", one of two names may be the object and the other one a subject.
        objects = english().before_people | english().prepositions
        places = {
            (part.words, name.place)
            for part, name in parts
            if name.before not in objects and len(self._words(name)) >= len(name.form.words)
        }
        self._times = Counter(words for words, _ in places)
        forms = dict(reversed([(part, name) for part, name in parts]))
        self._certain = certain = {part for part, name in parts if not self._is_uncertain(part, name)}
        by_word: dict[str, list[NameForm]] = defaultdict(list)
        for form in certain:
            for word in dict.fromkeys(form.words):
                by_word[word].append(form)
        # "Anna Smith" and "Anna Jones" are not both the patient Anna.
        extended = sum(self._is_extension(form) for form in certain) > 1
        for form, name in forms.items():
            unsure = form not in certain or (extended and self._is_extension(form))
            self._people[form] = self._person(form, name, _longest(form, by_word), unsure=unsure)
        self._follow_longer_forms(by_word)
        self.people = list(dict.fromkeys(self._people[part] for part, _ in parts))
        for person in self.people:
            person.may_be_two = person is not self.patient
        for part, name in parts:
            person = self._people[part]
            person.may_be_two &= self._is_uncertain(part, name)
            person.gender = person.gender or name.gender

    def people_of(self, name: SpokenName) -> list[Person]:
        """Return the people that the name denotes: two if it is the names of two."""
        return [self._people[part] for part in self._split(name) if part in self._people]

    def person_of(self, name: SpokenName) -> Person | None:
        """Return the person that the name denotes where it is a subject: the second one of two."""
        people = self.people_of(name)
        return people[-1] if people else None

    def _words(self, name: SpokenName) -> tuple[str, ...]:
        """Return the words of the name; without capitals, the second word of two may be found alone: "sad mary ANN"."""
        words = _without_words(name)
        pair = (plain(name.before), *words)
        is_second = name.is_lower and len(words) == 1 and (pair in self._pairs or is_first_name(name.before))
        return pair if is_second and not name.form.title else words

    def _split(self, name: SpokenName) -> list[NameForm]:
        """Return the names of two people in ``name``, if each of them occurs alone and a list does not join them."""
        form = name.form._replace(words=self._words(name))
        if len(form.words) < 2 or not (name.may_be_two or name.is_lower):
            return [form]
        if self._book.match(form) in (Match.PATIENT, Match.OTHER):
            return [form]
        if all((word,) in self._single for word in form.words):
            return [NameForm(form.title if i == 0 else "", (word,)) for i, word in enumerate(form.words)]
        return [form]

    def _is_uncertain(self, form: NameForm, name: SpokenName) -> bool:
        # Nobody addresses the same two people twice, and neither of them alone.
        is_repeated = self._times[form.words] > 1 and not any((word,) in self._single for word in form.words)
        return len(form.words) > 1 and name.may_be_two and not is_repeated

    def _person(self, form: NameForm, name: SpokenName, longer: list[NameForm], *, unsure: bool) -> Person:
        match = self._book.match(form, may_be_two=unsure)
        others = [other for other in longer if self._book.match(other) is not Match.PATIENT]
        # A list with "Anna" among the patient's names and "Anna Smith" among the others says whose "Anna" is.
        is_ambiguous = len(longer) > 1 and len(others) > 0 and match is Match.UNLISTED and self._fits_patient(longer)
        if match is Match.PATIENT and others:
            is_ambiguous = not all(map(self._book.is_listed, [form, *others]))
        if is_ambiguous:
            match = Match.UNSURE
        if match is Match.PATIENT:
            return self.patient
        text = name.text if name.form == form else " ".join(form.words)
        if form.title in english().carers:
            text = f"{form.title} {text}"
        is_extended = any(form.extends(short) for short in self._book.forms)
        is_name = (form in self._certain or is_extended) and not self._book.is_listed(form)
        is_name = is_name and not is_ambiguous
        gender = form._replace(words=()).gender
        usual = _usual(form) if form in self._certain else None
        return Person(text, match, gender, usual, is_named=True, may_be_asked=is_name)

    def _follow_longer_forms(self, by_word: dict[str, list[NameForm]]) -> None:
        """Let every short form denote the person of its only longer form."""
        for form in sorted(self._people, key=lambda form: -len(form.words)):
            longer = _longest(form, by_word)
            if len(longer) != 1:
                continue
            person, full = self._people[form], self._people[longer[0]]
            if person.match is Match.UNLISTED and full is not person:
                if person.gender and full.gender and person.gender is not full.gender:
                    continue
                full.gender, full.usual_gender = full.gender or person.gender, full.usual_gender or person.usual_gender
                self._people[form] = full

    def _fits_patient(self, forms: list[NameForm]) -> bool:
        return any(self._book.match(form) in (Match.PATIENT, Match.UNSURE) for form in forms)

    def _is_extension(self, form: NameForm) -> bool:
        """Return whether the form is a name of the patient with words that no list has."""
        return self._book.match(form) is Match.PATIENT and not any(form.is_form_of(full) for full in self._book.forms)


def _patient(book: NameBook) -> Person:
    text = book.names.theirs[0] if book.names.theirs else ""
    stated = book.stated_gender
    return Person(text, Match.PATIENT, stated, None if stated else book.gender, is_named=book.is_known)


def _without_words(name: SpokenName) -> tuple[str, ...]:
    """Return the words of the name without others before it: "toys ben" in text without capitals, "Unlike Ben"."""
    words = name.form.words
    others = english().before_people | english().prepositions
    while len(words) > 1 and (words[0] in others or (name.is_lower and is_common_word(words[0]))):
        words = words[1:]
    # "Are you sad Ben Ben is happy" names one person.
    for length in range(1, len(words) // 2 + 1):
        if words == words[:length] * (len(words) // length):
            return words[:length]
    return words


def _usual(form: NameForm) -> Gender | None:
    return usual_gender(form.words[0]) if form.words else None


def _longest(form: NameForm, others: dict[str, list[NameForm]]) -> list[NameForm]:
    """Return the longest forms of which ``form`` is a short one: "Anna Lopez" for "Anna".

    ``others`` are the forms with each word.
    """
    same_word = others.get(form.words[0], ()) if form.words else ()
    longer = [other for other in same_word if other != form and form.is_form_of(other) and not _is_bare(form, other)]
    return [full for full in longer if not any(full != other and full.is_form_of(other) for other in longer)]


def _is_bare(form: NameForm, other: NameForm) -> bool:
    """Return whether ``other`` has the same words and no more of a title than ``form``."""
    return form.words == other.words and (not other.title or bool(form.title))
