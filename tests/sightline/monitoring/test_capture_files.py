"""Writing capture files: Model Monitor's format, atomically, and the same file for the same events."""

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


def test_line_has_exactly_the_fields_of_model_monitor(bucket: Location) -> None:
    target = write_capture(bucket, "posture", "v3", [event()], at=AT, file_id=FILE)
    assert target == bucket / KEY
    assert keys(bucket) == [KEY]
    assert storage.read_bytes(bucket / KEY).decode() == (
        '{"captureData":{"endpointInput":{"observedContentType":"image/png","mode":"INPUT","data":"iVBORw==",'
        '"encoding":"BASE64"},"endpointOutput":{"observedContentType":"application/json","mode":"OUTPUT",'
        '"data":"[0.959, 0.041]","encoding":"JSON"}},"eventMetadata":{"eventId":'
        '"c8d2a3f6-1f0e-4d35-9a1d-0a3c2b1e4f55","inferenceTime":"2026-01-31T20:13:58Z"},"eventVersion":"0"}\n'
    )


def test_times_of_any_zone_are_written_in_utc(tmp_path: Path) -> None:
    local = AT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    local_event = CaptureEvent(EVENT, local, "image/png", b"x", (1.0,))
    assert write_capture(tmp_path, "posture", "v3", [local_event], at=local, file_id=FILE) == tmp_path / KEY
    assert b'"inferenceTime":"2026-01-31T20:13:58Z"' in (tmp_path / KEY).read_bytes()


def test_file_written_again_is_the_same_file(bucket: Location) -> None:
    events = [event(number) for number in range(3)]
    write_capture(bucket, "posture", "v3", events[:1], at=AT, file_id=FILE)
    for _ in range(2):
        write_capture(bucket, "posture", "v3", iter(events), at=AT, file_id=FILE)
    assert keys(bucket) == [KEY]
    assert storage.read_bytes(bucket / KEY).count(b"\n") == 3
    assert len(list(read_captures(bucket))) == 3


def test_no_events_write_no_file(bucket: Location) -> None:
    assert write_capture(bucket, "posture", "v3", iter(()), at=AT, file_id=FILE) is None
    assert keys(bucket) == []


def test_failing_events_leave_the_earlier_file_unchanged(bucket: Location) -> None:
    def failing() -> Iterator[CaptureEvent]:
        yield event(1)
        raise RuntimeError("the image is gone")

    write_capture(bucket, "posture", "v3", [event()], at=AT, file_id=FILE)
    before = storage.read_bytes(bucket / KEY)
    with pytest.raises(RuntimeError, match="gone"):
        write_capture(bucket, "posture", "v3", failing(), at=AT, file_id=FILE)
    assert keys(bucket) == [KEY]
    assert storage.read_bytes(bucket / KEY) == before


def test_repeated_event_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"{EVENT}: occurs twice"):
        write_capture(tmp_path, "posture", "v3", [event(), event()], at=AT, file_id=FILE)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_probability_that_is_not_a_number_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_capture(tmp_path, "posture", "v3", [event(probabilities=(float("nan"), 1.0))], at=AT, file_id=FILE)


def test_times_without_a_zone_are_rejected(tmp_path: Path) -> None:
    naive = AT.replace(tzinfo=None)
    with pytest.raises(ValueError, match="zone"):
        CaptureEvent(EVENT, naive, "image/png", b"", (1.0,))
    with pytest.raises(ValueError, match="zone"):
        write_capture(tmp_path, "posture", "v3", [event()], at=naive, file_id=FILE)
    with pytest.raises(ValueError, match="zone"):
        read_captures(tmp_path, since=naive)


@pytest.mark.parametrize("name", ["", "..", "../../etc", "a/b", ".hidden", "a\\b", "a b\n"])
def test_name_that_is_not_one_part_of_a_key_is_rejected(tmp_path: Path, name: str) -> None:
    root = tmp_path / "captures"
    for endpoint, variant in ((name, "v3"), ("posture", name)):
        with pytest.raises(InvalidName, match="Use letters and digits"):
            write_capture(root, endpoint, variant, [event()], at=AT, file_id=FILE)
    assert list(tmp_path.iterdir()) == []


def test_content_type_with_quotes_and_newlines_is_escaped(tmp_path: Path) -> None:
    content_type = 'image/png; name="a\nb"'
    write_capture(tmp_path, "posture", "v3", [CaptureEvent(EVENT, AT, content_type, b"x", (1.0,))], at=AT, file_id=FILE)
    [line] = (tmp_path / KEY).read_text().splitlines()
    assert json.loads(line)["captureData"]["endpointInput"]["observedContentType"] == content_type


def test_one_large_image_at_a_time_is_in_memory(tmp_path: Path) -> None:
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


def test_captured_data_is_standard_base64(tmp_path: Path) -> None:
    data = bytes(range(256)) * 3
    write_capture(tmp_path, "posture", "v3", [event(data=data)], at=AT, file_id=FILE)
    [line] = (tmp_path / KEY).read_text().splitlines()
    assert base64.b64decode(json.loads(line)["captureData"]["endpointInput"]["data"]) == data
