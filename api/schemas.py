"""What requests and answers look like."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from sightline.vision import Outcome

__all__ = [
    "Classified",
    "ClassifiedImage",
    "Health",
    "ImagesPayload",
    "LambdaAnswer",
    "LowerBody",
    "ModelStatus",
    "Photo",
    "RankedLowerBody",
    "RankedPerson",
    "Ranking",
    "Readiness",
]

EXAMPLE = (
    "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAANUlEQVR42mOsWPWMgRTAxEAiGA4aWJA5AZN8sCrakLeFAhsePcoi"
    "qAhZDWV+mBQgNxrT2AAAScMKitnUxAIAAAAASUVORK5CYII="
)
"""A picture of 16x16 pixels."""

_ITEM = {
    "anyOf": [
        {"type": "string", "description": "base64, or a data: URL"},
        {
            "type": "object",
            "properties": {
                "image_data": {"type": "string", "description": "base64"},
                "s3_bucket": {"type": "string"},
                "s3_key": {"type": "string"},
            },
        },
    ]
}
_URL = {"type": "string", "examples": ["https://pictures.org/bike.jpg", "s3://pictures/bike.jpg"]}


def _one_or_many(item: dict[str, Any], description: str) -> Any:
    # What is wrong with one image is its own answer's: the types are only documented here.
    schema = {"anyOf": [item, {"type": "array", "items": item}], "description": description}
    return Annotated[Any, WithJsonSchema(schema)]


class ImagesPayload(BaseModel):
    """Images in any of the original services' forms; fields that are not known are passed over."""

    model_config = ConfigDict(extra="ignore", json_schema_extra={"examples": [{"images": [EXAMPLE]}]})

    images: _one_or_many(_ITEM, "One or a list: base64, or objects of the kind below.") = None  # type: ignore[valid-type]
    image_urls: _one_or_many(_URL, "One or a list.") = None  # type: ignore[valid-type]
    image_data: Annotated[Any, WithJsonSchema({"type": "string", "description": "One image, as base64."})] = None
    s3_bucket: Annotated[Any, WithJsonSchema({"type": "string", "description": "Or one image, by its bucket"})] = None
    s3_key: Annotated[Any, WithJsonSchema({"type": "string", "description": "and its key."})] = None
    body: Annotated[
        Any,
        WithJsonSchema(
            {
                "anyOf": [{"type": "object"}, {"type": "string"}],
                "description": "Or all of this once more, an object or JSON text: an API gateway's envelope.",
            }
        ),
    ] = None
    isBase64Encoded: Annotated[  # noqa: N815
        Any, WithJsonSchema({"type": "boolean", "description": "Whether `body` is base64 of JSON text."})
    ] = None


class ClassifiedImage(BaseModel):
    """What the model says of one image."""

    model_config = ConfigDict(populate_by_name=True)

    uri: str = Field(description="Its URI, or `inline:N` by its place among `images`.")
    image_data: Literal[""] = Field("", description="The original's field; the image is not sent back.")
    s3_bucket: str = Field("", description="Where it was given by bucket and key.")
    s3_key: str = ""
    inferences: list[float] | None = Field(description="The classes' probabilities in the model's order.")
    class_name: str | None = Field(alias="class", description="The most probable class.")
    confidence: float | None = Field(description="Its probability.")
    probabilities: dict[str, float] | None
    outcome: Outcome = Field(description="`low_confidence` is below the model's threshold.")
    reason: str | None = Field(description="Why it was rejected, or `THRESHOLD_CONFIDENCE_NOT_MET`.")
    detail: str | None


class Classified(BaseModel):
    """Every image's answer, in the order of the request. Where one image was sent as an object, its fields as well."""

    predictions: list[str | None] = Field(description="The classes alone; null for an image that was rejected.")
    model: str = Field(description="The model and its version.", examples=["vehicles/1"])
    classes: list[str]
    threshold: float
    images: list[ClassifiedImage]
    image_data: Literal[""] | None = None
    s3_bucket: str | None = None
    s3_key: str | None = None
    inferences: list[float] | None = None


class LambdaAnswer(BaseModel):
    """What the original Lambda function answered."""

    statusCode: int  # noqa: N815
    headers: dict[str, str]
    body: str = Field(description="JSON text: what `/posture` answers, or `reason` and `detail`.")


class Photo(BaseModel):
    """A photo."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"image_base64": EXAMPLE}]})

    image_base64: str = Field(description="Base64, or a data: URL.")


class RankedLowerBody(BaseModel):
    """From the hips down."""

    image_base64: str | None = Field(description="A JPEG; null where the hips or the knees are not seen.")
    ranking: float | None = Field(description="The running style, 0 (poor) to 1 (excellent), with the bonus.")


class RankedPerson(BaseModel):
    """One person of the photo."""

    image_base64: str = Field(description="The person, a JPEG.")
    lower_body: RankedLowerBody
    box: tuple[int, int, int, int] = Field(description="Left, top, right and bottom in the photo, in pixels.")
    confidence: float = Field(description="That it is a person.")
    sharpness: float = Field(description="The variance of the Laplacian.")
    arms_above_head: bool = Field(description="Both wrists above the nose, which adds the model's bonus.")
    score: float | None = Field(description="The ranking without the bonus.")
    reason: str | None = Field(description="Why there is no lower body.")


class Ranking(BaseModel):
    """The people who can be ranked, the surest first; nobody gives an empty list."""

    results: list[RankedPerson]
    dropped: dict[str, int] = Field(description="How many were left out, by reason.")
    model: str


class LowerBody(BaseModel):
    """The lower body of the person who is seen most surely, of those whose lower body can be told."""

    image_base64: str = Field(description="A JPEG.")
    box: tuple[int, int, int, int] = Field(description="The whole person in the photo, in pixels.")
    confidence: float = Field(description="That it is a person.")


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"]


class ModelStatus(BaseModel):
    """One model."""

    name: str
    version: int | None = Field(description="The version that answers; null where none does.")
    task: str | None
    classes: list[str]
    threshold: float | None
    problem: str | None = Field(description="Why there is none, or why the newest one does not answer.")


class Readiness(BaseModel):
    """Whether requests can be answered."""

    ready: bool
    needs_key: bool = Field(description="Whether the other endpoints want a key in `X-API-Key`.")
    models: list[ModelStatus]
