"""The routes that classify images, in the formats of the original services."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query, Request
from fastapi.responses import JSONResponse

from api.fields import check_query, model_of
from api.invocations import INVOCATIONS, event_of
from api.problems import AsciiJSONResponse, Problem
from api.reading import ReadImage
from api.schemas import EXAMPLE_IMAGE, Classification, ClassifiedImage, ImagesPayload, LambdaResponse
from api.service import Service
from sightline.registry import ModelRecord
from sightline.vision import TASK, Examination, Outcome, Rejected, is_checked, judge_image

__all__ = ["classification_routes"]

Payload = Annotated[
    ImagesPayload,
    Body(
        openapi_examples={
            "base64": {"value": {"images": [EXAMPLE_IMAGE]}},
            "with a model": {"value": {"images": [EXAMPLE_IMAGE], "model": "posture"}},
            "several": {"value": {"images": [{"image_data": EXAMPLE_IMAGE}, EXAMPLE_IMAGE]}},
            "URLs": {"value": {"image_urls": ["https://example.org/bike.jpg", "s3://images/bike.jpg"]}},
            "an object in S3": {"value": {"image_data": "", "s3_bucket": "images", "s3_key": "test/bike.png"}},
            "an envelope": {"value": {"body": json.dumps({"images": [EXAMPLE_IMAGE]})}},
        }
    ),
]
Event = Annotated[
    dict[str, Any],
    Body(
        openapi_examples={
            "direct": {"value": {"images": [EXAMPLE_IMAGE]}},
            "API gateway": {"value": {"body": json.dumps({"images": [EXAMPLE_IMAGE]}), "isBase64Encoded": False}},
        }
    ),
]
_ANY_EVENT = {"type": "object", "examples": [{"images": [EXAMPLE_IMAGE]}]}


def classification_routes(service: Service) -> APIRouter:
    """Return the routes ``/classify``, ``/posture`` and ``/predict``."""
    router = APIRouter(tags=["classes"], dependencies=[Depends(check_query)])

    @router.post("/classify", summary="Classify images with any model", response_model_exclude_unset=True)
    async def classify(
        payload: Payload,
        model: Annotated[
            str | None,
            Query(description="A model that is served, or one version of it.", examples=["vehicles", "posture"]),
        ] = None,
    ) -> Classification:
        """Return the class, confidence and probabilities of every image, by any model that is served.

        The model is `model` in the body or in the query, by default `vehicles`.

        An image that cannot be used is rejected with its own reason; the others are classified. If no image can be
        used, the response is an error with the reason of the first one.
        """
        return await _classify(service, payload.model_dump(exclude_unset=True), model, "vehicles")

    @router.post("/posture", summary="Classify pressure maps", response_model_exclude_unset=True)
    async def posture(payload: Payload) -> Classification:
        """Return the same as `/classify` with the posture model. `predictions` is the original service's result."""
        return await _classify(service, payload.model_dump(exclude_unset=True), None, "posture")

    @router.post("/predict", summary="Classify an event of the original Lambda function", response_model=LambdaResponse)
    async def predict(
        event: Event,
        model: Annotated[str | None, Query(description="A model that is served, or one version of it.")] = None,
    ) -> JSONResponse:
        """Return the response of `/posture` in the format of the original function: `statusCode` and `body`.

        The HTTP status equals `statusCode`.
        """
        status, result, headers = await _as_lambda(service, event, model, "posture")
        return AsciiJSONResponse(result, status, headers)

    @router.post(
        INVOCATIONS,
        summary="Invoke the original Lambda function, as its local emulator does",
        response_model=LambdaResponse,
        openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": _ANY_EVENT}}}},
    )
    async def invoke(request: Request) -> JSONResponse:
        """Return the result of `/predict` with the posture model, always with the HTTP status 200.

        The event is JSON of any media type: `curl -d` states that of a form.
        """
        _, result, _ = await _as_lambda(service, await event_of(request), None, "posture")
        return AsciiJSONResponse(result)

    return router


async def _classify(service: Service, payload: Mapping[str, Any], query: str | None, default: str) -> Classification:
    name = model_of(payload, query, default, service.config.api_max_images)
    async with service.lease(name, TASK, partial(service.reader.read, payload, None)) as model:
        with model.expecting():
            read = await service.reader.read(payload, model.record.image_input)
        rows = iter(await model.predict([image.pixels for image in read if not isinstance(image.pixels, Rejected)]))
        record = model.record
    images = [
        _rejected(image, image.pixels) if isinstance(image.pixels, Rejected) else _classified(image, next(rows), record)
        for image in read
    ]
    single = {"s3_key", "image_data"} & payload.keys() and not {"images", "image_urls", "body"} & payload.keys()
    return Classification(
        predictions=[image.class_name for image in images],
        model=record.label,
        classes=list(record.classes),
        threshold=record.threshold,
        familiarity_checked=is_checked(record),
        images=images,
        **(images[0].model_dump(include={"image_data", "s3_bucket", "s3_key", "inferences"}) if single else {}),
    )


def _classified(image: ReadImage, examination: Examination, record: ModelRecord) -> ClassifiedImage:
    probabilities = dict(zip(record.classes, examination.probabilities, strict=True))
    judgement = judge_image(probabilities, record.threshold, examination.strangeness)
    return ClassifiedImage(
        **_source(image),
        inferences=list(examination.probabilities),
        probabilities=probabilities,
        strangeness=examination.strangeness,
        detail=None,
        **judgement._asdict(),
    )


def _rejected(image: ReadImage, rejection: Rejected) -> ClassifiedImage:
    return ClassifiedImage(
        **_source(image),
        inferences=None,
        class_name=None,
        confidence=None,
        probabilities=None,
        strangeness=None,
        outcome=Outcome.REJECTED,
        reason=rejection.reason.value,
        detail=rejection.detail,
    )


def _source(image: ReadImage) -> dict[str, Any]:
    uri = image.ref.shown
    bucket, _, key = uri.removeprefix("s3://").partition("/") if uri.startswith("s3://") else ("", "", "")
    return {"uri": uri, "image_data": "", "s3_bucket": bucket, "s3_key": key}


async def _as_lambda(
    service: Service, event: Mapping[str, Any], query: str | None, default: str
) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Return the status, the result of the original function, and headers for the caller."""
    try:
        classification = await _classify(service, event, query, default)
        status, body, headers = 200, classification.model_dump(mode="json", by_alias=True, exclude_unset=True), {}
    except Problem as problem:
        service.metrics.refused.labels(problem.reason).inc()
        status, body, headers = problem.status, problem.body, problem.headers
    result = {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}
    return status, result, headers
