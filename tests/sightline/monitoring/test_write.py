"""A capture file is Model Monitor's to the letter, whole, and the same however often it is written."""

from __future__ import annotations

import base64
import json
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID

import pytest

from sightline import storage
from sightline.errors import InvalidName
from sightline.monitoring import CaptureEvent, read_captures, write_capture
from sightline.storage import Location

FILE = UUID("0b60e1a4-7f0a-4b6a-8f0e-7a4f4d1f5a10")
EVENT = UUID("c8d2a3f6-1f0e-4d35-9a1d-0a3c2b1e4f55")
AT = datetime(2026, 1, 31, 20, 13, 58, 123456, UTC)
KEY = f"posture/v3/2026/01/31/20/13-58-123-{FILE}.jsonl"


def event(number: int = 0, data: bytes = b"\x89PNG", probabilities: tuple[float, ...] = (0.959, 0.041)) -> CaptureEvent:
    return CaptureEvent(UUID(int=EVENT.int + number), AT, "image/png", data, probabilities)


def keys(root: Location) -> list[str | None]:
    return [storage.key_under(file.location, root) for file in storage.walk(root)]


def test_a_line_is_model_monitors_field_by_field(bucket: Location) -> None:
    target = write_capture(bucket, "posture", "v3", [event()], at=AT, file_id=FILE)
    assert target == bucket / KEY
    assert keys(bucket) == [KEY]
    assert storage.read_bytes(bucket / KEY).decode() == (
        '{"captureData":{"endpointInput":{"observedContentType":"image/png","mode":"INPUT","data":"iVBORw==",'
        '"encoding":"BASE64"},"endpointOutput":{"observedContentType":"application/json","mode":"OUTPUT",'
        '"data":"[0.959, 0.041]","encoding":"JSON"}},"eventMetadata":{"eventId":'
        '"c8d2a3f6-1f0e-4d35-9a1d-0a3c2b1e4f55","inferenceTime":"2026-01-31T20:13:58Z"},"eventVersion":"0"}\n'
    )


def test_times_are_told_in_utc_whatever_their_zone(tmp_path: Path) -> None:
    local = AT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    one = CaptureEvent(EVENT, local, "image/png", b"x", (1.0,))
    assert write_capture(tmp_path, "posture", "v3", [one], at=local, file_id=FILE) == tmp_path / KEY
    assert b'"inferenceTime":"2026-01-31T20:13:58Z"' in (tmp_path / KEY).read_bytes()


def test_a_file_written_again_is_the_same_file(bucket: Location) -> None:
    events = [event(number) for number in range(3)]
    write_capture(bucket, "posture", "v3", events[:1], at=AT, file_id=FILE)
    for _ in range(2):
        write_capture(bucket, "posture", "v3", iter(events), at=AT, file_id=FILE)
    assert keys(bucket) == [KEY]
    assert storage.read_bytes(bucket / KEY).count(b"\n") == 3
    assert len(list(read_captures(bucket))) == 3


def test_no_events_make_no_file(bucket: Location) -> None:
    assert write_capture(bucket, "posture", "v3", iter(()), at=AT, file_id=FILE) is None
    assert keys(bucket) == []


def test_events_that_break_off_leave_what_was_there(bucket: Location) -> None:
    def broken() -> Iterator[CaptureEvent]:
        yield event(1)
        raise RuntimeError("the image is gone")

    write_capture(bucket, "posture", "v3", [event()], at=AT, file_id=FILE)
    before = storage.read_bytes(bucket / KEY)
    with pytest.raises(RuntimeError, match="gone"):
        write_capture(bucket, "posture", "v3", broken(), at=AT, file_id=FILE)
    assert keys(bucket) == [KEY]
    assert storage.read_bytes(bucket / KEY) == before


def test_an_event_that_comes_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"{EVENT}: comes twice"):
        write_capture(tmp_path, "posture", "v3", [event(), event()], at=AT, file_id=FILE)
    assert list(tmp_path.iterdir()) == []


def test_a_probability_that_is_not_a_number_is_refused_for_json_has_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_capture(tmp_path, "posture", "v3", [event(probabilities=(float("nan"), 1.0))], at=AT, file_id=FILE)


def test_moments_without_a_zone_are_refused(tmp_path: Path) -> None:
    naive = AT.replace(tzinfo=None)
    with pytest.raises(ValueError, match="zone"):
        CaptureEvent(EVENT, naive, "image/png", b"", (1.0,))
    with pytest.raises(ValueError, match="zone"):
        write_capture(tmp_path, "posture", "v3", [event()], at=naive, file_id=FILE)
    with pytest.raises(ValueError, match="zone"):
        read_captures(tmp_path, since=naive)


@pytest.mark.parametrize("name", ["", "..", "../../etc", "a/b", ".hidden", "a\\b", "a b\n"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    root = tmp_path / "captures"
    for endpoint, variant in ((name, "v3"), ("posture", name)):
        with pytest.raises(InvalidName, match="Write it in letters"):
            write_capture(root, endpoint, variant, [event()], at=AT, file_id=FILE)
    assert list(tmp_path.iterdir()) == []


def test_a_content_type_cannot_break_the_line(tmp_path: Path) -> None:
    odd = 'image/png; name="a\nb"'
    write_capture(tmp_path, "posture", "v3", [CaptureEvent(EVENT, AT, odd, b"x", (1.0,))], at=AT, file_id=FILE)
    [line] = (tmp_path / KEY).read_text().splitlines()
    assert json.loads(line)["captureData"]["endpointInput"]["observedContentType"] == odd


def test_a_chunk_of_large_images_does_not_pile_up_in_memory(tmp_path: Path) -> None:
    large = bytes(2_000_000)
    tracemalloc.start()
    write_capture(tmp_path, "posture", "v3", (event(n, large) for n in range(40)), at=AT, file_id=FILE)
    _, peak = tracemalloc.get_traced_memory()
    assert peak < 12_000_000
    tracemalloc.reset_peak()
    assert sum(len(inference.data) for inference in read_captures(tmp_path)) == 80_000_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 24_000_000


def test_what_is_captured_is_the_base64_that_every_tool_reads(tmp_path: Path) -> None:
    data = bytes(range(256)) * 3
    write_capture(tmp_path, "posture", "v3", [event(data=data)], at=AT, file_id=FILE)
    [line] = (tmp_path / KEY).read_text().splitlines()
    assert base64.b64decode(json.loads(line)["captureData"]["endpointInput"]["data"]) == data
