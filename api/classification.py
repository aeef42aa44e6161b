"""Classes of images, in the forms of the original services."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from fastapi.responses import JSONResponse

from api.problems import AsciiJSONResponse, Problem
from api.reading import ReadImage
from api.schemas import EXAMPLE, Classified, ClassifiedImage, ImagesPayload, LambdaAnswer
from api.service import Service
from sightline.registry import ModelRecord
from sightline.vision import TASK, THRESHOLD_NOT_MET, Outcome, Rejected, judge

__all__ = ["classification_routes"]

Payload = Annotated[
    ImagesPayload,
    Body(
        openapi_examples={
            "base64": {"value": {"images": [EXAMPLE]}},
            "several": {"value": {"images": [{"image_data": EXAMPLE}, EXAMPLE]}},
            "URLs": {"value": {"image_urls": ["https://pictures.org/bike.jpg", "s3://pictures/bike.jpg"]}},
            "an object in S3": {"value": {"image_data": "", "s3_bucket": "pictures", "s3_key": "test/bike.png"}},
            "an envelope": {"value": {"body": json.dumps({"images": [EXAMPLE]})}},
        }
    ),
]
Event = Annotated[
    dict[str, Any],
    Body(
        openapi_examples={
            "direct": {"value": {"images": [EXAMPLE]}},
            "API gateway": {"value": {"body": json.dumps({"images": [EXAMPLE]}), "isBase64Encoded": False}},
        }
    ),
]


def classification_routes(service: Service) -> APIRouter:
    """``/classify``, ``/posture`` and ``/predict``."""
    router = APIRouter(tags=["classes"])

    @router.post("/classify", summary="Classify images by any model", response_model_exclude_unset=True)
    async def classify(
        payload: Payload,
        model: Annotated[
            str, Query(description="A model that is served, or one version of it.", examples=["vehicles", "posture"])
        ] = "vehicles",
    ) -> Classified:
        """Every image's class, confidence and probabilities, by any model that is served.

        An image that cannot be used has a reason of its own beside the others' answers; a request none of whose images
        can be used is answered with the first one's reason as an error.
        """
        return await _classify(service, payload.model_dump(exclude_unset=True), model)

    @router.post("/posture", summary="Classify pressure maps", response_model_exclude_unset=True)
    async def posture(payload: Payload) -> Classified:
        """The same as `/classify`, by the posture model: `predictions` has the original's answer."""
        return await _classify(service, payload.model_dump(exclude_unset=True), "posture")

    @router.post("/predict", summary="Answer an event of the original Lambda function", response_model=LambdaAnswer)
    async def predict(
        event: Event,
        model: Annotated[str, Query(description="A model that is served, or one version of it.")] = "posture",
    ) -> JSONResponse:
        """What `/posture` answers, for callers of the original function: an event in, `statusCode` and `body` out.

        The status of the answer is the `statusCode` in it.
        """
        try:
            answer = await _classify(service, event, model)
        except Problem as problem:
            service.metrics.refused.labels(problem.reason).inc()
            return _lambda_answer(problem.status, problem.body, problem.headers)
        return _lambda_answer(200, answer.model_dump(mode="json", by_alias=True, exclude_unset=True))

    return router


async def _classify(service: Service, payload: Mapping[str, Any], name: str) -> Classified:
    with service.models.lease(name, TASK) as model:
        with model.announced():
            read = await service.reader.read(payload, model.record.image_input)
        rows = iter(await model.ask([each.pixels for each in read if not isinstance(each.pixels, Rejected)]))
        record = model.record
    images = [
        _rejected(each, each.pixels) if isinstance(each.pixels, Rejected) else _answer(each, next(rows), record)
        for each in read
    ]
    single = {"s3_key", "image_data"} & payload.keys() and not {"images", "image_urls", "body"} & payload.keys()
    return Classified(
        predictions=[image.class_name for image in images],
        model=record.label,
        classes=list(record.classes),
        threshold=record.threshold,
        images=images,
        **(images[0].model_dump(include={"image_data", "s3_bucket", "s3_key", "inferences"}) if single else {}),
    )


def _answer(image: ReadImage, row: tuple[float, ...], record: ModelRecord) -> ClassifiedImage:
    probabilities = dict(zip(record.classes, row, strict=True))
    name, confidence, outcome = judge(probabilities, record.threshold)
    return ClassifiedImage(
        **_named(image),
        inferences=list(row),
        class_name=name,
        confidence=confidence,
        probabilities=probabilities,
        outcome=outcome,
        reason=None if outcome is Outcome.ACCEPTED else THRESHOLD_NOT_MET,
        detail=None,
    )


def _rejected(image: ReadImage, why: Rejected) -> ClassifiedImage:
    return ClassifiedImage(
        **_named(image),
        inferences=None,
        class_name=None,
        confidence=None,
        probabilities=None,
        outcome=Outcome.REJECTED,
        reason=why.reason.value,
        detail=why.detail,
    )


def _named(image: ReadImage) -> dict[str, Any]:
    uri = image.ref.uri
    bucket, _, key = uri.removeprefix("s3://").partition("/") if uri.startswith("s3://") else ("", "", "")
    return {"uri": uri, "image_data": "", "s3_bucket": bucket, "s3_key": key}


def _lambda_answer(status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> AsciiJSONResponse:
    content = {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}
    return AsciiJSONResponse(content, status, dict(headers or {}))
