"""Slugs of people's names, for file names."""

from __future__ import annotations

import re
import unicodedata

_MAX_BYTES = 60
# Accents of Latin, Greek and Cyrillic letters. The combining marks of other scripts distinguish letters.
_ACCENTS = re.compile(r"[\u0300-\u036f]")
_APOSTROPHES = re.compile(r"['’‘ʼ`´＇]")  # noqa: RUF001


def person_slug(name: str) -> str:
    """Return ``name`` in lower-case letters, digits and single hyphens.

    "Mary Ann" becomes ``mary-ann``, "José" ``jose``. Letters of other scripts are preserved, so that different names
    have different slugs. A slug is never empty ("person" for a name without letters), has at most 60 bytes of UTF-8 and
    no ``/``, ``.``, ``_`` or space.
    """
    folded = unicodedata.normalize("NFKC", name).casefold()
    bare = unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFKD", folded)))
    hyphenated = "".join(c if _is_letter(c) else "-" for c in _APOSTROPHES.sub("", bare))
    slug = re.sub("-+", "-", hyphenated).strip("-").encode()[:_MAX_BYTES].decode(errors="ignore").strip("-")
    return slug if any(c.isalnum() for c in slug) else "person"


def _is_letter(character: str) -> bool:
    """Return whether ``character`` is a letter, a digit or a combining mark."""
    return unicodedata.category(character)[0] in "LMN"
