"""The flow export-openpose, on sessions of this version and of earlier ones, with a Prefect server."""

from __future__ import annotations

import io
import json
import logging
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flows.__main__ import run
from flows.export_openpose import OpenPoseExport, export_openpose
from sightline.errors import InvalidInput
from sightline.pose import PeopleTrack, read_openpose

pytestmark = pytest.mark.integration

STORED = Path(__file__).resolve().parent.parent / "compatibility" / "v0.1" / "patients"
RECORDS = "Ana B/happiness/.sessions"


@pytest.fixture
def patients(tmp_path: Path) -> Path:
    """The patients of version 0.1; the track of the session ``Ana B/visit`` is one of this version.

    Its video has 25 frames. Every second one is tracked, and the last two of those have no person.
    """
    folder = Path(shutil.copytree(STORED, tmp_path / "patients"))
    path = folder / RECORDS / "visit_track.parquet"
    old = PeopleTrack.from_parquet(path).of(1)
    times = np.arange(25) / 20
    frames = np.arange(0, 16, 2)
    new = replace(old, frames=frames, times=times[frames], tracked_frames=np.arange(0, 20, 2), frame_times=times)
    PeopleTrack.of_one(new).to_parquet(path)
    return folder


@pytest.fixture
def warnings() -> Iterator[list[str]]:
    """The warnings that the tasks log; Prefect's loggers do not propagate."""
    lines: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    collector = Collector(logging.WARNING)
    logger = logging.getLogger("prefect.task_runs")
    logger.addHandler(collector)
    yield lines
    logger.removeHandler(collector)


def people(folder: Path) -> list[bool]:
    """Return for each file, in order, whether there is a person in it."""
    return [read_openpose(path.read_bytes()) is not None for path in sorted(folder.iterdir())]


def test_every_tracked_frame_is_exported(patients: Path, tmp_path: Path, warnings: list[str]) -> None:
    result = export_openpose("Ana B/visit", str(tmp_path / "poses"), patients_bucket=str(patients))
    assert result == OpenPoseExport(
        session="Ana B/visit",
        folder=str(tmp_path / "poses"),
        files=10,
        files_with_person=8,
        people=(1,),
        patient=1,
        warning=None,
    )
    names = [path.name for path in sorted((tmp_path / "poses").iterdir())]
    assert names == [f"visit_{frame:012d}_keypoints.json" for frame in range(0, 20, 2)]
    assert people(tmp_path / "poses") == [True] * 8 + [False] * 2
    assert warnings == []


def test_every_frame_is_exported_by_the_command(patients: Path, tmp_path: Path) -> None:
    output = io.StringIO()
    arguments = ("Ana B/visit", str(tmp_path / "poses"), "--every-frame", "--patients-bucket", str(patients), "--json")
    assert run(("export-openpose", *arguments), output) == 0
    result = json.loads(output.getvalue())
    assert (result["files"], result["files_with_person"], result["warning"]) == (
        25,
        sum(people(tmp_path / "poses")),
        None,
    )
    names = [path.name for path in sorted((tmp_path / "poses").iterdir())]
    assert names == [f"visit_{frame:012d}_keypoints.json" for frame in range(25)]
    # The last pose, of frame 14, is shown for the period of 0.1 s that it stands for.
    assert people(tmp_path / "poses") == [True] * 16 + [False] * 9


def test_session_of_an_earlier_version_is_exported_with_a_warning(tmp_path: Path, warnings: list[str]) -> None:
    known = PeopleTrack.from_parquet(STORED / RECORDS / "visit_track.parquet").frames.tolist()
    result = export_openpose("Ana B/visit", str(tmp_path), patients_bucket=str(STORED))
    assert result.files == result.files_with_person == len(known)
    names = [path.name for path in sorted(tmp_path.iterdir())]
    assert names == [f"visit_{frame:012d}_keypoints.json" for frame in known]
    assert result.warning
    assert "Process the video again" in result.warning
    assert warnings == [f"Ana B/visit: {result.warning}"]


def test_every_frame_of_a_session_of_an_earlier_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="Process the video again"):
        export_openpose("Ana B/visit", str(tmp_path), every_frame=True, patients_bucket=str(STORED))
    assert list(tmp_path.iterdir()) == []
