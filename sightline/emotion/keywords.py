"""The keyword table, which a user may replace with a custom file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictStr, model_validator

from sightline.emotion.tokens import words_of
from sightline.emotion.toml_tables import Phrases, invalid, read_table

NEUTRAL = "neutral"
"""The emotion that holds if no keyword indicates another; every table defines it."""

_BUILT_IN = "keywords.toml"
# Emotions are parts of file names, with underscores between the fields; folders are parts of keys.
_EMOTION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


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
                raise invalid(
                    f"the emotion {emotion!r} cannot be part of a file name",
                    "Use lower-case letters, digits and hyphens",
                )
            if emotion not in self.folders:
                raise invalid(f"folders.{emotion} is missing", "Name the folder that stores its sessions")
        if NEUTRAL not in self.emotions:
            raise invalid(f"emotions.{NEUTRAL} is missing", "Add it: it holds if no other emotion does")
        return self

    @model_validator(mode="after")
    def _check_folders(self) -> Keywords:
        emotion_of: dict[str, str] = {}
        for emotion, folder in self.folders.items():
            if emotion not in self.emotions:
                raise invalid(f"folders.{emotion} has no emotions.{emotion}", "Remove it, or correct its spelling")
            if not _FOLDER.fullmatch(folder):
                raise invalid(
                    f"folders.{emotion}: {folder!r} is not a valid folder name",
                    "Use letters, digits, hyphens and underscores",
                )
            # Some file systems ignore case.
            other = emotion_of.setdefault(folder.lower(), emotion)
            if other != emotion:
                raise invalid(
                    f"folders.{emotion}: {folder!r} is also the folder of {other}", "Give every emotion its own folder"
                )
        return self

    @model_validator(mode="after")
    def _check_phrases(self) -> Keywords:
        emotion_of: dict[tuple[str, ...], str] = {}
        for emotion, keyword in self._keywords():
            words = words_of(keyword)
            if words in emotion_of:
                raise invalid(
                    f"emotions.{emotion}: {keyword!r} is already in emotions.{emotion_of[words]}",
                    "Remove one of the two",
                )
            emotion_of[words] = emotion
        for word in self.discourse:
            if words_of(word) not in emotion_of:
                raise invalid(
                    f"discourse: {word!r} is not a keyword of any emotion", "Remove it, or correct its spelling"
                )
        for field, phrases in (("affirmation", self.affirmation), ("other_senses", self.other_senses)):
            for phrase in phrases:
                if len(words_of(phrase)) < 2:
                    raise invalid(
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
    return read_table(path, Keywords, "keyword table", "Check the path in EMOTION_KEYWORDS")
