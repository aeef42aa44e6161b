"""The name that a patient's folder says, if people speak it."""

from __future__ import annotations

import re
import unicodedata

from sightline.emotion.english import english
from sightline.emotion.first_names import is_common_word, is_first_name

_PARTS = re.compile(r"[^\W_]+")
_NUMBER_AT_AN_END = re.compile(r"^\d+$|\d+$")  # "ana03"; a letter after a digit makes a code, such as "a3f9" or "7b"
# "AnaLopez" has two words, "McDonald" and "ANA" have one.
_HUMP = re.compile(r"(?<=[a-zà-öø-ÿ])(?=[A-ZÀ-ÖØ-Þ])")
_JOINED = frozenset({"Mc", "Mac", "O", "De", "Di", "Da", "La", "Le", "Van", "Von"})
_VOWELS = re.compile(r"[aeiouy]")


def spoken_name(folder: str) -> str | None:
    """Return the name that ``folder`` says: "Ana Lopez" for ``AnaLopez_03``; None for ``patient-17`` or ``jd``.

    A part that is a code says nothing: "Ana" for ``ana-5c1e``, None for ``memory-a9ef5c``.
    """
    spoken = (_NUMBER_AT_AN_END.sub("", part) for part in _PARTS.findall(unicodedata.normalize("NFC", folder)))
    parts = [word for part in spoken if part.isalpha() for word in _words(part)]
    if any(part.casefold() in english().folder_labels | english().patients | english().groups for part in parts):
        return None
    names = [part for part in parts if len(part) > 1]
    if not names or not all(map(_is_pronounceable, names)):
        return None
    if not any(is_first_name(_plain(name)) or not is_common_word(_plain(name)) for name in names):
        return None
    return " ".join(name if name[1:] != name[1:].upper() else name.capitalize() for name in map(_capitalised, names))


def _words(part: str) -> list[str]:
    words: list[str] = []
    for word in _HUMP.split(part):
        if words and words[-1] in _JOINED:
            words[-1] += word
        else:
            words.append(word)
    return words


def _capitalised(name: str) -> str:
    return name[0].upper() + name[1:]


def _plain(name: str) -> str:
    folded = unicodedata.normalize("NFKD", name.casefold())
    return "".join(character for character in folded if not unicodedata.combining(character))


def _is_pronounceable(name: str) -> bool:
    """Return whether the part is no abbreviation: in Latin letters, a name has a vowel."""
    plain = _plain(name)
    return not plain.isascii() or (_VOWELS.search(plain) is not None and _VOWELS.fullmatch(plain) is None)
