"""The table of words by which emotions are found. A user may replace it with a file of their own."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictStr, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from sightline.emotion.tokens import words_of
from sightline.errors import InvalidKeywords

NEUTRAL = "neutral"
"""The emotion that holds where no word tells another; every table has it."""

_BUILT_IN = "keywords.toml"
# Emotions become parts of file names whose fields an underscore separates; folders become parts of keys.
_EMOTION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")

_MENDS = {
    "missing": "Add it; the built-in table shows its form",
    "extra_forbidden": "Remove it, or correct its spelling",
    "tuple_type": 'Write a list, as in ["happy", "glad"]',
    "dict_type": 'Write a table, as in emotions.happy = ["happy", "glad"]',
    "string_type": "Write it in quotes",
    "too_short": "Give it an entry, or remove it",
}


def _wrong(reason: str, mend: str) -> PydanticCustomError:
    # Values go in as context: a message template would take the braces in them for places to fill.
    return PydanticCustomError("keywords", "{reason}", {"reason": reason, "mend": mend})


def _phrase(text: str) -> str:
    if not words_of(text):
        raise _wrong(f"{text!r} holds no word", "Write a word, or remove it")
    return text


Phrase = Annotated[StrictStr, AfterValidator(_phrase)]
Phrases = tuple[Phrase, ...]


class Keywords(BaseModel):
    """Which words tell which emotion, and the words that decide whether they are meant."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    emotions: dict[str, Annotated[Phrases, Field(min_length=1)]]
    """Each emotion, in the table's order, and its keywords."""
    folders: dict[str, StrictStr]
    """Each emotion and the folder that keeps its sessions."""
    discourse: Phrases
    """Keywords that count only where they describe somebody."""
    other_senses: Phrases
    """Phrases in which a keyword tells no emotion."""
    not_people: Phrases
    """Subjects that are no person."""
    linking: Annotated[Phrases, Field(min_length=1)]
    """Verbs that join a person to an emotion."""
    negation: Annotated[Phrases, Field(min_length=1)]
    """Words that take the keyword they govern back."""
    affirmation: Phrases
    """Phrases with a word of negation or supposition in which it takes nothing back."""
    supposition: Phrases
    """Words after which something is only thought of."""

    @model_validator(mode="after")
    def _emotions_and_folders_agree(self) -> Keywords:
        for emotion in self.emotions:
            if not _EMOTION.fullmatch(emotion):
                raise _wrong(
                    f"the emotion {emotion!r} cannot be part of a file name",
                    "Use lower-case letters, digits and hyphens",
                )
            if emotion not in self.folders:
                raise _wrong(f"folders.{emotion} is missing", "Name the folder that keeps its sessions")
        if NEUTRAL not in self.emotions:
            raise _wrong(f"emotions.{NEUTRAL} is missing", "It holds where no other emotion does; add it")
        return self

    @model_validator(mode="after")
    def _folders_are_apart(self) -> Keywords:
        emotion_of: dict[str, str] = {}
        for emotion, folder in self.folders.items():
            if emotion not in self.emotions:
                raise _wrong(f"folders.{emotion} has no emotions.{emotion}", "Remove it, or correct its spelling")
            if not _FOLDER.fullmatch(folder):
                raise _wrong(
                    f"folders.{emotion}: {folder!r} is no folder's name",
                    "Use letters, digits, hyphens and underscores",
                )
            # Not every file system tells Anger from anger.
            other = emotion_of.setdefault(folder.lower(), emotion)
            if other != emotion:
                raise _wrong(
                    f"folders.{emotion}: {folder!r} is the folder of {other} too", "Give each emotion its own folder"
                )
        return self

    @model_validator(mode="after")
    def _a_keyword_tells_one_emotion(self) -> Keywords:
        emotion_of: dict[tuple[str, ...], str] = {}
        for emotion, keyword in self._keywords():
            words = words_of(keyword)
            if words in emotion_of:
                raise _wrong(
                    f"emotions.{emotion}: {keyword!r} stands in emotions.{emotion_of[words]} already",
                    "Keep it in one place",
                )
            emotion_of[words] = emotion
        for word in self.discourse:
            if words_of(word) not in emotion_of:
                raise _wrong(f"discourse: {word!r} is no keyword of an emotion", "Remove it, or correct its spelling")
        for place, phrases in (("affirmation", self.affirmation), ("other_senses", self.other_senses)):
            for phrase in phrases:
                if len(words_of(phrase)) < 2:
                    raise _wrong(f"{place}: {phrase!r} is a single word", "Write a phrase of two or more, or remove it")
        return self

    def _keywords(self) -> Iterator[tuple[str, str]]:
        for emotion, keywords in self.emotions.items():
            for keyword in keywords:
                yield emotion, keyword


def load_keywords(path: Path | None = None) -> Keywords:
    """Read a keyword table: ``path``, or the built-in one.

    The file at ``path`` stands in place of the built-in table; nothing of the two is mixed. Raises ``InvalidKeywords``,
    which names the file, the place in it and the mend.
    """
    return _built_in() if path is None else _read(path)


@cache
def _built_in() -> Keywords:
    with resources.as_file(resources.files(__package__) / _BUILT_IN) as path:
        return _read(path)


def _read(path: Path) -> Keywords:
    subject = str(path)
    try:
        table = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise InvalidKeywords(
            subject, f"the keyword table cannot be read: {error.strerror}", "Check the path in EMOTION_KEYWORDS"
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidKeywords(subject, f"byte {error.start} is not UTF-8", "Save the file as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidKeywords(subject, f"it is not TOML: {error}", "Mend the file at that place") from error
    try:
        return Keywords.model_validate(table)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InvalidKeywords(subject, *_explain(table, dict(first))) from error


def _explain(table: dict[str, Any], error: dict[str, Any]) -> tuple[str, str]:
    """The reason and the mend that a validation error of ``table`` stands for."""
    place = ".".join(str(part + 1) if isinstance(part, int) else part for part in error["loc"])
    if error["type"] == "keywords":
        reason, mend = error["ctx"]["reason"], error["ctx"]["mend"]
        return (f"{place}: {reason}" if place else reason), mend
    wordings = {
        "missing": "is missing",
        "extra_forbidden": "is no key of a keyword table",
        "too_short": "is empty",
    }
    wording = wordings.get(error["type"], error["msg"][0].lower() + error["msg"][1:])
    return f"{place} {wording}", _MENDS.get(error["type"], f"The table has {', '.join(table)}")
