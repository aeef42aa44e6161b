"""The keyword table, which a user may replace with a custom file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

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
    others: dict[str, Annotated[Phrases, Field(min_length=1)]] = {}
    """The keywords of emotions that are reported, but that no session is labelled with; they have no folder."""
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
        if both := self.emotions.keys() & self.others.keys():
            raise invalid(f"others.{min(both)} is also in emotions", "Remove one of the two")
        for emotion in (*self.emotions, *self.others):
            if not _EMOTION.fullmatch(emotion):
                raise invalid(
                    f"the emotion {emotion!r} cannot be part of a file name",
                    "Use lower-case letters, digits and hyphens",
                )
            if emotion in self.emotions and emotion not in self.folders:
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
        for emotion, keywords in (*self.emotions.items(), *self.others.items()):
            for keyword in keywords:
                yield emotion, keyword


def load_keywords(path: Path | None = None) -> Keywords:
    """Read the keyword table at ``path``, or the built-in one.

    The file at ``path`` replaces the built-in table or, if it states ``extends = true``, adds emotions and keywords to
    it. Raises ``InvalidKeywords``, which names the file, the entry and the fix.
    """
    return _built_in() if path is None else _read(path, _extended)


@cache
def _built_in() -> Keywords:
    with resources.as_file(resources.files(__package__) / _BUILT_IN) as path:
        return _read(path)


def _read(path: Path, prepare: Callable[[dict[str, Any]], dict[str, Any]] = dict) -> Keywords:
    return read_table(path, Keywords, "keyword table", "Check the path in EMOTION_KEYWORDS", prepare)


def _extended(table: dict[str, Any]) -> dict[str, Any]:
    """Return the table with what the built-in one has, if it says that it extends that one.

    Keywords that it lists for an emotion are no keywords of another one any more. An emotion of ``others`` that gets a
    folder keeps its keywords.
    """
    own = dict(table)
    extends = own.pop("extends", False)
    if extends is False:
        return own
    if extends is not True:
        raise invalid(f"extends: {extends!r} is neither true nor false", "Write extends = true")
    base = _built_in().model_dump()
    added = own.pop("emotions", {})
    if not isinstance(added, dict) or not all(isinstance(words, list) for words in added.values()):
        return own | {"emotions": added}  # the validation says what is wrong
    others = base["others"] | own.pop("others", {})
    taken = {words_of(word) for words in added.values() for word in words if isinstance(word, str)}
    kept = {
        name: {emotion: [word for word in words if words_of(word) not in taken] for emotion, words in group.items()}
        for name, group in (("emotions", base["emotions"]), ("others", others))
    }
    emotions = kept["emotions"] | {
        emotion: [*kept["emotions"].get(emotion, ()), *kept["others"].pop(emotion, ()), *words]
        for emotion, words in added.items()
    }
    lists = {
        name: [*base[name], *words] if isinstance(words, list) and name in base else words
        for name, words in own.items()
        if name != "folders"
    }
    kept["others"] = {emotion: words for emotion, words in kept["others"].items() if words}
    folders = base["folders"] | own.get("folders", {})
    return {**base, **lists, "folders": folders, "emotions": emotions, "others": kept["others"]}
