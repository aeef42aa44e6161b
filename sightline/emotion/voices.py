"""Which voice of a recording is the patient's, and whom "I" and "you" are about then.

The user states the voice, or it is known from earlier sessions, or what is said tells it: a voice that says "my name is
Ana" is Ana's, and so is the one of two that answers "How are you, Ana?". Otherwise it is undecided, and what an
undecided voice says of itself does not label the session.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from sightline.emotion.english import english
from sightline.emotion.first_names import is_first_name
from sightline.emotion.models import About, PatientVoice
from sightline.emotion.name_forms import Match, NameBook, parse_name
from sightline.emotion.tokens import words_of
from sightline.speech import Segment, Voice

_FIRST = frozenset({"i", "me", "my", "mine", "myself"})
_WE = frozenset({"we", "us", "our", "ours", "ourselves"})
_SECOND = frozenset({"you", "your", "yours", "yourself"})
_NAME = r"((?:[A-Z][\w'’-]*)(?:\s+[A-Z][\w'’-]*){0,2})"  # noqa: RUF001
_INTRODUCTION = re.compile(rf"^\W*(?:.*[,;]\s*)?(?:\w+\s+){{0,2}}?(?:[Mm]y name(?: is|'s|’s)|I am|I'm|I’m)\s+{_NAME}")  # noqa: RUF001
_CALL_FIRST = re.compile(
    rf"^\W*(?:(?:[Hh]i|[Hh]ello|[Hh]ey|[Oo]h|[Gg]ood \w+|[Oo]kay|[Ww]ell|[Ss]o),?\s+)?{_NAME}\s*[,!?]"
)
_CALL_LAST = re.compile(rf",\s*{_NAME}\s*[.!?]*$")
_GREETING = re.compile(rf"^\W*(?:[Hh]i|[Hh]ello|[Gg]ood \w+),?\s+{_NAME}\s*[.!?]*$")
_SENTENCE = re.compile(r"[^.!?…]+[.!?…]*")
_ANSWER_SECONDS = 5.0


class VoicesUsed(BaseModel):
    """The voices of a recording, and what is known of them besides the words; stored to label a session again.

    ``given``: the number of the patient's voice as the user states it. ``recognised``: the number of the voice that
    earlier sessions of the patient have.
    """

    model_config = ConfigDict(frozen=True)

    heard: tuple[Voice, ...] = ()
    given: int | None = Field(default=None, ge=1)
    recognised: int | None = Field(default=None, ge=1)


class VoiceRoles:
    """Whom the first and the second person are about, by who speaks."""

    def __init__(self, voices: VoicesUsed, patient: PatientVoice) -> None:
        self._heard = {voice.number for voice in voices.heard}
        self._patient = patient.number
        self._others = frozenset(patient.others)

    def about(self, word: str, speaker: int | None) -> About | None:
        """Return whom ``word`` ("i", "you", or "" for words that name nobody) is about if ``speaker`` says it.

        None if the voices tell nothing: if one voice is heard, and it may be the patient's.
        """
        if not self._heard or not (word == "" or word in _FIRST | _WE | _SECOND):
            return None
        is_patient = speaker is not None and speaker == self._patient
        is_other = speaker is not None and not is_patient and (self._patient is not None or speaker in self._others)
        if not is_patient and not is_other:
            return None if len(self._heard) == 1 and speaker is not None else "unclear"
        if word in _FIRST:
            return "patient" if is_patient else "other"
        if word in _SECOND:
            return self._about_the_addressed(is_patient=is_patient)
        if word in _WE:
            return "patient" if is_patient else "unclear"
        return None if is_patient else "unclear"

    def _about_the_addressed(self, *, is_patient: bool) -> About:
        if is_patient:
            return "other"
        # A third voice may be the one that is addressed.
        return "patient" if self._patient is not None and len(self._heard) == 2 else "unclear"


def find_patient_voice(segments: Sequence[Segment], voices: VoicesUsed, book: NameBook) -> PatientVoice:
    """Return which of the voices is the patient's, and why; ``segments`` have their speakers."""
    heard = {voice.number for voice in voices.heard}
    theirs, others = _introduced(segments, book)
    callers = _callers(segments, book)
    others = (others | set(callers)) - theirs
    if voices.given is not None:
        return _decided("given", voices.given, heard, "the user states it")
    evidence: dict[int, tuple[Literal["recognised", "named", "addressed"], str]] = {}
    if answering := _answering(segments, book, heard):
        evidence[answering] = ("addressed", "it answers to the patient's name")
    for number in theirs:
        evidence[number] = ("named", "it says the patient's name as its own")
    if voices.recognised is not None:
        evidence[voices.recognised] = ("recognised", "earlier sessions of the patient have it")
    contradicted = sorted(set(evidence) & (others | (set(callers) if len(heard) > 1 else set())))
    if len(evidence) == 1 and not contradicted:
        (number, (how, why)) = next(iter(evidence.items()))
        return _decided(how, number, heard, why)
    if evidence:
        why = f"what is said about voices {_listed(sorted(set(evidence) | set(contradicted)))} contradicts itself"
    elif len(heard) == 1 and not others:
        return PatientVoice(how="only", why="no other voice is heard")
    else:
        why = f"{len(heard)} voices are heard, and nothing tells which of them is the patient's"
    return PatientVoice(how="undecided", others=tuple(sorted(others - set(evidence))), why=why)


def _decided(
    how: Literal["given", "recognised", "named", "addressed"], number: int, heard: Iterable[int], why: str
) -> PatientVoice:
    return PatientVoice(how=how, number=number, others=tuple(sorted(set(heard) - {number})), why=why)


def _introduced(segments: Sequence[Segment], book: NameBook) -> tuple[set[int], set[int]]:
    """Return the voices that say the patient's name as their own, and those that say another one."""
    theirs: set[int] = set()
    others: set[int] = set()
    for speaker, sentence in _spoken(segments):
        found = _INTRODUCTION.match(sentence)
        if found is None or sentence.endswith("?") or english().reporting & {*words_of(sentence[: found.start(1)])}:
            continue
        name, rest = found[1], sentence[found.end() :]
        if re.search(r"['’]s$", name) or re.match(r"\s*(?:['’]s\b|or\b)", rest):  # noqa: RUF001
            others.add(speaker)  # "I am Ana's nurse"
            continue
        match = book.match(parse_name(name))
        if match is Match.PATIENT and book.is_known:
            theirs.add(speaker)
        elif match is Match.OTHER or (match is Match.UNLISTED and book.is_known and is_first_name(name.split()[0])):
            others.add(speaker)
    return theirs - others, others


def _callers(segments: Sequence[Segment], book: NameBook) -> list[int]:
    """Return the voices that address the patient by name, in order."""
    return list(dict.fromkeys(speaker for speaker, text in _spoken(segments) if _calls(text, book)))


def _answering(segments: Sequence[Segment], book: NameBook, heard: set[int]) -> int | None:
    """Return the voice that answers "How are you, Ana?" with "I …", if two voices are heard and it is always the same.

    A relative who answers instead would say "she" or the name, which the voice may not.
    """
    spoken = [segment for segment in segments if segment.speaker is not None]
    # Segments may be single sentences: a question is one of the last two sentences of the turn before.
    turns = [list(turn) for _, turn in groupby(spoken, key=lambda segment: segment.speaker)]
    answers = {
        after[0].speaker
        for before, after in pairwise(turns)
        if after[0].start - before[-1].end <= _ANSWER_SECONDS
        and _asks_patient(" ".join(segment.text for segment in before), book)
    }
    number = answers.pop() if len(answers) == 1 and len(heard) == 2 else None
    if number is None:
        return None
    said = {word for segment in segments if segment.speaker == number for word in words_of(segment.text)}
    speaks_of_another = said & (book.words | english().male | english().female)
    return number if said & _FIRST and not speaks_of_another else None


def _asks_patient(turn: str, book: NameBook) -> bool:
    """Return whether one of the last two sentences asks the patient by name, and none after it addresses another."""
    sentences = _sentences(turn)[-2:]
    asked = [index for index, text in enumerate(sentences) if text.endswith("?") and _calls(text, book)]
    return bool(asked) and all(_addressed(text, book) in (None, Match.PATIENT) for text in sentences[asked[0] :])


def _calls(sentence: str, book: NameBook) -> bool:
    """Return whether the sentence addresses the patient: "Ana, how are you?", "How are you, Ana?", "Hello Ana."."""
    return _addressed(sentence, book) is Match.PATIENT


def _addressed(sentence: str, book: NameBook) -> Match | None:
    """Return how the name that the sentence addresses relates to the patient; None if it addresses nobody by name."""
    if not book.is_known:
        return None
    first, last, greeting = _CALL_FIRST.match(sentence), _CALL_LAST.search(sentence), _GREETING.match(sentence)
    is_second = bool(_SECOND & {*words_of(sentence)})
    found = greeting or (is_second and (first or last))
    return book.match(parse_name(found[1])) if found else None


def _spoken(segments: Sequence[Segment]) -> Iterator[tuple[int, str]]:
    for segment in segments:
        if segment.speaker is not None:
            for sentence in _sentences(segment.text):
                yield segment.speaker, sentence


def _sentences(text: str) -> list[str]:
    return [sentence.strip() for sentence in _SENTENCE.findall(text) if sentence.strip()]


def _listed(numbers: Sequence[int]) -> str:
    return " and ".join(map(str, numbers))
