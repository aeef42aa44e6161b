"""A person's name as part of a file name."""

from __future__ import annotations

import re
import unicodedata

_MAX_BYTES = 60
# Accents of Latin, Greek and Cyrillic letters; the marks of other scripts are letters in their own right.
_ACCENTS = re.compile(r"[\u0300-\u036f]")
_APOSTROPHES = re.compile(r"['’‘ʼ`´＇]")  # noqa: RUF001


def person_slug(name: str) -> str:
    """``name`` in lower-case letters, digits and single hyphens: ``mary-ann`` for "Mary Ann", ``jose`` for "José".

    Letters of other scripts stay as they are, for two names must not become one by being left out. Never empty
    ("person" stands for a name without letters), at most 60 bytes of UTF-8, and without ``/``, ``.``, ``_`` or space.
    """
    folded = unicodedata.normalize("NFKC", name).casefold()
    bare = unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFKD", folded)))
    kept = "".join(c if _is_letter(c) else "-" for c in _APOSTROPHES.sub("", bare))
    slug = re.sub("-+", "-", kept).strip("-").encode()[:_MAX_BYTES].decode(errors="ignore").strip("-")
    return slug if any(c.isalnum() for c in slug) else "person"


def _is_letter(character: str) -> bool:
    """Whether it is a letter, a digit, or a mark that belongs to one."""
    return unicodedata.category(character)[0] in "LMN"
