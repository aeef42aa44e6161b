"""The frames in files: formats, times, and what is refused."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightline.beds import Bed
from sightline.beds.frames import FileInvalid, Frame, read_frames
from sightline.beds.stamps import StampInvalid
from sightline.storage import StoredFile
from tests.beds import NOON, body, csv_row, write_bed

LEFT = body("left")


def read(bed: Bed, name: str, data: bytes, modified: datetime = NOON, *, growing: bool = False) -> list:
    file = StoredFile(Path(name), len(data), "1", modified)
    return list(read_frames(file, data, bed, growing=growing))


def text(delimiter: str = ",", mark: str = ".") -> bytes:
    rows = (delimiter.join(f"{value:.1f}".replace(".", mark) for value in row) for row in LEFT)
    return "\n".join(rows).encode()


def saved(save, values: object, **named: object) -> bytes:
    file = io.BytesIO()
    save(file, values, **named) if values is not None else save(file, **named)
    return file.getvalue()


def png() -> bytes:
    file = io.BytesIO()
    Image.fromarray(LEFT.astype(np.uint16)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("suffix", "data"),
    [
        ("csv", text()),
        ("csv", b"\xef\xbb\xbf# mat 7\n" + text(";", ",")),
        ("csv", text(",").replace(b"\n", b",\r\n")),
        ("tsv", b"a\tb\tc\td\te\tf\tg\th\n" + text("\t")),
        ("npy", saved(np.save, LEFT.astype(np.uint16))),
        ("npz", saved(np.savez_compressed, None, frame=LEFT)),
        ("png", png()),
    ],
)
def test_formats_hold_the_same_frame(tmp_path: Path, suffix: str, data: bytes) -> None:
    [frame] = read(write_bed(tmp_path), f"bed_20260308T110500Z.{suffix}", data)
    assert frame.at == datetime(2026, 3, 8, 11, 5, tzinfo=UTC)
    np.testing.assert_array_equal(frame.values, LEFT)


def test_rows_with_times_are_frames(tmp_path: Path) -> None:
    bed = write_bed(tmp_path, time_zone="Europe/Berlin")
    lines = [csv_row("2026-03-08 12:00:00", "left"), csv_row("2026-03-08T12:01:00+00:00", "right")]
    frames = read(bed, "log.csv", "\n".join(["time,values", *lines]).encode())
    assert [frame.at.hour for frame in frames] == [11, 12]
    np.testing.assert_array_equal(frames[0].values, LEFT)


def test_npz_with_times_is_a_series(tmp_path: Path) -> None:
    times = np.array(["2026-03-08T11:00", "2026-03-08T11:01"], "datetime64[s]")
    frames = read(write_bed(tmp_path), "log.npz", saved(np.savez, None, frames=np.stack([LEFT, LEFT]), times=times))
    assert [frame.at.minute for frame in frames] == [0, 1]


def test_a_damaged_row_costs_only_its_frame(tmp_path: Path) -> None:
    good, bad = csv_row("2026-03-08T11:00:00", "left"), csv_row("2026-03-08T11:01:00", "left")
    frames = read(
        write_bed(tmp_path), "log.csv", f"{good}\n{bad[:40] + 'x' + bad[40:]}\n{good[:50]}\n{good}\n".encode()
    )
    assert len(frames) == 4
    assert sum(bool(np.isfinite(frame.values).all()) for frame in frames if isinstance(frame, Frame)) == 2


def test_an_unfinished_last_line_waits(tmp_path: Path) -> None:
    line = csv_row("2026-03-08T11:00:00", "left")
    data = f"{line}\n{line.replace('11:00', '11:01')}".encode()
    bed = write_bed(tmp_path)
    assert len(read(bed, "log.csv", data, growing=True)) == 1
    assert len(read(bed, "log.csv", data)) == 2


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("frame.csv", text(), "has no time in its name"),
        ("20260308T110500Z.csv", b"1,2\n3,4\n", "the mat 16 x 8 sensors"),
        ("20260308T110500Z.csv", csv_row("t", "left").partition(",")[2].encode(), "needs a time column"),
        ("20260308T110500Z.npy", saved(np.save, np.stack([LEFT, LEFT])), "2 frames and no times"),
        ("20260308T110500Z.npy", saved(np.save, LEFT)[:200], "truncated"),
        ("20260308T110500Z.npy", saved(np.save, np.array([{}], object)), "pickles"),
        ("20260308T110500Z.png", png()[:80], "truncated"),
    ],
)
def test_other_files_are_refused_with_the_fix(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    with pytest.raises(FileInvalid, match=said):
        read(write_bed(tmp_path), name, data)


@pytest.mark.parametrize("name", ["20260308T110500Z.csv", "20260308T110500Z.npy", "20260308T110500Z.png"])
def test_values_without_a_stated_range_are_refused(tmp_path: Path, name: str) -> None:
    data = {"csv": text(), "npy": saved(np.save, LEFT), "png": png()}[name[-3:]]
    with pytest.raises(FileInvalid, match=r"range = \[0, 4095\]"):
        read(write_bed(tmp_path, mat=""), name, data)


def test_repeated_hour_is_told_by_when_the_file_was_written(tmp_path: Path) -> None:
    bed = write_bed(tmp_path, time_zone="Europe/Berlin")
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    for instant in (first, first + timedelta(hours=1)):
        [frame] = read(bed, "2026-10-25T02-30-00.csv", text(), instant + timedelta(seconds=5))
        assert frame.at == instant
    with pytest.raises(FileInvalid, match="shows that twice"):
        read(bed, "2026-10-25T02-30-00.csv", text(), first + timedelta(days=2))


def test_repeated_hour_is_told_by_the_row_before(tmp_path: Path) -> None:
    bed = write_bed(tmp_path, time_zone="Europe/Berlin")
    times = ["01:50", "02:10", "02:30", "02:50", "02:10", "02:30", "02:50", "03:10"]
    data = "\n".join(csv_row(f"2026-10-25 {time}:00", "left") for time in times).encode()
    frames = read(bed, "log.csv", data, datetime(2026, 10, 27, tzinfo=UTC))
    assert {two.at - one.at for one, two in pairwise(frames)} == {timedelta(minutes=20)}


def test_hour_that_never_was_is_refused(tmp_path: Path) -> None:
    bed = write_bed(tmp_path, time_zone="Europe/Berlin")
    [problem] = read(bed, "log.csv", csv_row("2026-03-29 02:30:00", "left").encode())
    assert isinstance(problem, StampInvalid)
    assert "correct time_zone" in str(problem)
