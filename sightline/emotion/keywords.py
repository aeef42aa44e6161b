"""The keyword table, which a user may replace with a custom file."""

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
"""The emotion that holds if no keyword indicates another; every table defines it."""

_BUILT_IN = "keywords.toml"
# Emotions are parts of file names, with underscores between the fields; folders are parts of keys.
_EMOTION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")

_FIXES = {
    "missing": "Add it; the built-in table shows its form",
    "extra_forbidden": "Remove it, or correct its spelling",
    "tuple_type": 'Write a list, as in ["happy", "glad"]',
    "dict_type": 'Write a table, as in emotions.happy = ["happy", "glad"]',
    "string_type": "Write it in quotes",
    "too_short": "Give it an entry, or remove it",
}


def _invalid(reason: str, fix: str) -> PydanticCustomError:
    # Values are passed as context: braces in a message template would be read as placeholders.
    return PydanticCustomError("keywords", "{reason}", {"reason": reason, "fix": fix})


def _phrase(text: str) -> str:
    if not words_of(text):
        raise _invalid(f"{text!r} contains no word", "Write a word, or remove it")
    return text


Phrase = Annotated[StrictStr, AfterValidator(_phrase)]
Phrases = tuple[Phrase, ...]


class Keywords(BaseModel):
    """The keywords of every emotion, and the words that decide whether a keyword is asserted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    emotions: dict[str, Annotated[Phrases, Field(min_length=1)]]
    """The keywords of every emotion; the order of the table is preserved."""
    folders: dict[str, StrictStr]
    """The folder that stores the sessions of every emotion."""
    discourse: Phrases
    """Keywords that count only if they describe a person."""
    other_senses: Phrases
    """Phrases in which a keyword has another meaning and does not count."""
    not_people: Phrases
    """Subjects that are not people."""
    linking: Annotated[Phrases, Field(min_length=1)]
    """Verbs that link a person to an emotion."""
    negation: Annotated[Phrases, Field(min_length=1)]
    """Words that negate the keywords in their scope."""
    affirmation: Phrases
    """Phrases that contain a negation or supposition word without its effect."""
    supposition: Phrases
    """Words that make the keywords in their scope hypothetical."""

    @model_validator(mode="after")
    def _check_emotions(self) -> Keywords:
        for emotion in self.emotions:
            if not _EMOTION.fullmatch(emotion):
                raise _invalid(
                    f"the emotion {emotion!r} cannot be part of a file name",
                    "Use lower-case letters, digits and hyphens",
                )
            if emotion not in self.folders:
                raise _invalid(f"folders.{emotion} is missing", "Name the folder that stores its sessions")
        if NEUTRAL not in self.emotions:
            raise _invalid(f"emotions.{NEUTRAL} is missing", "Add it: it holds if no other emotion does")
        return self

    @model_validator(mode="after")
    def _check_folders(self) -> Keywords:
        emotion_of: dict[str, str] = {}
        for emotion, folder in self.folders.items():
            if emotion not in self.emotions:
                raise _invalid(f"folders.{emotion} has no emotions.{emotion}", "Remove it, or correct its spelling")
            if not _FOLDER.fullmatch(folder):
                raise _invalid(
                    f"folders.{emotion}: {folder!r} is not a valid folder name",
                    "Use letters, digits, hyphens and underscores",
                )
            # Some file systems ignore case.
            other = emotion_of.setdefault(folder.lower(), emotion)
            if other != emotion:
                raise _invalid(
                    f"folders.{emotion}: {folder!r} is also the folder of {other}", "Give every emotion its own folder"
                )
        return self

    @model_validator(mode="after")
    def _check_phrases(self) -> Keywords:
        emotion_of: dict[tuple[str, ...], str] = {}
        for emotion, keyword in self._keywords():
            words = words_of(keyword)
            if words in emotion_of:
                raise _invalid(
                    f"emotions.{emotion}: {keyword!r} is already in emotions.{emotion_of[words]}",
                    "Remove one of the two",
                )
            emotion_of[words] = emotion
        for word in self.discourse:
            if words_of(word) not in emotion_of:
                raise _invalid(
                    f"discourse: {word!r} is not a keyword of any emotion", "Remove it, or correct its spelling"
                )
        for field, phrases in (("affirmation", self.affirmation), ("other_senses", self.other_senses)):
            for phrase in phrases:
                if len(words_of(phrase)) < 2:
                    raise _invalid(
                        f"{field}: {phrase!r} is a single word", "Write a phrase of two or more, or remove it"
                    )
        return self

    def _keywords(self) -> Iterator[tuple[str, str]]:
        for emotion, keywords in self.emotions.items():
            for keyword in keywords:
                yield emotion, keyword


def load_keywords(path: Path | None = None) -> Keywords:
    """Read the keyword table at ``path``, or the built-in one.

    The file at ``path`` replaces the built-in table; the two are never merged. Raises ``InvalidKeywords``, which names
    the file, the entry and the fix.
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
        raise InvalidKeywords(subject, f"it is not TOML: {error}", "Correct the file there") from error
    try:
        return Keywords.model_validate(table)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InvalidKeywords(subject, *_explain(table, dict(first))) from error


def _explain(table: dict[str, Any], error: dict[str, Any]) -> tuple[str, str]:
    """Return the reason and the fix for a validation error of ``table``."""
    location = ".".join(str(part + 1) if isinstance(part, int) else part for part in error["loc"])
    if error["type"] == "keywords":
        reason, fix = error["ctx"]["reason"], error["ctx"]["fix"]
        return (f"{location}: {reason}" if location else reason), fix
    wordings = {
        "missing": "is missing",
        "extra_forbidden": "is not a key of the keyword table",
        "too_short": "is empty",
    }
    wording = wordings.get(error["type"], error["msg"][0].lower() + error["msg"][1:])
    return f"{location} {wording}", _FIXES.get(error["type"], f"The table has the keys {', '.join(table)}")
