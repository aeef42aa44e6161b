"""How stored text names a patient."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from functools import cached_property
from urllib.parse import quote

from sightline.names import PatientName

__all__ = ["ERASED", "Traces"]

ERASED = "(erased patient)"
"""What replaces the patient's name in a text that is kept."""

_TRANSCRIPT = re.compile(r"transcript-([0-9a-f]{64})-[0-9a-f]{64}")


class Traces:
    """The texts by which files and rows are recognised as a patient's.

    A name counts only as a whole: ``ana`` is not in ``anabel`` or ``patient--ana-b``. ``others`` are the other
    patients; where the name is part of a longer one of theirs, as ``ana`` in ``ana maria``, it is theirs.

    Args:
        patient: The patient.
        others: The names of other patients.
        folders: The URIs of the patient's folders.
        hashes: The SHA-256 of the patient's videos.
    """

    def __init__(
        self,
        patient: PatientName,
        others: Iterable[str] = (),
        folders: Iterable[str] = (),
        hashes: Iterable[str] = (),
    ) -> None:
        self.patient = patient
        self.folders = frozenset(folders)
        self.hashes = frozenset(hashes)
        self._others = frozenset(others)

    def with_hashes(self, hashes: Iterable[str]) -> Traces:
        """Return traces that also recognise videos by these SHA-256."""
        return Traces(self.patient, self._others, self.folders, self.hashes | set(hashes))

    def names(self, text: str) -> bool:
        """Return whether the text names the patient, their model, or one of their videos."""
        return self._in(self._words, text) or self._has_hash(text)

    def owns(self, text: str) -> bool:
        """Return whether the text refers to the patient, as a document does: by a path, a quoted name, or a video.

        Unlike with :meth:`names`, a word of a sentence that is spelled like the patient's name does not count.
        """
        return self._in(self._references, text) or self._has_hash(text)

    def holds(self, text: str) -> bool:
        """Return whether the text has the path or URI of a file in one of the patient's folders."""
        return any(prefix in text for prefix in self._prefixes)

    def masked(self, text: str) -> str:
        """Return the text with the patient's name replaced."""
        return self._words.sub(lambda match: ERASED if match["own"] else match[0], text)

    @staticmethod
    def transcripts_in(text: str) -> set[str]:
        """Return the keys of cached transcripts in the text; the hash of the video is part of each."""
        return {match[0] for match in _TRANSCRIPT.finditer(text)}

    @cached_property
    def _prefixes(self) -> frozenset[str]:
        return frozenset(form for folder in self.folders for form in _forms(f"{folder}/"))

    @cached_property
    def _words(self) -> re.Pattern[str]:
        own = "|".join(re.escape(form) for form in self._own_forms)
        return re.compile(rf"{self._longer_names}(?P<own>(?<!\w)(?:{own})(?!\w))")

    @cached_property
    def _references(self) -> re.Pattern[str]:
        own = "|".join(re.escape(form) for form in self._own_forms)
        models = "|".join(re.escape(name) for name in self.models)
        return re.compile(
            rf"{self._longer_names}(?P<own>(?<![\w.-])(?:(?:{own})/|(?<=[/\"'])(?:{own})(?=[\"'/]|$)"
            rf"|(?:{models})(?![\w-]))|\A(?:{own})\Z)"
        )

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the patient's model that no other model has."""
        return (self.patient.model.name,)

    @property
    def _own_forms(self) -> list[str]:
        forms = {form for text in (self.patient.text, *self.models) for form in _forms(text)}
        return sorted(forms, key=lambda form: (-len(form), form))

    @property
    def _longer_names(self) -> str:
        """Return the alternatives that hide the patient's name in the names of others."""
        longer = {
            form
            for other in self._others
            for text in (other, PatientName.of(other).model.name)
            if self.patient.text in other
            for form in _forms(text)
        }
        ordered = sorted(longer, key=lambda form: (-len(form), form))
        return "".join(rf"(?<!\w){re.escape(form)}(?!\w)|" for form in ordered)

    def _in(self, pattern: re.Pattern[str], text: str) -> bool:
        return any(match["own"] for match in pattern.finditer(text))

    def _has_hash(self, text: str) -> bool:
        return any(digest in text for digest in self.hashes)


def _forms(text: str) -> set[str]:
    """Return the spellings of a text in JSON, in URLs, and in both forms of Unicode."""
    spellings = {unicodedata.normalize(form, text) for form in ("NFC", "NFD")}
    escaped = {json.dumps(spelling)[1:-1] for spelling in spellings}
    return spellings | escaped | {quote(spelling) for spelling in spellings}
