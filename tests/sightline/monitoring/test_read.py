"""Every line of every nested file is read, sightline's and SageMaker's alike, and no event twice."""

from __future__ import annotations

import base64
import gzip
import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline import storage
from sightline.monitoring import CaptureEvent, InvalidCapture, LeftOut, read_captures, write_capture
from sightline.monitoring.seen import SeenIds
from sightline.storage import Location

START = datetime(2026, 1, 31, 22, 13, 58, 123000, UTC)


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def sagemaker_line(
    event_id: str = "26db1afd-0c5f-4de1-ab7d-6b3b8e8d3e7e",
    data: str = "[0.959, 0.041]",
    encoding: str = "JSON",
    content_type: str = "application/json",
    **more: Any,
) -> str:
    """A line as an endpoint of SageMaker wrote it."""
    line = {
        "captureData": {
            "endpointInput": {
                "observedContentType": "image/png",
                "mode": "INPUT",
                "data": "iVBORw==",
                "encoding": "BASE64",
            },
            "endpointOutput": {
                "observedContentType": content_type,
                "mode": "OUTPUT",
                "data": data,
                "encoding": encoding,
            },
        },
        "eventMetadata": {
            "eventId": event_id,
            "customAttributes": ["trace=1"],
            "inferenceId": "mine",
            "inferenceTime": "2026-01-31T20:13:58Z",
        },
        "eventVersion": "0",
    }
    return json.dumps(line | more)


def put(root: Location, text: str, key: str = "scones/AllTraffic/2026/01/31/20/13-58-123-0b60e1a4.jsonl") -> Location:
    storage.write_bytes(root / key, text.encode())
    return root / key


def written(root: Location, number: int, at: datetime, endpoint: str = "posture", variant: str = "v1") -> str:
    """Capture one event; its id."""
    event = CaptureEvent(UUID(int=number), at, "image/png", str(number).encode(), (0.75, 0.25))
    write_capture(root, endpoint, variant, [event], at=at, file_id=UUID(int=number))
    return str(event.event_id)


def ids(root: Location, **bounds: Any) -> list[str]:
    return [inference.event_id for inference in read_captures(root, **bounds)]


@settings(max_examples=60, deadline=None)
@given(
    chunks=st.lists(
        st.lists(
            st.tuples(
                st.binary(max_size=64),
                st.lists(st.floats(0, 1), min_size=1, max_size=5).map(tuple),
                st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
            ),
            max_size=4,
        ),
        max_size=4,
    )
)
def test_what_is_captured_is_read_back(chunks: list[list[tuple[bytes, tuple[float, ...], datetime]]]) -> None:
    number, expected = 0, []
    with TemporaryDirectory() as folder:
        for place, chunk in enumerate(chunks):
            events = []
            for data, probabilities, time in chunk:
                number += 1
                events.append(CaptureEvent(UUID(int=number), time, "image/jpeg", data, probabilities))
            at = START + timedelta(minutes=37 * place)
            write_capture(Path(folder), "posture", "v1", events, at=at, file_id=UUID(int=place))
            expected += events
        found = list(read_captures(Path(folder)))
    assert [UUID(each.event_id) for each in found] == [each.event_id for each in expected]
    for read, event in zip(found, expected, strict=True):
        assert (read.data, read.content_type) == (event.data, "image/jpeg")
        assert read.probabilities == event.probabilities
        assert read.inference_time == event.inference_time.replace(microsecond=0)
        assert (read.endpoint, read.variant) == ("posture", "v1")


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
def test_the_output_is_read_as_its_encoding_says(tmp_path: Path, data: str, encoding: str, content_type: str) -> None:
    file = put(tmp_path, sagemaker_line(data=data, encoding=encoding, content_type=content_type))
    [inference] = read_captures(tmp_path)
    assert inference.probabilities == (0.959, 0.041)
    assert inference.data == b"\x89PNG"
    assert inference.inference_time == datetime(2026, 1, 31, 20, 13, 58, tzinfo=UTC)
    assert (inference.endpoint, inference.variant) == ("scones", "AllTraffic")
    assert inference.source == storage.uri_of(file)


@pytest.mark.parametrize("encoding", ["CSV", "JSON"])
def test_an_input_that_is_text_is_its_bytes(tmp_path: Path, encoding: str) -> None:
    line = json.loads(sagemaker_line())
    line["captureData"]["endpointInput"] |= {"observedContentType": "text/csv", "data": "é,2\n", "encoding": encoding}
    put(tmp_path, json.dumps(line))
    [inference] = read_captures(tmp_path)
    assert (inference.content_type, inference.data) == ("text/csv", "é,2\n".encode())


def test_one_number_is_the_answer_of_a_model_that_gives_one(tmp_path: Path) -> None:
    put(
        tmp_path,
        "\n".join(sagemaker_line(str(n), data, e) for n, (data, e) in enumerate([("0.5", "JSON"), ("0.5", "CSV")])),
    )
    assert [each.probabilities for each in read_captures(tmp_path)] == [(0.5,), (0.5,)]


def test_every_line_of_every_nested_file_is_read_in_the_order_of_time(bucket: Location) -> None:
    put(bucket, sagemaker_line("c") + "\n" + sagemaker_line("d") + "\n")
    put(bucket, sagemaker_line("e"), "posture/v1/2026/01/31/20/13-58-124-0.jsonl")
    put(bucket, sagemaker_line("b"), "scones/AllTraffic/2026/01/31/19/59-59-999-1.jsonl")
    put(bucket, sagemaker_line("a"), "posture/v2/2025/12/31/23/00-00-000-2.jsonl")
    put(bucket, sagemaker_line("f"), "scones/AllTraffic/2026/02/01/00/00-00-000-3.jsonl")
    assert ids(bucket) == ["a", "b", "c", "d", "e", "f"]
    assert ids(bucket, endpoint="posture") == ["a", "e"]
    assert ids(bucket, endpoint="posture", variant="v2") == ["a"]
    assert ids(bucket, variant="AllTraffic") == ["b", "c", "d", "f"]
    assert ids(bucket, endpoint="none") == []


def test_an_event_captured_again_is_dropped_wherever_it_comes(bucket: Location) -> None:
    put(bucket, "\n".join(sagemaker_line(event_id) for event_id in ("a", "a", "b")))
    put(bucket, sagemaker_line("b") + "\n" + sagemaker_line("c"), "scones/AllTraffic/2026/01/31/21/00-00-000-1.jsonl")
    assert ids(bucket) == ["a", "b", "c"]


def test_bounds_cut_by_the_times_of_the_files(tmp_path: Path) -> None:
    moments = [START + timedelta(hours=hours) for hours in (0, 1, 2, 3, 24 * 40, 24 * 400)]
    all_ids = [written(tmp_path, number, moment) for number, moment in enumerate(moments)]
    for first in range(len(moments)):
        assert ids(tmp_path, since=moments[first]) == all_ids[first:]
        assert ids(tmp_path, until=moments[first]) == all_ids[:first]
        for last in range(first, len(moments)):
            assert ids(tmp_path, since=moments[first], until=moments[last]) == all_ids[first:last]
    assert ids(tmp_path, since=moments[1] + timedelta(milliseconds=1)) == all_ids[2:]


def test_bounds_cut_on_s3_too(s3_bucket: Location) -> None:
    kept = [written(s3_bucket, hours, START + timedelta(hours=hours)) for hours in range(4)]
    assert ids(s3_bucket, since=START + timedelta(hours=1), until=START + timedelta(hours=3)) == kept[1:3]


def test_files_outside_the_bounds_are_not_opened(tmp_path: Path) -> None:
    put(tmp_path, "damaged", "posture/v1/2026/01/30/22/00-00-000-0.jsonl")
    put(tmp_path, "damaged", "posture/v1/2026/01/31/21/00-00-000-0.jsonl")
    kept = written(tmp_path, 1, START)
    put(tmp_path, "damaged", "posture/v1/2026/02/01/00/00-00-000-0.jsonl")
    day = tmp_path / "posture" / "v1" / "2025" / "12" / "31"
    day.mkdir(parents=True)
    (day / "no time.jsonl").write_text("a day outside is not even listed")
    assert ids(tmp_path, since=START, until=START + timedelta(hours=1)) == [kept]


def test_other_things_beside_the_captures_are_left_alone(bucket: Location) -> None:
    put(bucket, sagemaker_line("a"))
    for key in (
        "reports/2026/statistics.json",
        "scones/AllTraffic/notes/x.jsonl",
        "scones/AllTraffic/2026/01/31/20/_SUCCESS",
    ):
        put(bucket, "else", key)
    assert ids(bucket) == ["a"]
    assert ids(bucket / "nowhere") == []


@pytest.mark.parametrize(
    "name", ["20/merged.jsonl", "24/00-00-000-0.jsonl", "20/60-00-000-0.jsonl", "13-58-123-0.jsonl"]
)
def test_a_capture_file_without_a_time_is_an_error_and_not_overlooked(bucket: Location, name: str) -> None:
    file = put(bucket, sagemaker_line(), f"scones/AllTraffic/2026/01/31/{name}")
    with pytest.raises(InvalidCapture, match="MM-SS-mmm-ID") as caught:
        ids(bucket)
    assert caught.value.subject == storage.uri_of(file)


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
def test_a_damaged_line_is_named_with_its_file_and_number(tmp_path: Path, line: str, problem: str) -> None:
    file = put(tmp_path, sagemaker_line("first") + "\n\n" + line + "\n")
    found = read_captures(tmp_path)
    assert next(found).event_id == "first"
    with pytest.raises(InvalidCapture, match="line 3: ") as caught:
        next(found)
    assert problem in str(caught.value)
    assert str(caught.value).startswith(storage.uri_of(file))
    assert "take the line out" in caught.value.mend


def test_a_damaged_image_is_an_error_too(tmp_path: Path) -> None:
    line = json.loads(sagemaker_line())
    line["captureData"]["endpointInput"]["data"] = "iVBORw="
    put(tmp_path, json.dumps(line))
    with pytest.raises(InvalidCapture, match=r"line 1: captureData\.endpointInput\.data: not base64"):
        ids(tmp_path)


def test_what_cannot_be_read_is_counted_and_named_and_the_rest_is_read(bucket: Location) -> None:
    lines = [sagemaker_line("a"), "no json", sagemaker_line("b", data="[2"), sagemaker_line("a"), sagemaker_line("c")]
    first = put(bucket, "\n".join(lines))
    second = put(bucket, sagemaker_line("d"), "scones/AllTraffic/2026/01/31/20/merged.jsonl")
    left_out = LeftOut()
    assert ids(bucket, left_out=left_out) == ["a", "c"]
    assert (left_out.duplicates, left_out.bad_lines) == (1, 3)
    assert [each.partition(": ")[0] for each in sorted(left_out.named)] == sorted(
        [storage.uri_of(second), f"{storage.uri_of(first)}:2", f"{storage.uri_of(first)}:3"]
    )
    assert any("Invalid JSON" in each for each in left_out.named)


def test_only_the_first_bad_lines_are_named_however_many_there_are(tmp_path: Path) -> None:
    put(tmp_path, "x\n" * 5_000)
    left_out = LeftOut()
    assert ids(tmp_path, left_out=left_out) == []
    assert left_out.bad_lines == 5_000
    assert len(left_out.named) == 20


@pytest.mark.parametrize("name", ["13-58-123-0.jsonl", "13-58-123-0.jsonl.gz"])
def test_compressed_files_are_read_whatever_they_are_called(bucket: Location, name: str) -> None:
    text = "\n".join(sagemaker_line(each) for each in "abc")
    storage.write_bytes(bucket / f"scones/AllTraffic/2026/01/31/20/{name}", gzip.compress(text.encode()))
    assert ids(bucket) == ["a", "b", "c"]


@pytest.mark.parametrize("damage", [lambda data: data[:-20], lambda data: data[:60] + b"\0" * 40 + data[100:]])
def test_a_compressed_file_that_breaks_off_is_named_and_what_comes_before_is_kept(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    text = "\n".join(sagemaker_line(f"{each}{random.Random(each).random()}") for each in range(200))
    key = tmp_path / "scones/AllTraffic/2026/01/31/20/13-58-123-0.jsonl.gz"
    storage.write_bytes(key, damage(gzip.compress(text.encode())))
    put(tmp_path, sagemaker_line("after"), "scones/AllTraffic/2026/01/31/21/00-00-000-1.jsonl")
    left_out = LeftOut()
    found = ids(tmp_path, left_out=left_out)
    assert found[-1] == "after"
    assert left_out.bad_lines >= 1
    assert "breaks off" in left_out.named[-1]
    assert str(key) in left_out.named[-1]
    with pytest.raises(InvalidCapture):
        ids(tmp_path)


def test_where_an_image_came_from_and_how_long_it_took_is_read_back(tmp_path: Path) -> None:
    event = CaptureEvent(UUID(int=1), START, "image/png", b"x", (0.75, 0.25), uri='s3://a/"b" =c|é.png', seconds=0.0125)
    write_capture(tmp_path, "posture", "v1", [event], at=START, file_id=UUID(int=1))
    [found] = read_captures(tmp_path)
    assert (found.uri, found.seconds, found.line) == (event.uri, 0.0125, 1)


def test_a_capture_that_tells_neither_has_neither(tmp_path: Path) -> None:
    put(tmp_path, sagemaker_line())
    [found] = read_captures(tmp_path)
    assert (found.uri, found.seconds) == (None, None)


def test_ids_are_told_apart_when_they_are_many_and_told_again_when_they_come_again() -> None:
    seen = SeenIds()
    names = [str(UUID(int=number)) for number in range(70_000)]  # more than is kept before it is sorted in
    assert all(map(seen.add, names))
    assert not any(map(seen.add, names[::-7]))
    assert seen.add("another")
