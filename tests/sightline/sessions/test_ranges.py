"""Numbers of pose files are reserved once for a session, one range after the other."""

from __future__ import annotations

import pytest

from sightline import storage
from sightline.errors import StorageError
from sightline.sessions import ranges
from sightline.sessions.ranges import newest_link, reserve
from sightline.storage import Location


def test_each_range_starts_where_the_last_one_ends(bucket: Location) -> None:
    starts = [reserve(bucket, f"clip {i}", f"sha {i}", count=i + 1) for i in range(4)]
    assert starts == [0, 1, 3, 6]


def test_a_session_that_asks_again_gets_what_it_has(bucket: Location) -> None:
    first = reserve(bucket, "clip", "sha", count=5)
    reserve(bucket, "other", "other sha", count=2)
    assert reserve(bucket, "clip", "sha", count=5) == first
    assert reserve(bucket, "third", "third sha", count=1) == 7


def test_reading_may_start_at_a_link_that_was_there_before(bucket: Location) -> None:
    reserve(bucket, "old", "old sha", count=5)
    reserve(bucket, "older", "older sha", count=5)
    since = newest_link(bucket)
    assert since == 5
    reserve(bucket, "meanwhile", "sha of it", count=3)
    assert reserve(bucket, "clip", "sha", count=2, since=since) == 13
    assert reserve(bucket, "clip", "sha", count=2, since=since) == 13


def test_files_of_an_older_system_are_not_numbered_again(bucket: Location) -> None:
    for index in (0, 1, 41):
        storage.write_bytes(bucket / f"pose_{index:06d}.json", b"{}")
    storage.write_bytes(bucket / "pose_notes.json", b"")
    assert reserve(bucket, "clip", "sha", count=2) == 42
    assert reserve(bucket, "next", "next sha", count=2) == 44
    assert reserve(bucket, "clip", "sha", count=2) == 42


def test_files_of_a_session_that_began_the_chain_meanwhile_are_not_taken_for_an_older_system_s(
    bucket: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = ranges._numbers_in_use, []

    def someone_else_comes_first(folder: Location) -> int:
        if not calls:
            calls.append(folder)
            reserve(bucket, "other", "other sha", count=3)
            for index in range(3):
                storage.write_bytes(bucket / f"pose_{index:06d}.json", b"{}")
        return real(folder)

    monkeypatch.setattr(ranges, "_numbers_in_use", someone_else_comes_first)
    assert reserve(bucket, "clip", "sha", count=2) == 3
    assert reserve(bucket, "other", "other sha", count=3) == 0


def test_numbers_of_more_than_six_digits_go_on(bucket: Location) -> None:
    storage.write_bytes(bucket / "pose_1000000.json", b"{}")
    assert reserve(bucket, "clip", "sha", count=1) == 1_000_001
    assert newest_link(bucket) == 1_000_001


def test_a_damaged_link_is_an_error_that_names_it(bucket: Location) -> None:
    link = bucket / ".sessions" / ".ranges" / "000000.json"
    storage.write_bytes(link, b'{"start": 0, "count": 0, "session": null, "sha256": null}')
    with pytest.raises(StorageError, match=r"000000\.json: is damaged.*count"):
        reserve(bucket, "clip", "sha", count=1)


def test_a_listing_that_fails_never_starts_the_numbers_at_0(bucket: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    storage.write_bytes(bucket / "pose_000000.json", b"{}")

    def fails(folder: Location) -> list[str]:
        raise StorageError(f"{folder}: cannot be listed")

    monkeypatch.setattr(storage, "file_names", fails)
    with pytest.raises(StorageError, match="cannot be listed"):
        reserve(bucket, "clip", "sha", count=1)
    with pytest.raises(StorageError, match="cannot be listed"):
        newest_link(bucket)
    assert not storage.exists(bucket / ".sessions" / ".ranges" / "000000.json")
