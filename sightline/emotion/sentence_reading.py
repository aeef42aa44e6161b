"""The interface of a sentence that the rules of its language have read, whatever the language is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

from sightline.emotion.mentions import Mention
from sightline.emotion.nouns import Noun
from sightline.emotion.referents import ReferentRole
from sightline.emotion.sentences import Sentence
from sightline.emotion.speech_text import SpeechText
from sightline.emotion.spoken_names import SpokenName
from sightline.emotion.subjects import Subject, SubjectKind
from sightline.emotion.tagging import Hit
from sightline.emotion.utterances import Utterance


class Span(NamedTuple):
    """The text of an utterance, its times in seconds, and what was spoken if the text is a translation."""

    text: str
    start: float
    end: float
    spoken: str = ""

    @property
    def shown(self) -> str:
        """What people are shown: the spoken words, and the translation in brackets if one was read."""
        return f"{self.spoken} ({self.text})" if self.spoken else self.text


@dataclass(frozen=True)
class TimedMention:
    """A mention with its words and its time in seconds.

    ``name`` is set for a name, ``noun`` for a noun, ``word`` for a pronoun: it is the English one of that meaning.
    """

    mention: Mention
    text: str
    time: float
    name: SpokenName | None = None
    noun: Noun | None = None
    beside_name: bool = False
    word: str = ""


@dataclass(frozen=True)
class Part:
    """One of the people whom a keyword is about.

    ``name`` is set for a name, ``noun`` for a noun, ``word`` for a pronoun: it is the English one of that meaning, and
    ``spoken`` the one in the transcript. ``is_certain`` is False if the words may
    belong to something else: Anna in "we saw Anna and Ben looked sad".
    """

    text: str
    start: int
    name: SpokenName | None = None
    noun: Noun | None = None
    word: str = ""
    spoken: str = ""
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


class SentenceReading(ABC):
    """A sentence, read by the rules of its language: its utterances, whom its keywords are about, its people."""

    utterances: list[Utterance]
    referents: dict[Hit, Referent]

    def __init__(self, sentence: Sentence, speech: SpeechText) -> None:
        self._sentence = sentence
        self.speech = speech

    def span(self, utterance: Utterance) -> Span:
        """Return the text of ``utterance`` as transcribed, and its times in seconds."""
        tokens = self._sentence.tokens
        first = tokens[utterance.start].start
        last = self._sentence.end if utterance.end == len(tokens) else tokens[utterance.end - 1].end
        text = " ".join(self.speech.text[first:last].split()).rstrip(",;:-–— ")  # noqa: RUF001
        start = self.speech.start_time(first)
        end = max(start, self.speech.end_time(last))
        return Span(text, start, end, self.speech.spoken_text(first, last))

    def times(self, hit: Hit) -> tuple[float, float]:
        """Return the times of a keyword in seconds."""
        tokens = self._sentence.tokens
        start = self.speech.start_time(tokens[hit.start].start)
        return start, max(start, self.speech.end_time(tokens[hit.end - 1].end))

    def source(self, start: int, end: int) -> tuple[str, float]:
        """Return the transcribed words from ``start`` up to ``end``, and the time of the first."""
        tokens = self._sentence.tokens
        first = tokens[start].start
        return " ".join(self.speech.text[first : tokens[end - 1].end].split()), self.speech.start_time(first)

    def speaker(self, index: int) -> int | None:
        """Return the number of the voice that says the word at ``index``; None if it is not known."""
        return self.speech.speaker(self._sentence.tokens[index].start)

    @property
    @abstractmethod
    def names(self) -> list[SpokenName]:
        """The names whose emotion the sentence states."""

    @property
    @abstractmethod
    def name_words(self) -> set[str]:
        """The words of :attr:`names`, except those that may be something else than a name."""

    @abstractmethod
    def mentions(self, known: frozenset[str]) -> list[TimedMention]:
        """Return the people mentioned, in order. ``known`` are the words of names that occur elsewhere."""

    @abstractmethod
    def part_of(self, subject: Subject) -> Part:
        """Return the one person that ``subject`` names."""

    @abstractmethod
    def joins(self, index: int) -> bool:
        """Return whether the word at ``index`` joins people, as "and" does."""

    @abstractmethod
    def excludes_after(self, part: Part) -> bool:
        """Return whether somebody is left out after ``part``: "everyone except Anna"."""

    @abstractmethod
    def doubted(self, referent: Referent) -> Referent:
        """Return ``referent``, uncertain if its verb may have another subject."""

    @abstractmethod
    def is_pronoun(self, text: str) -> bool:
        """Return whether ``text`` is a pronoun of the language."""

    @abstractmethod
    def names_object(self, referent: Referent) -> bool:
        """Return whether a name is the object of a keyword: "Anna makes BEN happy"."""
