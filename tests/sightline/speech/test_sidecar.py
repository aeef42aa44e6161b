"""The transcript file beside a video."""

from __future__ import annotations

from sightline import storage
from sightline.speech import find_sidecars
from sightline.storage import Location


def test_files_of_the_videos_name_the_richest_first(bucket: Location) -> None:
    for name in ("visit.mp4", "visit.srt", "visit.VTT", "visit.json", "visit.txt", "visit2.srt", "visit.mp4.json"):
        storage.write_bytes(bucket / "ana" / name, b"x")
    assert [file.name for file in find_sidecars(bucket / "ana" / "visit.mp4")] == [
        "visit.json", "visit.VTT", "visit.srt",
    ]  # fmt: skip
    assert find_sidecars(bucket / "ana" / "other.mp4") == []
