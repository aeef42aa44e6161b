"""The question which names are a patient's: asked once per patient and name, and its answers applied to the sessions.

An answer goes into the patient's names file, which people can edit too. Then the sessions that were labelled with other
names are labelled again, from their stored transcripts.
"""

from __future__ import annotations

import hashlib
import logging
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from sightline.emotion import EmotionFindings
from sightline.names import PatientName
from sightline.reviews.records import CANNOT_TELL, NONE_OF_THESE, Question, Reviewed
from sightline.sessions import (
    Attribution,
    Metadata,
    SessionRecord,
    SessionStore,
    StoredSession,
    read_metadata,
    set_statements,
)

__all__ = ["SOMEONE_ELSES", "THEIRS", "KnownNames", "Naming", "apply_names", "folded_name", "name_questions"]

THEIRS, SOMEONE_ELSES = "the patient's", "someone else's"
"""The choices of a question about a name."""

_LOG = logging.getLogger(__name__)
_STATEMENTS = 5  # most that a question quotes
_CERTAIN = 1.0


class KnownNames(NamedTuple):
    """The names of a patient, and those that are known to be other people's."""

    theirs: tuple[str, ...]
    others: tuple[str, ...]


class Naming(Protocol):
    """The names of patients, and the analysis of a transcript with them."""

    def known(self, patient: str, given: Sequence[str]) -> KnownNames:
        """Return the names of the names file, the folder's own name, and those given for a session."""

    def add(self, patient: str, theirs: Sequence[str], others: Sequence[str]) -> None:
        """Add names to the names file; a name on the other side changes sides. Safe with concurrent writers."""

    def analyse(self, patient: str, metadata: Metadata) -> tuple[EmotionFindings, Attribution]:
        """Find the emotions in the stored segments again, with the names that are known now."""


def name_questions(stored: StoredSession) -> list[Question]:
    """Return a question about each name that may be the patient's; none if that is known or assumed.

    The proposed name is the one with the most statements.
    """
    attribution = stored.metadata.attribution
    if attribution is None or attribution.how != "undecided":
        return []
    statements = {
        name: [note.text for note in stored.metadata.annotations if folded_name(note.person) == folded_name(name)]
        for name in attribution.people
    }
    most = max(attribution.people, key=lambda name: len(statements[name]), default="")
    total = sum(map(len, statements.values()))
    return [
        Question(
            kind="name",
            model=PatientName.parse(stored.patient).model.label,
            uri=stored.annotated_video,
            sha256=hashlib.sha256(f"{stored.patient}\n{folded_name(name)}".encode()).hexdigest(),
            proposed=THEIRS if name == most else SOMEONE_ELSES,
            confidence=len(said) / total if total else 0.0,
            threshold=_CERTAIN,
            choices=(THEIRS, SOMEONE_ELSES),
            why=f"statements are about {' and '.join(attribution.people)}, and no name of {stored.patient} is known",
            session=f"{stored.patient}/{stored.session}",
            name=name,
            statements=tuple(said[:_STATEMENTS]),
        )
        for name, said in statements.items()
    ]


def apply_names(
    sessions: SessionStore,
    naming: Naming,
    patient: str,
    reviewed: Iterable[Reviewed],
    records: Iterable[SessionRecord],
    *,
    new: Iterable[str] = (),
) -> list[SessionRecord]:
    """Return the records of a patient's sessions after applying the answers about names.

    The names file gets the names that it does not list; only an answer in ``new``, the keys of questions that were
    answered just now, moves a listed name to the other side: people can edit the file too. Then sessions that were
    labelled with other names are labelled again. A name about which people disagree stays as the file has it.
    """
    _add(naming, patient, [item for item in reviewed if item.question.kind == "name"], frozenset(new))
    return [_labelled(sessions, naming, record) for record in records]


def _add(naming: Naming, patient: str, reviewed: Sequence[Reviewed], new: frozenset[str]) -> None:
    known = naming.known(patient, ())
    listed = {folded_name(name) for name in (*known.theirs, *known.others)}
    sides: dict[str, list[str]] = {THEIRS: [], SOMEONE_ELSES: []}
    for item in reviewed:
        verdict = SOMEONE_ELSES if item.verdict == NONE_OF_THESE else item.verdict
        name = str(item.question.name)
        if verdict in sides and (item.question.key in new or folded_name(name) not in listed):
            sides[verdict].append(name)
        elif verdict not in (*sides, CANNOT_TELL):
            _LOG.warning("%s: people disagree about whose name %s is; names.txt decides", patient, name)
    if sides[THEIRS] or sides[SOMEONE_ELSES]:
        naming.add(patient, sides[THEIRS], sides[SOMEONE_ELSES])


def _labelled(sessions: SessionStore, naming: Naming, record: SessionRecord) -> SessionRecord:
    if record.attribution is None:
        return record
    known = naming.known(record.patient, record.attribution.given)
    if known == KnownNames(record.attribution.names, record.attribution.others):
        return record
    metadata = read_metadata(sessions, record)
    if metadata is None:
        _LOG.warning(
            "%s/%s: its names have changed, but its transcript is not in the video bucket, so it keeps its emotion",
            record.patient,
            record.session,
        )
        return record
    findings, attribution = naming.analyse(record.patient, metadata)
    return set_statements(sessions, record, findings, attribution)


def folded_name(name: str) -> str:
    """Return the name in one spelling of its cases and Unicode forms."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
