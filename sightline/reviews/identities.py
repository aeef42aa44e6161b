"""The question "which person is the patient?": asked about a stored session, and its answer applied to it.

An answer is stored first and then applied. Applying is idempotent, and done again before a training: if a process is
killed between the two, nothing is lost.
"""

from __future__ import annotations

from collections.abc import Iterable

from sightline import storage
from sightline.names import PatientName, SessionName
from sightline.pose import Identity, SeenPerson
from sightline.reviews.records import CANNOT_TELL, NONE_OF_THESE, Question, Reviewed
from sightline.sessions import Claim, SessionRecord, SessionStore, StoredSession, set_identity

__all__ = ["answered_identity", "apply_identities", "claim_of", "person_question"]

_CERTAIN = 1.0


def person_question(stored: StoredSession) -> Question | None:
    """Return the question who the patient of a session is; None if that is decided or nobody was seen.

    The proposed person is the one who is seen longest and largest.
    """
    identity = stored.metadata.identity
    if identity is None or identity.is_decided or not identity.people:
        return None
    likeliest = max(identity.people, key=lambda seen: seen.prominence)
    folder = storage.locate(stored.people) if stored.people else None
    return Question(
        kind="person",
        model=PatientName.parse(stored.patient).model.label,
        uri=stored.annotated_video,
        sha256=stored.sha256,
        proposed=_choice(likeliest),
        confidence=identity.certainty,
        threshold=_CERTAIN,
        choices=tuple(map(_choice, identity.people)),
        why=identity.why,
        session=f"{stored.patient}/{stored.session}",
        frames=stored.frames,
        times_replaced=stored.metadata.times_replaced,
        pictures=tuple(
            storage.uri_of(folder / seen.picture) if folder and seen.picture else "" for seen in identity.people
        ),
    )


def answered_identity(identity: Identity, reviewed: Reviewed) -> Identity:
    """Return the identity of a session's patient according to people's answers.

    If they disagree, or nobody can tell, it is undecided. If the patient is none of the people, no person is the
    patient, and that is decided.
    """
    who = ", ".join(reviewed.reviewers or dict.fromkeys(answer.reviewer for answer in reviewed.answers))
    verdict = reviewed.verdict
    if verdict == NONE_OF_THESE:
        return _decided(identity, None, f"the patient is not in the picture, as answered by {who}")
    person = next((seen.person for seen in identity.people if _choice(seen) == verdict), None)
    if person is not None:
        return _decided(identity, person, f"answered by {who}")
    why = f"{who} cannot tell which person is the patient"
    if verdict != CANNOT_TELL:
        answers = "; ".join(f"{answer.reviewer}: {answer.answer}" for answer in reviewed.counted)
        why = f"people disagree about which person is the patient ({answers})"
    return identity.model_copy(update={"person": None, "how": "undecided", "certainty": 0.0, "why": why})


def apply_identities(
    sessions: SessionStore, reviewed: Iterable[Reviewed], records: Iterable[SessionRecord]
) -> list[SessionRecord]:
    """Return the records of a patient's sessions after applying the answers about who the patient is.

    The stored records and metadata are changed. An answer about an earlier processing of the video, whose people had
    other numbers, is not applied.
    """
    answers = {
        (item.question.sha256, item.question.times_replaced): item
        for item in reviewed
        if item.question.kind == "person"
    }
    applied = []
    for record in records:
        answer = answers.get((record.sha256, record.times_replaced))
        if record.identity is not None and answer is not None:
            applied.append(set_identity(sessions, record, answered_identity(record.identity, answer)))
        else:
            applied.append(record)
    return applied


def claim_of(record: SessionRecord) -> Claim:
    """Return the claim of a stored session."""
    return Claim(SessionName(PatientName.parse(record.patient), record.session), record.sha256)


def _decided(identity: Identity, person: int | None, why: str) -> Identity:
    return identity.model_copy(update={"person": person, "how": "answered", "certainty": _CERTAIN, "why": why})


def _choice(seen: SeenPerson) -> str:
    return f"person {seen.person}"
