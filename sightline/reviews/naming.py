"""The question whose name it is: asked once per patient and name, and its answers applied to the sessions.

An answer goes into the patient's names file, which people can edit too. Then the sessions whose statements were
attributed with other names are labelled again, from their stored transcripts.
"""

from __future__ import annotations

import hashlib
import logging
import unicodedata
from collections.abc import Iterable, Sequence

from sightline.emotion import Keywords, Languages, add_names, find_emotions_in, names_of
from sightline.names import PatientName
from sightline.reviews.records import CANNOT_TELL, NONE_OF_THESE, Question, Reviewed
from sightline.sessions import NamesUsed, SessionRecord, SessionStore, StoredSession, read_metadata, set_statements

__all__ = ["SOMEONE_ELSES", "THEIRS", "apply_names", "folded_name", "name_questions"]

THEIRS, SOMEONE_ELSES = "the patient's", "someone else's"
"""The choices of a question about a name."""

_LOG = logging.getLogger(__name__)
_STATEMENTS = 5  # most that a question quotes
_CERTAIN = 1.0


def name_questions(stored: StoredSession) -> list[Question]:
    """Return a question about each name in a session that may be the patient's.

    The proposed name is the one with the most statements.
    """
    attribution = stored.metadata.attribution
    if attribution is None or not attribution.ask:
        return []
    most = max(attribution.ask, key=lambda asked: len(asked.statements))
    total = sum(len(asked.statements) for asked in attribution.ask)
    return [
        Question(
            kind="name",
            model=PatientName.parse(stored.patient).model.label,
            uri=stored.annotated_video,
            sha256=hashlib.sha256(f"{stored.patient}\n{folded_name(asked.name)}".encode()).hexdigest(),
            proposed=THEIRS if asked is most else SOMEONE_ELSES,
            confidence=len(asked.statements) / total if total else 0.0,
            threshold=_CERTAIN,
            choices=(THEIRS, SOMEONE_ELSES),
            why=attribution.warning or "the name may be the patient's",
            session=f"{stored.patient}/{stored.session}",
            name=asked.name,
            statements=asked.statements[:_STATEMENTS],
        )
        for asked in attribution.ask
    ]


def apply_names(
    sessions: SessionStore,
    keywords: Keywords,
    patient: PatientName,
    reviewed: Iterable[Reviewed],
    records: Iterable[SessionRecord],
    *,
    new: Iterable[str] = (),
    languages: Languages | None = None,
) -> list[SessionRecord]:
    """Return the records of a patient's sessions after applying the answers about names.

    The names file gets the names that it does not list; only an answer in ``new``, the keys of questions that were
    answered just now, moves a listed name to the other side: people can edit the file too. Then sessions that were
    labelled with other names are labelled again. A name about which people disagree stays as the file has it.
    """
    _add(sessions, patient, [item for item in reviewed if item.question.kind == "name"], frozenset(new))
    return [_labelled(sessions, keywords, languages, record) for record in records]


def folded_name(name: str) -> str:
    """Return the name in one spelling of its cases and Unicode forms."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _add(sessions: SessionStore, patient: PatientName, reviewed: Sequence[Reviewed], new: frozenset[str]) -> None:
    if not reviewed:
        return
    folder = sessions.patients_bucket / patient.text
    known = names_of(folder, patient.text)
    listed = {folded_name(name) for name in (*known.theirs, *known.others)}
    sides: dict[str, list[str]] = {THEIRS: [], SOMEONE_ELSES: []}
    for item in reviewed:
        verdict = SOMEONE_ELSES if item.verdict == NONE_OF_THESE else item.verdict
        name = str(item.question.name)
        if verdict not in (*sides, CANNOT_TELL):
            _LOG.warning("%s: people disagree about whose name %s is; the names file decides", patient, name)
        elif verdict in sides and (item.question.key in new or folded_name(name) not in listed):
            sides[verdict].append(name)
    if sides[THEIRS] or sides[SOMEONE_ELSES]:
        add_names(folder, sides[THEIRS], sides[SOMEONE_ELSES])


def _labelled(
    sessions: SessionStore, keywords: Keywords, languages: Languages | None, record: SessionRecord
) -> SessionRecord:
    if record.names is None:
        return record
    given = record.names.given
    known = names_of(sessions.patients_bucket / record.patient, record.patient, given)
    if known == record.names.known:
        return record
    metadata = read_metadata(sessions, record)
    if metadata is None:
        _LOG.warning(
            "%s/%s: the patient's names have changed, but the transcript is not in the video bucket, so that the "
            "session keeps its emotion",
            record.patient,
            record.session,
        )
        return record
    findings = find_emotions_in(
        metadata.segments,
        metadata.duration_seconds,
        keywords,
        names=known,
        language=metadata.language,
        languages=languages,
        voices=metadata.voices,
    )
    return set_statements(sessions, record, findings, NamesUsed(known=known, given=given))
