"""Every session reserves its pose numbers once, in consecutive ranges."""

from __future__ import annotations

import pytest

from sightline import storage
from sightline.errors import StorageError
from sightline.sessions import ranges
from sightline.sessions.ranges import newest_link, reserve
from sightline.storage import Location


def test_every_range_starts_at_the_end_of_the_last_one(bucket: Location) -> None:
    starts = [reserve(bucket, f"clip {i}", f"sha {i}", count=i + 1) for i in range(4)]
    assert starts == [0, 1, 3, 6]


def test_repeated_reservation_returns_the_same_numbers(bucket: Location) -> None:
    first = reserve(bucket, "clip", "sha", count=5)
    reserve(bucket, "other", "other sha", count=2)
    assert reserve(bucket, "clip", "sha", count=5) == first
    assert reserve(bucket, "third", "third sha", count=1) == 7


def test_reservation_may_start_at_an_earlier_link(bucket: Location) -> None:
    reserve(bucket, "first", "first sha", count=5)
    reserve(bucket, "second", "second sha", count=5)
    since = newest_link(bucket)
    assert since == 5
    reserve(bucket, "meanwhile", "meanwhile sha", count=3)
    assert reserve(bucket, "clip", "sha", count=2, since=since) == 13
    assert reserve(bucket, "clip", "sha", count=2, since=since) == 13


def test_numbers_of_an_older_system_are_not_reused(bucket: Location) -> None:
    for index in (0, 1, 41):
        storage.write_bytes(bucket / f"pose_{index:06d}.json", b"{}")
    storage.write_bytes(bucket / "pose_notes.json", b"")
    assert reserve(bucket, "clip", "sha", count=2) == 42
    assert reserve(bucket, "next", "next sha", count=2) == 44
    assert reserve(bucket, "clip", "sha", count=2) == 42


def test_chain_started_meanwhile_is_not_taken_for_an_older_system(
    bucket: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = ranges._numbers_in_use, []

    def other_session_first(folder: Location) -> int:
        if not calls:
            calls.append(folder)
            reserve(bucket, "other", "other sha", count=3)
            for index in range(3):
                storage.write_bytes(bucket / f"pose_{index:06d}.json", b"{}")
        return real(folder)

    monkeypatch.setattr(ranges, "_numbers_in_use", other_session_first)
    assert reserve(bucket, "clip", "sha", count=2) == 3
    assert reserve(bucket, "other", "other sha", count=3) == 0


def test_numbers_may_have_more_than_six_digits(bucket: Location) -> None:
    storage.write_bytes(bucket / "pose_1000000.json", b"{}")
    assert reserve(bucket, "clip", "sha", count=1) == 1_000_001
    assert newest_link(bucket) == 1_000_001


def test_damaged_link_raises_with_its_name(bucket: Location) -> None:
    link = bucket / ".sessions" / ".ranges" / "000000.json"
    storage.write_bytes(link, b'{"start": 0, "count": 0, "session": null, "sha256": null}')
    with pytest.raises(StorageError, match=r"000000\.json: is damaged.*count"):
        reserve(bucket, "clip", "sha", count=1)


def test_failed_listing_never_restarts_the_numbers(bucket: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    storage.write_bytes(bucket / "pose_000000.json", b"{}")

    def fails(folder: Location) -> list[str]:
        raise StorageError(f"{folder}: cannot be listed")

    monkeypatch.setattr(storage, "file_names", fails)
    with pytest.raises(StorageError, match="cannot be listed"):
        reserve(bucket, "clip", "sha", count=1)
    with pytest.raises(StorageError, match="cannot be listed"):
        newest_link(bucket)
    assert not storage.exists(bucket / ".sessions" / ".ranges" / "000000.json")
