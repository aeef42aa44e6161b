"""What first names and common words tell: the usual gender of a name, short forms, and words that are no names."""

from __future__ import annotations

import json
import tomllib
import unicodedata
from enum import Enum
from functools import cache
from importlib import resources

_ENDINGS = ("s", "es", "ed", "d", "ing", "er", "r", "ly", "y")
# "Steven" and "Stephen", "Kathy" and "Cathy", "Sara" and "Sarah" sound the same.
_SPELLINGS = (
    ("ph", "f"),
    ("v", "f"),
    ("ck", "k"),
    ("c", "k"),
    ("q", "k"),
    ("x", "ks"),
    ("z", "s"),
    ("y", "i"),
    ("ie", "i"),
)
_MIN_SOUND = 3


class Gender(Enum):
    """The gender of the pronouns that can stand for a person."""

    MALE = "male"
    FEMALE = "female"


def plain(word: str) -> str:
    """Return the word as in the tables: in lower case, without accents and apostrophes."""
    if word.isascii() and word.isalpha():
        return word.lower()
    folded = unicodedata.normalize("NFKD", word.casefold())
    return "".join(c for c in folded if c.isalnum() or c == "-")


def usual_gender(first_name: str) -> Gender | None:
    """Return the gender of people with this first name; None if both have it or it is not known."""
    first_name = plain(first_name)
    female, male, _ = _tables()
    if first_name in female:
        return Gender.FEMALE
    return Gender.MALE if first_name in male else None


def is_first_name(word: str) -> bool:
    """Return whether the word is a first name that the table lists."""
    word = plain(word)
    female, male, short = _tables()
    return word in female or word in male or word in short


def may_be_same(first: str, second: str) -> bool:
    """Return whether two first names, in lower case, may be one person's: they sound the same, or one is short."""
    if first == second:
        return True
    _, _, short = _tables()
    if second in short.get(first, ()) or first in short.get(second, ()):
        return True
    sound = _sound(first)
    return len(sound) >= _MIN_SOUND and sound == _sound(second)


def is_common_word(word: str) -> bool:
    """Return whether English writes the word, in lower case, without a capital: it is unlikely to be a name."""
    if is_first_name(word):
        return False
    words = _vocabulary()
    return word in words or any(
        stem in words or f"{stem}e" in words or (len(stem) > 3 and stem[-1] == stem[-2] and stem[:-1] in words)
        for ending in _ENDINGS
        if word.endswith(ending) and len(stem := word.removesuffix(ending)) >= 3
    )


def is_also_word(name: str) -> bool:
    """Return whether the first name is also a word: "will", "rose"."""
    return plain(name) in _names_too()


def _sound(name: str) -> str:
    """Return the name without the spellings that are not heard: doubled letters, a silent "h"."""
    sound = name[:1] + name[1:].replace("ph", "f").replace("h", "")
    for spelling, heard in _SPELLINGS:
        sound = sound.replace(spelling, heard)
    return "".join(letter for i, letter in enumerate(sound) if i == 0 or letter != sound[i - 1])


@cache
def _tables() -> tuple[frozenset[str], frozenset[str], dict[str, frozenset[str]]]:
    """Return the first names of women and of men, and the short forms of full names."""
    text = (resources.files(__package__) / "first_names.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    short = {full: frozenset(forms.split()) for full, forms in table["short"].items()}
    return frozenset(table["female"].split()), frozenset(table["male"].split()), short


@cache
def _names_too() -> frozenset[str]:
    return _words_of("names_too")


@cache
def _vocabulary() -> frozenset[str]:
    return _words_of("words") | _words_of("added")


def _words_of(key: str) -> frozenset[str]:
    table = json.loads((resources.files(__package__) / "vocabulary.json").read_text(encoding="utf-8"))
    return frozenset(word for line in table[key] for word in line.split())
