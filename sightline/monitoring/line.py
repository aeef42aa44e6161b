"""One inference as one line, in Model Monitor's format."""

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
from pydantic_core import from_json

__all__ = ["CaptureEvent", "CapturedInference", "CapturedLine", "line_of"]

_URI, _SECONDS = "sightline-uri", "sightline-seconds"  # custom attributes


@dataclass(frozen=True)
class CaptureEvent:
    """An inference: the image as it was sent, and the probabilities in the order of the model's classes.

    ``event_id`` names the inference for good: the same one is never captured under another. ``uri``: where the image
    came from. ``seconds``: what the inference took.
    """

    event_id: UUID
    inference_time: datetime
    content_type: str
    data: bytes
    probabilities: tuple[float, ...]
    uri: str | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.inference_time.tzinfo is None:
            raise ValueError(f"event {self.event_id}: its inference time has no zone")


class CapturedInference(NamedTuple):
    """An inference as it was captured, by sightline or by SageMaker.

    ``data`` is the input as it was sent, in whatever ``content_type`` says. ``source`` is the URI of the file, ``line``
    the number of its line. ``uri`` and ``seconds`` are None where it was not captured where the image came from, and
    what the inference took.
    """

    event_id: str
    inference_time: datetime
    endpoint: str
    variant: str
    content_type: str
    data: bytes
    probabilities: tuple[float, ...]
    source: str
    line: int
    uri: str | None
    seconds: float | None


def line_of(event: CaptureEvent) -> tuple[bytes, bytes, bytes]:
    """The line, in three parts that follow one another: an image may be large, and is not joined to them."""
    output = json.dumps([float(each) for each in event.probabilities], allow_nan=False)
    time = event.inference_time.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat()
    head = f'{{"captureData":{{"endpointInput":{{"observedContentType":{json.dumps(event.content_type)}'
    # What is in base64 needs no escaping.
    head += ',"mode":"INPUT","data":"'
    tail = '","encoding":"BASE64"},"endpointOutput":{"observedContentType":"application/json","mode":"OUTPUT"'
    tail += f',"data":{json.dumps(output)},"encoding":"JSON"}}}}'
    tail += f',"eventMetadata":{{"eventId":"{event.event_id}",{_attributes(event)}"inferenceTime":"{time}Z"}}'
    tail += ',"eventVersion":"0"}\n'
    return head.encode(), b2a_base64(event.data, newline=False), tail.encode()


def _attributes(event: CaptureEvent) -> str:
    """What Model Monitor has no place for, as custom attributes, which it has."""
    told = {_URI: event.uri, _SECONDS: None if event.seconds is None else f"{event.seconds:.6f}"}
    named = [f"{name}={value}" for name, value in told.items() if value is not None]
    return f'"customAttributes":{json.dumps(named)},' if named else ""


class _Part(BaseModel):
    # What else is there says nothing about the inference.
    model_config = ConfigDict(frozen=True, alias_generator=to_camel)


class _Payload(_Part):
    observed_content_type: str
    data: str
    encoding: Literal["BASE64", "CSV", "JSON"]

    def content(self) -> bytes:
        """The bytes that were sent."""
        if self.encoding != "BASE64":
            return self.data.encode()
        try:
            return b64decode(self.data, validate=True)
        except binascii.Error as error:
            raise ValueError(f"not base64: {error}") from error


class _Data(_Part):
    endpoint_input: _Payload
    endpoint_output: _Payload


class _Metadata(_Part):
    event_id: str = Field(min_length=1)
    inference_time: AwareDatetime
    custom_attributes: tuple[Any, ...] = ()  # of SageMaker's it is whatever the caller sent along


class CapturedLine(_Part):
    """A line as it was read; its contents are not decoded before they are asked for."""

    capture_data: _Data
    event_metadata: _Metadata
    event_version: Literal["0"]

    def told(self) -> tuple[str | None, float | None]:
        """Where the image came from and what the inference took, where those were captured. Raises ``ValueError``."""
        attributes = self.event_metadata.custom_attributes
        if not attributes:
            return None, None
        named = dict(str(each).partition("=")[::2] for each in attributes)
        uri, told = named.get(_URI), named.get(_SECONDS)
        if told is None:
            return uri, None
        if not 0 <= (seconds := float(told)) <= sys.float_info.max:
            raise ValueError(f"eventMetadata.customAttributes: {_SECONDS}={told} is no time that an inference takes")
        return uri, seconds

    def data(self) -> bytes:
        """What was sent to the model. Raises ``ValueError``."""
        try:
            return self.capture_data.endpoint_input.content()
        except ValueError as error:
            raise ValueError(f"captureData.endpointInput.data: {error}") from error

    def probabilities(self) -> tuple[float, ...]:
        """What the model answered. Raises ``ValueError``."""
        output = self.capture_data.endpoint_output
        try:
            return _numbers(output.content().decode(), _notation(output))
        except ValueError as error:
            raise ValueError(f"captureData.endpointOutput.data: {error}") from error


def _notation(output: _Payload) -> Literal["CSV", "JSON"]:
    if output.encoding != "BASE64":
        return output.encoding
    return "CSV" if output.observed_content_type.partition(";")[0].strip().lower() == "text/csv" else "JSON"


def _numbers(text: str, notation: Literal["CSV", "JSON"]) -> tuple[float, ...]:
    if notation == "CSV":
        rows: Any = [line.split(",") for line in text.splitlines() if line.strip()]
        values = [float(value) for row in rows for value in row]
    else:
        rows = from_json(text)
        # TensorFlow's servers wrap their answer, and many answer with one row for each input.
        rows = rows.get("predictions") if isinstance(rows, dict) else rows
        rows = rows if isinstance(rows, list) and rows and isinstance(rows[0], list) else [rows]
        values = rows[0] if isinstance(rows[0], list) else [rows[0]]
    if len(rows) != 1 or not values or not all(_is_number(value) for value in values):
        raise ValueError("not one row of probabilities")
    return tuple(map(float, values))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
