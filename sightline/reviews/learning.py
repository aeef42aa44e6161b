"""People's answers as training labels of images and sessions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sightline.reviews.export import read_image
from sightline.reviews.records import CANNOT_TELL, Reviewed
from sightline.sessions import LeftOutSession, SessionRecord, label_corrected_at
from sightline.vision import Limits
from sightline.vision.labelled import ImageSource, LabelledImage

__all__ = ["emotion_of", "provenance", "relabelled", "with_reviews"]


def with_reviews(source: ImageSource, reviewed: Iterable[Reviewed], limits: Limits) -> ImageSource:
    """Return the source with the reviewed images that have a label, after its own images."""
    images = [
        LabelledImage(
            name=item.question.uri.rpartition("/")[2],
            uri=item.question.uri,
            read=partial(read_image, item, limits),
            answer=item.label,
        )
        for item in reviewed
        if item.question.kind == "image" and item.label
    ]
    return ImageSource(source.uri, source.name, (*source.images, *images))


def emotion_of(record: SessionRecord, answer: Reviewed | None) -> str | None:
    """Return the emotion of a session by the latest that people state: a correction, or the answer to a review.

    Without either, it is that of the words. None if the answer is no emotion, or people disagree.
    """
    if answer is None or answer.verdict == CANNOT_TELL or _is_corrected_since(record, answer):
        return record.emotion
    return answer.label


def relabelled(
    records: Sequence[SessionRecord], reviewed: Iterable[Reviewed]
) -> tuple[list[SessionRecord], list[LeftOutSession], list[dict[str, Any]]]:
    """Return the records with the emotions that people state, the sessions that are left out, and what people changed.

    An answer that is an emotion replaces the emotion in the returned record; the stored record is not changed. A
    correction is in the record already. Of an answer and a correction the later one counts. A session that shows none
    of the emotions, or about which people disagree, is left out.
    """
    answers = {item.question.sha256: item for item in reviewed if item.question.kind == "session"}
    relabelled_records, left_out, changes = [], [], []
    for record in records:
        answer = answers.get(record.sha256)
        emotion = emotion_of(record, answer)
        if answer is not None and emotion is None:
            reason = f"a person's answer: {answer.verdict} ({', '.join(answer.reviewers)})"
            left_out.append(LeftOutSession(session=record.session, emotion=record.emotion, reason=reason))
            continue
        relabelled_records.append(record.model_copy(update={"emotion": emotion}))
        if answer is not None and answer.label is not None and not _is_corrected_since(record, answer):
            changes.append(_change(record, answer.label, answer.reviewers, answer.last.at))
        elif (at := label_corrected_at(record.corrections, record.emotion)) is not None:
            people = tuple(dict.fromkeys(correction.by for correction in record.corrections))
            changes.append(_change(record, record.emotion, people, at))
    return relabelled_records, left_out, changes


def _is_corrected_since(record: SessionRecord, answer: Reviewed) -> bool:
    at = label_corrected_at(record.corrections, record.emotion)
    return at is not None and at > answer.last.at


def _change(record: SessionRecord, emotion: str, people: tuple[str, ...], at: datetime) -> dict[str, Any]:
    return {
        "session": record.session,
        "said": record.spoken_emotion or record.emotion,
        "answer": emotion,
        "reviewers": list(people),
        "at": at.isoformat(),
    }


def provenance(reviewed: Iterable[Reviewed]) -> dict[str, Any]:
    """Return the reviewers, dates and models of the answers that a model was trained on, for its record."""
    used = list(reviewed)
    times = sorted(answer.at for item in used for answer in item.counted)
    names = [name for item in used for name in item.reviewers]
    return {
        "samples": len(used),
        "reviewers": {name: names.count(name) for name in sorted(set(names))},
        "first": times[0].isoformat() if times else None,
        "last": times[-1].isoformat() if times else None,
        "models": sorted({item.question.model for item in used}),
    }
