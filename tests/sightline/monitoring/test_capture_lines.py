"""The format of a captured line, as sightline and SageMaker write it."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from sightline import storage
from sightline.monitoring import CaptureEvent, InvalidCapture, read_captures, write_capture
from sightline.storage import Location
from tests.captures import sagemaker_line

START = datetime(2026, 1, 31, 22, 13, 58, 123000, UTC)
KEY = "scones/AllTraffic/2026/01/31/20/13-58-123-0b60e1a4.jsonl"


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def put(root: Location, text: str, key: str = KEY) -> Location:
    storage.write_bytes(root / key, text.encode())
    return root / key


@pytest.mark.parametrize(
    ("data", "encoding", "content_type"),
    [
        ("[0.959, 0.041]", "JSON", "application/json"),
        ("[[0.959, 0.041]]", "JSON", "application/json"),
        ('{"predictions": [[0.959, 0.041]]}', "JSON", "application/json"),
        ('{"predictions": [0.959, 0.041]}', "JSON", "application/json"),
        ("0.959,0.041\n", "CSV", "text/csv; charset=utf-8"),
        (base64_of("[0.959, 0.041]"), "BASE64", "application/json"),
        (base64_of("0.959,0.041"), "BASE64", "text/csv; charset=utf-8"),
    ],
)
def test_output_is_decoded_by_its_encoding(tmp_path: Path, data: str, encoding: str, content_type: str) -> None:
    file = put(tmp_path, sagemaker_line(data=data, encoding=encoding, content_type=content_type))
    [inference] = read_captures(tmp_path)
    assert inference.probabilities == (0.959, 0.041)
    assert inference.data == b"\x89PNG"
    assert inference.inference_time == datetime(2026, 1, 31, 20, 13, 58, tzinfo=UTC)
    assert (inference.endpoint, inference.variant) == ("scones", "AllTraffic")
    assert inference.source == storage.uri_of(file)


@pytest.mark.parametrize("encoding", ["CSV", "JSON"])
def test_text_input_is_returned_as_bytes(tmp_path: Path, encoding: str) -> None:
    line = json.loads(sagemaker_line())
    line["captureData"]["endpointInput"] |= {"observedContentType": "text/csv", "data": "é,2\n", "encoding": encoding}
    put(tmp_path, json.dumps(line))
    [inference] = read_captures(tmp_path)
    assert (inference.content_type, inference.data) == ("text/csv", "é,2\n".encode())


def test_single_number_is_a_valid_output(tmp_path: Path) -> None:
    put(
        tmp_path,
        "\n".join(sagemaker_line(str(n), data, e) for n, (data, e) in enumerate([("0.5", "JSON"), ("0.5", "CSV")])),
    )
    assert [inference.probabilities for inference in read_captures(tmp_path)] == [(0.5,), (0.5,)]


def without(path: str) -> str:
    line = json.loads(sagemaker_line())
    *parents, last = path.split(".")
    part = line
    for name in parents:
        part = part[name]
    del part[last]
    return json.dumps(line)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (sagemaker_line()[:-20], "Invalid JSON"),
        ('{"captureData": "\ufffd', "Invalid JSON"),
        ("[]", "object"),
        (without("eventMetadata.inferenceTime"), "eventMetadata.inferenceTime: Field required"),
        (without("eventMetadata.eventId"), "eventMetadata.eventId: Field required"),
        (without("captureData.endpointOutput"), "captureData.endpointOutput: Field required"),
        (without("captureData.endpointInput.encoding"), "captureData.endpointInput.encoding: Field required"),
        (sagemaker_line(eventVersion="1"), "eventVersion"),
        (sagemaker_line(eventMetadata={"eventId": "a", "inferenceTime": "2026-01-31T20:13:58"}), "inferenceTime"),
        (sagemaker_line(encoding="XML"), "captureData.endpointOutput.encoding"),
        (sagemaker_line(data="[0.9, 0.1", encoding="JSON"), "captureData.endpointOutput.data: EOF"),
        (sagemaker_line(data="[" * 10_000), "captureData.endpointOutput.data"),
        (sagemaker_line(data="[]"), "not one row of probabilities"),
        (sagemaker_line(data="{}"), "not one row of probabilities"),
        (sagemaker_line(data="[[0.9, 0.1], [0.8, 0.2]]"), "not one row of probabilities"),
        (sagemaker_line(data="[true, 0.1]"), "not one row of probabilities"),
        (sagemaker_line(data="[NaN, 0.1]"), "not one row of probabilities"),
        (sagemaker_line(data=f"[1{'0' * 400}]"), "not one row of probabilities"),
        (sagemaker_line(data="0.9,nan", encoding="CSV"), "not one row of probabilities"),
        (sagemaker_line(data="bicycle", encoding="CSV"), "could not convert"),
        (sagemaker_line(data="", encoding="CSV"), "not one row of probabilities"),
        (sagemaker_line(data="0.9\n0.1", encoding="CSV"), "not one row of probabilities"),
        (sagemaker_line(data="WzAu*", encoding="BASE64"), "not base64"),
        (sagemaker_line(data="//79", encoding="BASE64"), "utf-8"),
    ],
)
def test_damaged_line_is_reported_with_file_and_number(tmp_path: Path, line: str, problem: str) -> None:
    file = put(tmp_path, sagemaker_line("first") + "\n\n" + line + "\n")
    inferences = read_captures(tmp_path)
    assert next(inferences).event_id == "first"
    with pytest.raises(InvalidCapture, match="line 3: ") as caught:
        next(inferences)
    assert problem in str(caught.value)
    assert str(caught.value).startswith(storage.uri_of(file))
    assert "remove the line" in caught.value.fix


def test_damaged_base64_input_is_an_error(tmp_path: Path) -> None:
    line = json.loads(sagemaker_line())
    line["captureData"]["endpointInput"]["data"] = "iVBORw="
    put(tmp_path, json.dumps(line))
    with pytest.raises(InvalidCapture, match=r"line 1: captureData\.endpointInput\.data: not base64"):
        list(read_captures(tmp_path))


def test_uri_and_duration_are_read_back(tmp_path: Path) -> None:
    event = CaptureEvent(UUID(int=1), START, "image/png", b"x", (0.75, 0.25), uri='s3://a/"b" =c|é.png', seconds=0.0125)
    write_capture(tmp_path, "posture", "v1", [event], at=START, file_id=UUID(int=1))
    [inference] = read_captures(tmp_path)
    assert (inference.uri, inference.seconds, inference.line) == (event.uri, 0.0125, 1)


def test_capture_without_uri_and_duration_has_neither(tmp_path: Path) -> None:
    put(tmp_path, sagemaker_line())
    [inference] = read_captures(tmp_path)
    assert (inference.uri, inference.seconds) == (None, None)
