"""The schemas of requests and responses."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from sightline.vision import Outcome

__all__ = [
    "EXAMPLE_IMAGE",
    "Classification",
    "ClassifiedImage",
    "Health",
    "ImagesPayload",
    "LambdaResponse",
    "LowerBody",
    "ModelStatus",
    "Photo",
    "PhotoToRank",
    "RankedLowerBody",
    "RankedPerson",
    "Ranking",
    "Readiness",
]

EXAMPLE_IMAGE = (
    "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAANUlEQVR42mOsWPWMgRTAxEAiGA4aWJA5AZN8sCrakLeFAhsePcoi"
    "qAhZDWV+mBQgNxrT2AAAScMKitnUxAIAAAAASUVORK5CYII="
)
"""A PNG image of 16x16 pixels, as base64."""

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
_URL = {"type": "string", "examples": ["https://example.org/bike.jpg", "s3://images/bike.jpg"]}


def _one_or_many(item: dict[str, Any], description: str) -> Any:
    # The types are only documented, not validated: an invalid image is rejected without the others.
    schema = {"anyOf": [item, {"type": "array", "items": item}], "description": description}
    return Annotated[Any, WithJsonSchema(schema)]


class ImagesPayload(BaseModel):
    """Images in any of the original services' formats, and the model. Unknown fields are refused."""

    # api.fields refuses them: an API gateway's envelope has further fields, which it knows.
    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={"examples": [{"images": [EXAMPLE_IMAGE]}], "additionalProperties": False},
    )

    images: _one_or_many(_ITEM, "One image or a list: base64, or objects with the fields below.") = None  # type: ignore[valid-type]
    image_urls: _one_or_many(_URL, "One URL or a list.") = None  # type: ignore[valid-type]
    image_data: Annotated[Any, WithJsonSchema({"type": "string", "description": "One image, as base64."})] = None
    s3_bucket: Annotated[Any, WithJsonSchema({"type": "string", "description": "The S3 bucket of one image."})] = None
    s3_key: Annotated[Any, WithJsonSchema({"type": "string", "description": "The S3 key of one image."})] = None
    model: Annotated[
        Any, WithJsonSchema({"type": "string", "description": "A model that is served, or one version of it."})
    ] = None
    inferences: Annotated[
        Any, WithJsonSchema({"type": "array", "description": "A field of the original service, which is not read."})
    ] = None
    body: Annotated[
        Any,
        WithJsonSchema(
            {
                "anyOf": [{"type": "object"}, {"type": "string"}],
                "description": "All of these fields as an object or as JSON text: an API gateway's envelope.",
            }
        ),
    ] = None
    isBase64Encoded: Annotated[  # noqa: N815
        Any, WithJsonSchema({"type": "boolean", "description": "Whether `body` is JSON text encoded as base64."})
    ] = None


class ClassifiedImage(BaseModel):
    """The result of one image."""

    model_config = ConfigDict(populate_by_name=True)

    uri: str = Field(description="The image's URI, or `inline:N` for the place N in `images`.")
    image_data: Literal[""] = Field("", description="A field of the original service; the image is not returned.")
    s3_bucket: str = Field("", description="The bucket, if the image was given by bucket and key.")
    s3_key: str = Field("", description="The key, if the image was given by bucket and key.")
    inferences: list[float] | None = Field(description="The probabilities of the classes, in the model's order.")
    class_name: str | None = Field(alias="class", description="The predicted class.")
    confidence: float | None = Field(description="The probability of the predicted class.")
    probabilities: dict[str, float] | None = Field(description="The probabilities by class.")
    strangeness: float | None = Field(
        description="The distance from the images that the model knows, above 1 for another kind; null if not checked."
    )
    outcome: Outcome = Field(description="`low_confidence`: uncertain, for one of the last two reasons below.")
    reason: str | None = Field(
        description="The reason of the rejection, `THRESHOLD_CONFIDENCE_NOT_MET`, or `OUT_OF_DISTRIBUTION`."
    )
    detail: str | None = Field(description="An explanation for people.")


class Classification(BaseModel):
    """The results of all images, in the order of the request.

    If one image is sent as an object, its fields are repeated here.
    """

    predictions: list[str | None] = Field(description="The predicted classes; null for a rejected image.")
    model: str = Field(description="The model and its version.", examples=["vehicles/1"])
    classes: list[str] = Field(description="The classes, in the model's order.")
    threshold: float = Field(description="The lowest confidence that is accepted.")
    familiarity_checked: bool = Field(description="Whether the model measures if it knows images of this kind.")
    images: list[ClassifiedImage]
    image_data: Literal[""] | None = None
    s3_bucket: str | None = None
    s3_key: str | None = None
    inferences: list[float] | None = None


class LambdaResponse(BaseModel):
    """The response of the original Lambda function."""

    statusCode: int  # noqa: N815
    headers: dict[str, str]
    body: str = Field(description="JSON text: the response of `/posture`, or `reason` and `detail`.")


class Photo(BaseModel):
    """A photo. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"image_base64": EXAMPLE_IMAGE}]})

    image_base64: str = Field(description="The photo as base64 or as a data: URL.")


class PhotoToRank(Photo):
    """A photo, and the model that ranks its people. Unknown fields are refused."""

    model: str = Field("running-style", description="A ranking model that is served, or one version of it.")


class RankedLowerBody(BaseModel):
    """The part of a person from the hips down."""

    image_base64: str | None = Field(description="A JPEG as base64; null if the hips or the knees are not visible.")
    ranking: float | None = Field(description="The running style from 0 (poor) to 1 (excellent), with the bonus.")


class RankedPerson(BaseModel):
    """One person in the photo."""

    image_base64: str = Field(description="The person, a JPEG as base64.")
    lower_body: RankedLowerBody
    box: tuple[int, int, int, int] = Field(description="Left, top, right and bottom in the photo, in pixels.")
    confidence: float = Field(description="The confidence that this is a person.")
    sharpness: float = Field(description="The sharpness: the variance of the Laplacian.")
    arms_above_head: bool = Field(description="Whether both wrists are above the nose, which adds the model's bonus.")
    score: float | None = Field(description="The ranking without the bonus.")
    reason: str | None = Field(description="The reason if there is no lower body.")


class Ranking(BaseModel):
    """The people in the photo, the most certain first. The list is empty if no person was found."""

    results: list[RankedPerson]
    dropped: dict[str, int] = Field(description="The number of people left out, by reason.")
    model: str


class LowerBody(BaseModel):
    """The lower body of the most certain person whose lower body is visible."""

    image_base64: str = Field(description="A JPEG as base64.")
    box: tuple[int, int, int, int] = Field(description="Left, top, right and bottom of the person, in pixels.")
    confidence: float = Field(description="The confidence that this is a person.")


class Health(BaseModel):
    """The process responds to requests."""

    status: Literal["ok"]


class ModelStatus(BaseModel):
    """One model."""

    name: str
    version: int | None = Field(description="The version in use; null if there is none.")
    task: str | None = Field(description="The task, such as `image-classification`.")
    classes: list[str] = Field(description="The classes, in the model's order.")
    threshold: float | None = Field(description="The lowest confidence that is accepted.")
    problem: str | None = Field(description="Why no version, or not the newest one, is in use.")


class Readiness(BaseModel):
    """Whether the service can process requests."""

    ready: bool
    not_served: dict[str, str] = Field(
        description="The models that are not in use, and the detection of people if it is not, each with the reason.",
        examples=[{"posture": "version 1 cannot be loaded: …"}],
    )
    needs_key: bool = Field(description="Whether the other endpoints need a key in `X-API-Key`.")
    models: list[ModelStatus]
