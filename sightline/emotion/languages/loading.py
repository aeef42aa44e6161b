"""The languages whose emotions are found in their own words: English, the built-in tables and those of a user."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from pathlib import Path

from sightline.emotion.languages.grammar import Grammar
from sightline.emotion.languages.table import Language
from sightline.emotion.toml_tables import read_table
from sightline.errors import InvalidKeywords

ENGLISH = "en"
"""The language with rules of its own; its keywords are those of EMOTION_KEYWORDS."""

_CODE = re.compile(r"[a-z]{2,3}")
_ENGLISH_NAMES = frozenset({"eng", "english"})
_UNDETERMINED = frozenset({"", "und", "mul", "zxx"})


class Languages:
    """The tables of the languages other than English, by code."""

    def __init__(self, tables: Mapping[str, Language]) -> None:
        self.tables = dict(tables)
        self._code_of = {table.name.casefold(): code for code, table in tables.items()}

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the languages, English first."""
        return (ENGLISH, *sorted(self.tables))

    def code_of(self, language: str | None) -> str | None:
        """Return the code of a language as a transcript names it: "de" for "de-AT" or "German"; None if it does not."""
        name = re.split("[-_]", (language or "").strip().casefold())[0]
        if name in _UNDETERMINED:
            return None
        return ENGLISH if name in _ENGLISH_NAMES else self._code_of.get(name, name)

    def name_of(self, code: str) -> str:
        """Return the name of a language for messages: "German (de)", or the code if it has no table."""
        table = self.tables.get(code)
        return f"{table.name} ({code})" if table else "English" if code == ENGLISH else code

    def grammar(self, code: str, emotions: Iterable[str]) -> Grammar:
        """Return the indexed table of ``code``."""
        return Grammar(code, self.tables[code], emotions)


def load_languages(folder: Path | None = None) -> Languages:
    """Return the built-in tables and those in ``folder``, files named by their language's code: ``es.toml``.

    A file replaces the built-in table of its language. Raises ``InvalidKeywords``, which names the file, the entry and
    the fix.
    """
    tables = dict(_built_in())
    if folder is not None:
        tables |= {path.stem: _read(path) for path in _files(folder)}
    return Languages(tables)


def table_languages(folder: Path | None = None) -> tuple[str, ...]:
    """Return the codes of the languages that are read in their own words: "en", "de" and those in ``folder``."""
    return load_languages(folder).codes


def _files(folder: Path) -> list[Path]:
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix == ".toml")
    except OSError as error:
        raise InvalidKeywords(
            str(folder), f"the language tables cannot be read: {error.strerror}", "Check the folder in LANGUAGE_TABLES"
        ) from error
    for path in files:
        if path.stem == ENGLISH:
            raise InvalidKeywords(
                str(path), "English has rules of its own", "Set EMOTION_KEYWORDS to a table of English keywords"
            )
        if not _CODE.fullmatch(path.stem):
            raise InvalidKeywords(
                str(path), f"{path.stem!r} is not the code of a language", "Name the file by its code, as in es.toml"
            )
    return files


def _read(path: Path) -> Language:
    return read_table(path, Language, "language table", "Check the folder in LANGUAGE_TABLES")


@cache
def _built_in() -> dict[str, Language]:
    folder = resources.files(__package__)
    tables = {}
    for file in folder.iterdir():
        if file.name.endswith(".toml"):
            with resources.as_file(file) as path:
                tables[path.stem] = _read(path)
    return tables
