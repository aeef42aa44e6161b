"""The routes that rank running style and cut out lower bodies."""

from __future__ import annotations

import io
import logging
from base64 import b64encode
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Annotated, cast

import numpy as np
from fastapi import APIRouter, Body, Depends, Query
from numpy.typing import NDArray
from PIL import Image

from api.fields import check_query
from api.problems import Problem
from api.schemas import EXAMPLE_IMAGE, LowerBody, Photo, PhotoToRank, RankedLowerBody, RankedPerson, Ranking
from api.service import Service
from sightline.ranking import TASK, Prepared, PreparedPerson, PrepareParameters, Preparer, Ranker, with_bonus
from sightline.vision import Limits, Rejected, decode

__all__ = ["ranking_routes"]

_log = logging.getLogger(__name__)

_JPEG_QUALITY = 92

_EXAMPLE = Body(openapi_examples={"a photo": {"value": {"image_base64": EXAMPLE_IMAGE}}})
Confidence = Annotated[
    float, Query(ge=0, le=1, allow_inf_nan=False, description="People with a lower confidence are left out.")
]
Sharpness = Annotated[
    float, Query(ge=0, allow_inf_nan=False, description="People with a lower variance of the Laplacian are left out.")
]


@dataclass(frozen=True)
class _EncodedPerson:
    """A person with the crops as base64."""

    person: PreparedPerson
    crop: str
    lower_body: str | None


def ranking_routes(service: Service) -> APIRouter:
    """Return the routes ``/image-ranking/running-style`` and ``/lower-body``."""
    router = APIRouter(tags=["running style"], dependencies=[Depends(check_query)])

    @router.post("/image-ranking/running-style", summary="Rank the people in a photo")
    async def rank(
        photo: Annotated[PhotoToRank, _EXAMPLE],
        person_crop_confidence: Confidence = 0.7,
        sharpness_threshold: Sharpness = 100.0,
    ) -> Ranking:
        """Find the people in a photo, and rank the running style of each by the lower body."""
        parameters = PrepareParameters(min_confidence=person_crop_confidence, blur_threshold=sharpness_threshold)
        async with service.lease(photo.model, TASK, partial(_check, service, photo)) as model:
            with model.expecting():
                prepared, people = await _prepare(service, photo, parameters)
            crops = [encoded.person.lower_body for encoded in people if encoded.person.lower_body is not None]
            scores = iter(await model.predict(crops))
            ranker = cast("Ranker", model.model)
            return Ranking(
                results=[
                    _ranked(encoded, None if encoded.lower_body is None else next(scores), ranker.bonus)
                    for encoded in people
                ],
                dropped=Counter(dropped.reason.value for dropped in prepared.dropped),
                model=model.record.label,
            )

    @router.post("/lower-body", summary="Cut out a lower body")
    async def lower_body(
        photo: Annotated[Photo, _EXAMPLE],
        person_crop_confidence: Confidence = 0.7,
        sharpness_threshold: Sharpness = 100.0,
    ) -> LowerBody:
        """Cut out the lower body of the most certain person whose lower body is visible.

        If there is none, the status is 404, and `detail` states who was left out and why.
        """
        parameters = PrepareParameters(min_confidence=person_crop_confidence, blur_threshold=sharpness_threshold)
        prepared, people = await _prepare(service, photo, parameters)
        for encoded in people:
            if encoded.lower_body is not None:
                return LowerBody(
                    image_base64=encoded.lower_body, box=encoded.person.box, confidence=encoded.person.confidence
                )
        without = [encoded.person.without_lower_body for encoded in people]
        details = [dropped.detail for dropped in (*without, *prepared.dropped) if dropped is not None]
        raise Problem(404, "no_lower_body", f"no lower body is visible: {'; '.join(details)}")

    return router


async def _prepare(
    service: Service, photo: Photo, parameters: PrepareParameters
) -> tuple[Prepared, list[_EncodedPerson]]:
    ref, data = await service.reader.read_file(photo.image_base64)
    if not service.preparers.are_ready:
        await _check(service, photo)
    try:
        return await service.preparers.run(partial(_find_people, data, parameters, service.reader.limits))
    except Rejected as rejected:
        raise service.reader.rejection([(ref.shown, rejected)]) from rejected


async def _check(service: Service, photo: Photo) -> None:
    """Raise the :class:`~api.problems.Problem` of a photo that cannot be used."""
    await service.reader.read({"images": [photo.image_base64]}, None)


def _find_people(
    data: bytes, parameters: PrepareParameters, limits: Limits, preparer: Preparer
) -> tuple[Prepared, list[_EncodedPerson]]:
    decoded = decode(data, None, limits)
    if decoded.warnings:
        _log.warning("a photo: %s", "; ".join(decoded.warnings))
    prepared = preparer.prepare(decoded.pixels, parameters)
    return prepared, [
        _EncodedPerson(person, _jpeg(person.crop), None if person.lower_body is None else _jpeg(person.lower_body))
        for person in prepared.people
    ]


def _ranked(encoded: _EncodedPerson, score: float | None, bonus: float) -> RankedPerson:
    person = encoded.person
    ranking = None if score is None else with_bonus(score, person.arms_above_head, bonus)
    return RankedPerson(
        image_base64=encoded.crop,
        lower_body=RankedLowerBody(image_base64=encoded.lower_body, ranking=ranking),
        box=person.box,
        confidence=person.confidence,
        sharpness=person.sharpness,
        arms_above_head=person.arms_above_head,
        score=score,
        reason=person.without_lower_body.reason.value if person.without_lower_body else None,
    )


def _jpeg(pixels: NDArray[np.uint8]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return b64encode(buffer.getvalue()).decode()
