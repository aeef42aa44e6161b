"""A batch of photos, which are fetched, prepared and scored together."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sightline import vision
from sightline.ranking.bonus import with_bonus
from sightline.ranking.model import Ranker
from sightline.ranking.prepare import PreparedPerson, PrepareParameters, Preparer
from sightline.ranking.records import RankedPerson, outcome_of
from sightline.ranking.similar import fingerprint_of
from sightline.vision import ImageRef, Limits, Outcome, Rejected

__all__ = ["THUMBNAIL", "Ranked", "rank_photos"]

THUMBNAIL = (132, 176)
"""The maximum width and height of a person's thumbnail, in pixels."""

_THREADS = 8  # fetching from a bucket is mostly waiting
_QUALITY = 85


class Ranked(NamedTuple):
    """A person and their thumbnail, a JPEG file; None if they were not cropped.

    The first record of a readable photo has its ``fingerprint``, see :func:`~sightline.ranking.fingerprint_of`.
    """

    person: RankedPerson
    thumbnail: bytes | None
    fingerprint: bytes | None = None


def rank_photos(
    refs: Sequence[ImageRef],
    ranker: Ranker,
    preparer: Preparer,
    parameters: PrepareParameters,
    *,
    bonus: float | None = None,
    limits: Limits | None = None,
) -> list[Ranked]:
    """Return the people in the photos, photo by photo. The photos succeed or fail independently.

    ``bonus``: the bonus for raised arms, by default the model's. Nothing is written to disk.
    """
    allowed = limits or Limits()
    arms_bonus = ranker.bonus if bonus is None else bonus
    rows: list[tuple[dict[str, Any], PreparedPerson | None, bytes | None]] = []
    with ThreadPoolExecutor(min(_THREADS, max(1, len(refs)))) as pool:
        for ref, data in zip(refs, pool.map(lambda ref: _fetched(ref, allowed), refs), strict=True):
            photo, fingerprint = _rows(ref, data, preparer, parameters, allowed)
            rows += [(row, person, None if place else fingerprint) for place, (row, person) in enumerate(photo)]
    lower_bodies = [person.lower_body for _, person, _ in rows if person and person.lower_body is not None]
    scores = iter(ranker.scores(lower_bodies).tolist())
    ranked = []
    for row, person, fingerprint in rows:
        fields: dict[str, Any] = {"model": ranker.name}
        if person and person.lower_body is not None:
            score = next(scores)
            fields |= {"score": score, "ranking": with_bonus(score, person.arms_above_head, arms_bonus)}
        thumbnail = _thumbnail(person.crop) if person else None
        ranked.append(Ranked(RankedPerson(**row, **fields), thumbnail, fingerprint))
    return ranked


def _fetched(ref: ImageRef, limits: Limits) -> bytes | Rejected:
    try:
        return vision.fetch(ref, limits)
    except Rejected as rejected:
        return rejected


def _rows(
    ref: ImageRef, data: bytes | Rejected, preparer: Preparer, parameters: PrepareParameters, limits: Limits
) -> tuple[list[tuple[dict[str, Any], PreparedPerson | None]], bytes | None]:
    """Return the people of one photo, with every field that does not need the model, and the photo's fingerprint."""
    photo: dict[str, Any] = {"uri": ref.shown, "sha256": None, "person": 0}
    try:
        if isinstance(data, Rejected):
            raise data
        photo["sha256"] = hashlib.sha256(data).hexdigest()
        decoded = vision.decode(data, None, limits)
        photo["warnings"] = decoded.warnings
        prepared = preparer.prepare(decoded.pixels, parameters)
    except Rejected as error:
        return [(photo | {"outcome": Outcome.REJECTED, "reason": error.reason, "detail": error.detail}, None)], None
    rows: list[tuple[dict[str, Any], PreparedPerson | None]] = []
    for person in prepared.people:
        missing = person.without_lower_body
        row = photo | {
            "person": len(rows) + 1,
            "box": person.box,
            "arms_above_head": person.arms_above_head,
            "confidence": person.confidence,
            "sharpness": person.sharpness,
            "outcome": outcome_of(missing.reason) if missing else Outcome.ACCEPTED,
            "reason": missing.reason if missing else None,
            "detail": missing.detail if missing else None,
        }
        rows.append((row, person))
    for dropped in prepared.dropped:
        row = photo | {
            "person": len(rows) + 1 if dropped.box else 0,
            "box": dropped.box,
            "confidence": dropped.confidence,
            "sharpness": dropped.sharpness,
            "outcome": outcome_of(dropped.reason),
            "reason": dropped.reason,
            "detail": dropped.detail,
        }
        rows.append((row, None))
    return rows, fingerprint_of(decoded.pixels)


def _thumbnail(crop: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    image = Image.fromarray(crop)
    image.thumbnail(THUMBNAIL, Image.Resampling.BICUBIC)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
