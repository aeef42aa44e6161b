"""Reading capture files: every line of every nested file, each event once."""

from __future__ import annotations

import gzip
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
from sightline.monitoring import CaptureEvent, InvalidCapture, SkippedLines, read_captures, write_capture
from sightline.monitoring.capture_reader import EventIds
from sightline.storage import Location
from tests.captures import sagemaker_line

START = datetime(2026, 1, 31, 22, 13, 58, 123000, UTC)
KEY = "scones/AllTraffic/2026/01/31/20/13-58-123-0b60e1a4.jsonl"


def put(root: Location, text: str, key: str = KEY) -> Location:
    storage.write_bytes(root / key, text.encode())
    return root / key


def capture_one(root: Location, number: int, at: datetime, endpoint: str = "posture", variant: str = "v1") -> str:
    """Capture one event, and return its id."""
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
def test_captured_events_are_read_back(chunks: list[list[tuple[bytes, tuple[float, ...], datetime]]]) -> None:
    number, expected = 0, []
    with TemporaryDirectory() as folder:
        for file_number, chunk in enumerate(chunks):
            events = []
            for data, probabilities, time in chunk:
                number += 1
                events.append(CaptureEvent(UUID(int=number), time, "image/jpeg", data, probabilities))
            at = START + timedelta(minutes=37 * file_number)
            write_capture(Path(folder), "posture", "v1", events, at=at, file_id=UUID(int=file_number))
            expected += events
        inferences = list(read_captures(Path(folder)))
    assert [UUID(inference.event_id) for inference in inferences] == [event.event_id for event in expected]
    for inference, event in zip(inferences, expected, strict=True):
        assert (inference.data, inference.content_type) == (event.data, "image/jpeg")
        assert inference.probabilities == event.probabilities
        assert inference.inference_time == event.inference_time.replace(microsecond=0)
        assert (inference.endpoint, inference.variant) == ("posture", "v1")


def test_all_lines_of_all_files_are_read_in_order_of_time(bucket: Location) -> None:
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


def test_event_captured_again_is_read_once(bucket: Location) -> None:
    put(bucket, "\n".join(sagemaker_line(event_id) for event_id in ("a", "a", "b")))
    put(bucket, sagemaker_line("b") + "\n" + sagemaker_line("c"), "scones/AllTraffic/2026/01/31/21/00-00-000-1.jsonl")
    assert ids(bucket) == ["a", "b", "c"]


def test_bounds_select_by_the_times_of_the_files(tmp_path: Path) -> None:
    moments = [START + timedelta(hours=hours) for hours in (0, 1, 2, 3, 24 * 40, 24 * 400)]
    all_ids = [capture_one(tmp_path, number, moment) for number, moment in enumerate(moments)]
    for first in range(len(moments)):
        assert ids(tmp_path, since=moments[first]) == all_ids[first:]
        assert ids(tmp_path, until=moments[first]) == all_ids[:first]
        for last in range(first, len(moments)):
            assert ids(tmp_path, since=moments[first], until=moments[last]) == all_ids[first:last]
    assert ids(tmp_path, since=moments[1] + timedelta(milliseconds=1)) == all_ids[2:]


def test_bounds_select_the_files_on_s3(s3_bucket: Location) -> None:
    expected = [capture_one(s3_bucket, hours, START + timedelta(hours=hours)) for hours in range(4)]
    assert ids(s3_bucket, since=START + timedelta(hours=1), until=START + timedelta(hours=3)) == expected[1:3]


def test_files_outside_the_bounds_are_not_opened(tmp_path: Path) -> None:
    put(tmp_path, "damaged", "posture/v1/2026/01/30/22/00-00-000-0.jsonl")
    put(tmp_path, "damaged", "posture/v1/2026/01/31/21/00-00-000-0.jsonl")
    expected = capture_one(tmp_path, 1, START)
    put(tmp_path, "damaged", "posture/v1/2026/02/01/00/00-00-000-0.jsonl")
    day = tmp_path / "posture" / "v1" / "2025" / "12" / "31"
    day.mkdir(parents=True)
    (day / "without-time.jsonl").write_text("days outside the bounds are not listed")
    assert ids(tmp_path, since=START, until=START + timedelta(hours=1)) == [expected]


def test_files_other_than_captures_are_ignored(bucket: Location) -> None:
    put(bucket, sagemaker_line("a"))
    for key in (
        "reports/2026/statistics.json",
        "scones/AllTraffic/notes/x.jsonl",
        "scones/AllTraffic/2026/01/31/20/_SUCCESS",
    ):
        put(bucket, "other content", key)
    assert ids(bucket) == ["a"]
    assert ids(bucket / "nowhere") == []


@pytest.mark.parametrize(
    "name", ["20/merged.jsonl", "24/00-00-000-0.jsonl", "20/60-00-000-0.jsonl", "13-58-123-0.jsonl"]
)
def test_capture_file_without_a_time_is_an_error(bucket: Location, name: str) -> None:
    file = put(bucket, sagemaker_line(), f"scones/AllTraffic/2026/01/31/{name}")
    with pytest.raises(InvalidCapture, match="MM-SS-mmm-ID") as caught:
        ids(bucket)
    assert caught.value.subject == storage.uri_of(file)


def test_unreadable_lines_are_counted_and_the_others_read(bucket: Location) -> None:
    lines = [sagemaker_line("a"), "no json", sagemaker_line("b", data="[2"), sagemaker_line("a"), sagemaker_line("c")]
    first = put(bucket, "\n".join(lines))
    second = put(bucket, sagemaker_line("d"), "scones/AllTraffic/2026/01/31/20/merged.jsonl")
    skipped = SkippedLines()
    assert ids(bucket, skipped=skipped) == ["a", "c"]
    assert (skipped.duplicates, skipped.bad_lines) == (1, 3)
    assert [example.partition(": ")[0] for example in sorted(skipped.examples)] == sorted(
        [storage.uri_of(second), f"{storage.uri_of(first)}:2", f"{storage.uri_of(first)}:3"]
    )
    assert any("Invalid JSON" in example for example in skipped.examples)


def test_only_the_first_unreadable_lines_are_listed(tmp_path: Path) -> None:
    put(tmp_path, "x\n" * 5_000)
    skipped = SkippedLines()
    assert ids(tmp_path, skipped=skipped) == []
    assert skipped.bad_lines == 5_000
    assert len(skipped.examples) == 20


@pytest.mark.parametrize("name", ["13-58-123-0.jsonl", "13-58-123-0.jsonl.gz"])
def test_compressed_file_is_read_under_any_suffix(bucket: Location, name: str) -> None:
    text = "\n".join(sagemaker_line(event_id) for event_id in "abc")
    storage.write_bytes(bucket / f"scones/AllTraffic/2026/01/31/20/{name}", gzip.compress(text.encode()))
    assert ids(bucket) == ["a", "b", "c"]


@pytest.mark.parametrize("damage", [lambda data: data[:-20], lambda data: data[:60] + b"\0" * 40 + data[100:]])
def test_damaged_compressed_file_is_read_up_to_the_damage(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    text = "\n".join(sagemaker_line(f"{number}{random.Random(number).random()}") for number in range(200))
    key = tmp_path / "scones/AllTraffic/2026/01/31/20/13-58-123-0.jsonl.gz"
    storage.write_bytes(key, damage(gzip.compress(text.encode())))
    put(tmp_path, sagemaker_line("after"), "scones/AllTraffic/2026/01/31/21/00-00-000-1.jsonl")
    skipped = SkippedLines()
    assert ids(tmp_path, skipped=skipped)[-1] == "after"
    assert skipped.bad_lines >= 1
    assert "truncated" in skipped.examples[-1]
    assert str(key) in skipped.examples[-1]
    with pytest.raises(InvalidCapture):
        ids(tmp_path)


def test_event_ids_recognise_repeats_among_many() -> None:
    event_ids = EventIds()
    names = [str(UUID(int=number)) for number in range(70_000)]  # more than are pending before they are sorted
    assert all(map(event_ids.add, names))
    assert not any(map(event_ids.add, names[::-7]))
    assert event_ids.add("another")
