"""People's answers as training labels of images and sessions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from sightline.reviews.export import read_image
from sightline.reviews.records import CANNOT_TELL, Reviewed
from sightline.sessions import LeftOutSession, SessionRecord
from sightline.vision import Limits
from sightline.vision.labelled import ImageSource, LabelledImage

__all__ = ["provenance", "relabelled", "with_reviews"]


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


def relabelled(
    records: Sequence[SessionRecord], reviewed: Iterable[Reviewed]
) -> tuple[list[SessionRecord], list[LeftOutSession], list[dict[str, Any]]]:
    """Return the records with the emotions that people answered, the sessions that are left out, and the changes.

    An answer that is an emotion replaces the emotion of the words in the returned record; the stored record is not
    changed. A session that shows none of the emotions, or about which people disagree, is left out. If the verdict is
    ``cannot tell``, the emotion of the words counts.
    """
    answers = {item.question.sha256: item for item in reviewed if item.question.kind == "session"}
    relabelled_records, left_out, changes = [], [], []
    for record in records:
        answer = answers.get(record.sha256)
        if answer is None or answer.verdict == CANNOT_TELL:
            relabelled_records.append(record)
        elif answer.label is None:
            reason = f"a person's answer: {answer.verdict} ({', '.join(answer.reviewers)})"
            left_out.append(LeftOutSession(session=record.session, emotion=record.emotion, reason=reason))
        else:
            relabelled_records.append(record.model_copy(update={"emotion": answer.label}))
            changes.append(
                {
                    "session": record.session,
                    "said": record.emotion,
                    "answer": answer.label,
                    "reviewers": list(answer.reviewers),
                    "at": answer.last.at.isoformat(),
                }
            )
    return relabelled_records, left_out, changes


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
