"""What the findings say about the patient: how they were found, the names to ask about, and what is unusable."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sightline.emotion.attribution import Attributed
from sightline.emotion.cast import Cast
from sightline.emotion.models import About, Attribution, NameQuestion, PatientVoice
from sightline.emotion.name_forms import Match, NameBook
from sightline.emotion.spoken_names import Person

_MAX_STATEMENTS = 10


class Evidence(NamedTuple):
    """A keyword's emotion, the text of its utterance and whom it is about."""

    emotion: str
    text: str
    attributed: Attributed


def attribution_of(
    cast: Cast, book: NameBook, evidence: Sequence[Evidence], voice: PatientVoice | None = None
) -> Attribution:
    """Return how the patient was found, the names to ask about, and why the emotion is not usable, if it is not.

    ``voice``: which voice is the patient's, if the speakers were told apart.
    """
    statements = _statements(evidence)
    ask = tuple(
        NameQuestion(name=person.text, statements=tuple(statements.get(person, ()))[:_MAX_STATEMENTS])
        for person in _asked(cast, book, statements)
    )
    names = book.names.theirs or ((cast.patient.text,) if cast.patient and cast.patient.is_named else ())
    listed = ", ".join(question.name for question in ask)
    warning = unusable = None
    if cast.how == "undecided":
        people = " and ".join(person.text for person in cast.candidates)
        warning = f"several people are talked about, {people}, and no name of the patient is known"
        unusable = f"it is not decided which of them is the patient: {', '.join(p.text for p in cast.candidates)}"
    elif cast.how == "assumed" and cast.patient:
        name = cast.patient.text
        warning = f"no name of the patient is known: {name}, the only person talked about, is taken for the patient"
        if not cast.is_alone:
            warning = f"no name of the patient is known: {name} is taken for the patient"
    elif ask:
        plural = len(ask) > 1
        warning = f"{listed} may be {'names' if plural else 'a name'} of the patient"
        unusable = f"it is not decided whether {listed} {'are names' if plural else 'is a name'} of the patient"
    if unusable is None and (open_text := _decisive_unclear(evidence)):
        unusable = f'it is not clear whom this is about: "{open_text}"'
        warning = warning or unusable
    if voice and voice.how == "undecided" and _count(evidence, "unclear"):
        warning = "; ".join(filter(None, [warning, f"the patient's voice is not known: {voice.why} (--patient-voice)"]))
    return Attribution(how=cast.how, names=tuple(names), ask=ask, warning=warning, unusable=unusable, voice=voice)


def _asked(cast: Cast, book: NameBook, statements: Mapping[Person, Iterable[str]]) -> list[Person]:
    """Return the people whose names a reviewer should be asked about."""
    if cast.how == "undecided":
        return [person for person in cast.candidates if person.is_named]
    if not book.is_known:
        return []
    unsure = [person for person in cast.names.people if person.match is Match.UNSURE and person.may_be_asked]
    # Nobody says the folder's name: the patient may have another.
    if book.names.from_folder and cast.patient not in cast.everyone:
        unsure += [person for person in cast.names.people if person.match is Match.UNLISTED and person in statements]
    return unsure


def _statements(evidence: Iterable[Evidence]) -> dict[Person, dict[str, None]]:
    """Return the texts of the statements about every person, in order."""
    statements: defaultdict[Person, dict[str, None]] = defaultdict(dict)
    for one in evidence:
        for person in one.attributed.people:
            statements[person][one.text] = None
    return statements


def _decisive_unclear(evidence: Sequence[Evidence]) -> str:
    """Return a statement that could change the emotion if it is about the patient; empty if none can."""
    certain = _count(evidence, "patient")
    unclear = _count(evidence, "unclear")
    if not unclear:
        return ""
    dominant = max(certain, key=certain.__getitem__) if certain else None
    for one in evidence:
        if one.attributed.about != "unclear" or one.emotion == dominant:
            continue
        if dominant is None or certain[one.emotion] + unclear[one.emotion] >= certain[dominant]:
            return one.text
    return ""


def _count(evidence: Iterable[Evidence], about: About) -> Counter[str]:
    return Counter(one.emotion for one in evidence if one.attributed.about == about)
