"""Running style, and the part of a person that it is told from."""

from __future__ import annotations

import io
from base64 import b64encode
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Annotated, cast

import numpy as np
from fastapi import APIRouter, Body, Query
from numpy.typing import NDArray
from PIL import Image

from api.problems import Problem
from api.schemas import EXAMPLE, LowerBody, Photo, RankedLowerBody, RankedPerson, Ranking
from api.service import Service
from sightline.ranking import TASK, Prepared, PreparedPerson, PrepareParameters, Preparer, Ranker, with_bonus
from sightline.vision import Limits, Rejected, decode

__all__ = ["ranking_routes"]

_JPEG_QUALITY = 92

Given = Annotated[Photo, Body(openapi_examples={"a picture": {"value": {"image_base64": EXAMPLE}}})]
Confidence = Annotated[
    float, Query(ge=0, le=1, allow_inf_nan=False, description="Who is less surely a person is left out.")
]
Sharpness = Annotated[
    float, Query(ge=0, allow_inf_nan=False, description="Who is less sharp, by the Laplacian's variance, is left out.")
]


@dataclass(frozen=True)
class _Cut:
    """A person with the crops as they are sent."""

    person: PreparedPerson
    crop: str
    lower_body: str | None


def ranking_routes(service: Service) -> APIRouter:
    """``/image-ranking/running-style`` and ``/lower-body``."""
    router = APIRouter(tags=["running style"])

    @router.post("/image-ranking/running-style", summary="Rank the people in a photo")
    async def rank(
        photo: Given, person_crop_confidence: Confidence = 0.7, sharpness_threshold: Sharpness = 100.0
    ) -> Ranking:
        """Find the people in a photo, and rank each one's running style by the lower body."""
        parameters = PrepareParameters(min_confidence=person_crop_confidence, blur_threshold=sharpness_threshold)
        with service.models.lease("running-style", TASK) as model:
            with model.announced():
                found, cuts = await _prepare(service, photo, parameters)
            crops = [cut.person.lower_body for cut in cuts if cut.person.lower_body is not None]
            scores = (row[0] for row in await model.ask(crops))
            ranker = cast("Ranker", model.model)
            return Ranking(
                results=[_ranked(cut, None if cut.lower_body is None else next(scores), ranker.bonus) for cut in cuts],
                dropped=Counter(each.reason.value for each in found.dropped),
                model=model.record.label,
            )

    @router.post("/lower-body", summary="Cut out a lower body")
    async def lower_body(
        photo: Given, person_crop_confidence: Confidence = 0.7, sharpness_threshold: Sharpness = 100.0
    ) -> LowerBody:
        """Cut out the lower body of the person who is seen most surely.

        Where there is nobody whose lower body can be told, the answer is 404, with what was left out and why.
        """
        parameters = PrepareParameters(min_confidence=person_crop_confidence, blur_threshold=sharpness_threshold)
        found, cuts = await _prepare(service, photo, parameters)
        for cut in cuts:
            if cut.lower_body is not None:
                return LowerBody(image_base64=cut.lower_body, box=cut.person.box, confidence=cut.person.confidence)
        without = [cut.person.without_lower_body for cut in cuts]
        details = [each.detail for each in (*without, *found.dropped) if each is not None]
        raise Problem(404, "no_lower_body", f"there is no lower body to cut out: {'; '.join(details)}")

    return router


async def _prepare(service: Service, photo: Photo, parameters: PrepareParameters) -> tuple[Prepared, list[_Cut]]:
    ref, data = await service.reader.file_of(photo.image_base64)
    try:
        return await service.people.run(partial(_found, data, parameters, service.reader.limits))
    except Rejected as rejected:
        raise service.reader.rejected([(ref.uri, rejected)]) from rejected


def _found(
    data: bytes, parameters: PrepareParameters, limits: Limits, preparer: Preparer
) -> tuple[Prepared, list[_Cut]]:
    found = preparer.prepare(decode(data, None, limits).pixels, parameters)
    return found, [
        _Cut(person, _jpeg(person.crop), None if person.lower_body is None else _jpeg(person.lower_body))
        for person in found.people
    ]


def _ranked(cut: _Cut, score: float | None, bonus: float) -> RankedPerson:
    person = cut.person
    ranking = None if score is None else with_bonus(score, person.arms_above_head, bonus)
    return RankedPerson(
        image_base64=cut.crop,
        lower_body=RankedLowerBody(image_base64=cut.lower_body, ranking=ranking),
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
