"""People's answers as something to learn from: labelled pictures, and sessions under the emotion that people saw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from sightline.reviews.export import read_image
from sightline.reviews.records import CANNOT_TELL, Reviewed
from sightline.sessions import SessionRecord
from sightline.training import Picture, Source
from sightline.training.emotions import LeftOut
from sightline.vision import Limits

__all__ = ["provenance", "relabelled", "with_reviews"]


def with_reviews(source: Source, reviewed: Iterable[Reviewed], limits: Limits) -> Source:
    """The source with every image that people have given a class to, after its own pictures."""
    pictures = [
        Picture(
            name=each.question.uri.rpartition("/")[2],
            uri=each.question.uri,
            read=partial(read_image, each, limits),
            answer=each.label,
        )
        for each in reviewed
        if each.question.kind == "image" and each.label
    ]
    return Source(source.uri, source.name, (*source.pictures, *pictures))


def relabelled(
    records: Sequence[SessionRecord], reviewed: Iterable[Reviewed]
) -> tuple[list[SessionRecord], list[LeftOut], list[dict[str, Any]]]:
    """The sessions as people see them: the records, the ones that are not learnt from, and what was changed.

    An answer that is an emotion takes the place of what the words said, in the record that is learnt from, not in the
    one that is stored. A session that is none of the emotions, or about which people disagree, is left out; of one
    that nobody could tell the words still count.
    """
    answers = {each.question.sha256: each for each in reviewed if each.question.kind == "session"}
    kept, left_out, changed = [], [], []
    for record in records:
        found = answers.get(record.sha256)
        if found is None or found.verdict == CANNOT_TELL:
            kept.append(record)
        elif found.label is None:
            reason = f"a person's answer: {found.verdict} ({', '.join(found.reviewers)})"
            left_out.append(LeftOut(session=record.session, emotion=record.emotion, reason=reason))
        else:
            kept.append(record.model_copy(update={"emotion": found.label}))
            changed.append(
                {
                    "session": record.session,
                    "said": record.emotion,
                    "answer": found.label,
                    "reviewers": list(found.reviewers),
                    "at": found.last.at.isoformat(),
                }
            )
    return kept, left_out, changed


def provenance(reviewed: Iterable[Reviewed]) -> dict[str, Any]:
    """Whose answers a model has learnt from, when they were given, and of which models they are, for its record."""
    used = list(reviewed)
    times = sorted(answer.at for each in used for answer in each.counted)
    names = [name for each in used for name in each.reviewers]
    return {
        "samples": len(used),
        "reviewers": {name: names.count(name) for name in sorted(set(names))},
        "first": times[0].isoformat() if times else None,
        "last": times[-1].isoformat() if times else None,
        "models": sorted({each.question.model for each in used}),
    }
