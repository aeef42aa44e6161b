"""The format of a captured inference: one JSON line, as SageMaker Model Monitor writes it."""

from __future__ import annotations

import binascii
import json
import sys
from base64 import b64decode
from binascii import b2a_base64
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from sightline.errors import InvalidInput
from sightline.vision import Answer, read_answer

__all__ = ["CaptureEvent", "CapturedInference", "CapturedLine", "InvalidCapture", "encode_event"]

_URI, _SECONDS, _STRANGENESS = "sightline-uri", "sightline-seconds", "sightline-strangeness"  # custom attributes


class InvalidCapture(InvalidInput):
    """A capture file outside Model Monitor's layout, or a line in it that is not in its format."""


@dataclass(frozen=True)
class CaptureEvent:
    """An inference to capture: the image as it was sent, and the probabilities in the order of the model's classes.

    ``event_id`` identifies the inference permanently: an inference that is captured again has the same id. ``uri`` is
    the source of the image. ``seconds`` is the duration of the inference. ``strangeness`` is above 1 if the model does
    not know images of this kind, None if nothing measured it.
    """

    event_id: UUID
    inference_time: datetime
    content_type: str
    data: bytes
    probabilities: tuple[float, ...]
    uri: str | None = None
    seconds: float | None = None
    strangeness: float | None = None

    def __post_init__(self) -> None:
        if self.inference_time.tzinfo is None:
            raise ValueError(f"event {self.event_id}: its inference time has no time zone")


class CapturedInference(NamedTuple):
    """An inference that was captured by sightline or by SageMaker.

    ``data`` is the input as it was sent, in the format that ``content_type`` states; both are empty if the input was
    not captured. ``answer`` is the output. ``source`` is the URI of the file, ``line`` the number of its line, and
    ``file_time`` the time in the file's name. ``uri`` (the source of the image) and ``seconds`` (the duration of the
    inference) are None if they were not captured, and so is ``strangeness`` (above 1 for an image of an unknown kind).
    """

    event_id: str
    inference_time: datetime
    endpoint: str
    variant: str
    content_type: str
    data: bytes
    answer: Answer
    source: str
    line: int
    uri: str | None
    seconds: float | None
    file_time: datetime
    strangeness: float | None = None

    @property
    def probabilities(self) -> tuple[float, ...]:
        """The numbers of the output, in its order. ``answer.for_classes`` checks and arranges them."""
        return self.answer.row


def encode_event(event: CaptureEvent) -> tuple[bytes, bytes, bytes]:
    """Return the line in three consecutive parts, so that a large image is not copied to join them."""
    output = json.dumps([float(probability) for probability in event.probabilities], allow_nan=False)
    time = event.inference_time.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat()
    head = f'{{"captureData":{{"endpointInput":{{"observedContentType":{json.dumps(event.content_type)}'
    # Base64 needs no escaping.
    head += ',"mode":"INPUT","data":"'
    tail = '","encoding":"BASE64"},"endpointOutput":{"observedContentType":"application/json","mode":"OUTPUT"'
    tail += f',"data":{json.dumps(output)},"encoding":"JSON"}}}}'
    tail += f',"eventMetadata":{{"eventId":"{event.event_id}",{_attributes(event)}"inferenceTime":"{time}Z"}}'
    tail += ',"eventVersion":"0"}\n'
    return head.encode(), b2a_base64(event.data, newline=False), tail.encode()


def _attributes(event: CaptureEvent) -> str:
    """Return the fields that Model Monitor does not define, as its custom attributes."""
    values = {
        _URI: event.uri,
        _SECONDS: None if event.seconds is None else f"{event.seconds:.6f}",
        # In full: a value just above 1 must not be rounded to 1.
        _STRANGENESS: None if event.strangeness is None else repr(float(event.strangeness)),
    }
    attributes = [f"{name}={value}" for name, value in values.items() if value is not None]
    return f'"customAttributes":{json.dumps(attributes)},' if attributes else ""


class _Part(BaseModel):
    # Other fields are ignored: they are not about the inference.
    model_config = ConfigDict(frozen=True, alias_generator=to_camel)


class _Payload(_Part):
    observed_content_type: str
    data: str
    encoding: Literal["BASE64", "CSV", "JSON"]

    @property
    def content_type(self) -> str:
        """The type of the content: SageMaker's configuration decides which types are captured as CSV and as JSON."""
        return {"CSV": "text/csv", "JSON": "application/json"}.get(self.encoding, self.observed_content_type)

    def content(self) -> bytes:
        """Return the bytes that were sent."""
        if self.encoding != "BASE64":
            return self.data.encode()
        try:
            return b64decode(self.data, validate=True)
        except binascii.Error as error:
            raise ValueError(f"not base64: {error}") from error


class _Data(_Part):
    # DataCaptureConfig can turn off either.
    endpoint_input: _Payload | None = None
    endpoint_output: _Payload | None = None


class _Metadata(_Part):
    event_id: str = Field(min_length=1)
    inference_time: AwareDatetime
    custom_attributes: tuple[Any, ...] = ()  # in SageMaker's lines: whatever the caller sent


class CapturedLine(_Part):
    """A line that was read. Its contents are decoded on request."""

    capture_data: _Data
    event_metadata: _Metadata
    event_version: Literal["0"]

    def uri_and_seconds(self) -> tuple[str | None, float | None]:
        """Return the source of the image and the duration of the inference, None if not captured.

        Raises ``ValueError`` for an invalid duration.
        """
        values = self._attributes()
        return values.get(_URI), _number(values, _SECONDS, "a duration")

    def strangeness(self) -> float | None:
        """Return the strangeness of the image, None if not captured. Raises ``ValueError`` for an invalid one."""
        return _number(self._attributes(), _STRANGENESS, "a distance")

    def _attributes(self) -> dict[str, str]:
        return dict(str(attribute).partition("=")[::2] for attribute in self.event_metadata.custom_attributes)

    def data(self) -> bytes:
        """Return the model's input, empty if it was not captured. Raises ``ValueError`` if it is not valid base64."""
        sent = self.capture_data.endpoint_input
        if sent is None:
            return b""
        try:
            return sent.content()
        except ValueError as error:
            raise ValueError(f"captureData.endpointInput.data: {error}") from error

    def answer(self) -> Answer:
        """Return the model's output. Raises ``ValueError`` if it is not one row of numbers."""
        output = self.capture_data.endpoint_output
        if output is None:
            raise ValueError(
                "captureData.endpointOutput: Field required: the output was not captured. "
                "Add Output to the CaptureOptions of the endpoint's DataCaptureConfig"
            )
        try:
            return read_answer(output.content(), output.content_type)
        except ValueError as error:
            raise ValueError(f"captureData.endpointOutput.data: {error}") from error


def _number(attributes: dict[str, str], name: str, meaning: str) -> float | None:
    """Return the value of a custom attribute, None if it is absent. Raises ``ValueError`` unless it is 0 or more."""
    text = attributes.get(name)
    if text is None:
        return None
    if not 0 <= (value := float(text)) <= sys.float_info.max:
        raise ValueError(f"eventMetadata.customAttributes: {name}={text} is not {meaning}")
    return value
