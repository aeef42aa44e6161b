"""Reading what is new: late and repeated files, two passes at once, and passes that die."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event

import pytest

from sightline.beds import Bed, BedStore, InvalidBed, Judge, JudgedFrame, Reading, read_new_frames
from sightline.leases import LeaseTaken
from tests.beds import MAT, MINUTE, NOON, csv_row, judge_side, make_old, states, write_bed, write_frame

LATER = NOON + timedelta(days=2)


def watch(bed: Bed, judge: Judge = judge_side, now: datetime = LATER) -> Reading:
    return read_new_frames(bed, judge, lambda: now, "a test")


def test_a_pass_reads_only_what_is_new(tmp_path: Path) -> None:
    bed = write_bed(tmp_path)
    for minute in (0, 1, 3):
        write_frame(bed, NOON + minute * MINUTE, "left", (".csv", ".npy", ".png", ".csv")[minute])
    assert (watch(bed).frames, watch(bed).frames) == (3, 0)
    write_frame(bed, NOON + 2 * MINUTE, "right")  # out of order
    write_frame(bed, NOON - timedelta(days=1), "right")  # late
    reading = watch(bed)
    assert (reading.files, reading.frames) == (2, 2)
    assert states(bed) == ["right", "left", "left", "right", "left"]


def test_a_log_that_grows_is_read_on(tmp_path: Path) -> None:
    bed = write_bed(tmp_path)
    log = bed.folder / "frames" / "log.csv"
    lines = [csv_row(f"2026-03-08T12:0{minute}:00", "left", minute) for minute in range(4)]
    log.write_text("\n".join(lines[:2]) + "\n" + lines[2][:30], "utf-8")
    make_old(log, age=1)
    asked: list[int] = []

    def judge(pictures: Sequence[bytes]) -> list[JudgedFrame]:
        asked.append(len(pictures))
        return judge_side(pictures)

    assert watch(bed, judge).problems == {}
    log.write_text("\n".join(lines) + "\n", "utf-8")
    make_old(log)
    watch(bed, judge)
    assert asked == [2, 2]
    assert states(bed) == ["left"] * 4


def test_a_pass_that_dies_between_reading_and_storing_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bed = write_bed(tmp_path)
    for minute in range(3):
        write_frame(bed, NOON + minute * MINUTE, "left")

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    for step in ("add", "mark_read", "mark_complete"):
        with monkeypatch.context() as patch:
            patch.setattr(BedStore, step, die)
            with pytest.raises(KeyboardInterrupt):
                watch(bed)
    assert watch(bed).frames == 0
    assert states(bed) == ["left"] * 3


def test_of_two_passes_at_once_one_reads(tmp_path: Path) -> None:
    bed = write_bed(tmp_path)
    write_frame(bed, NOON, "left")
    started, finish = Event(), Event()

    def slow(pictures: Sequence[bytes]) -> list[JudgedFrame]:
        started.set()
        finish.wait(60)
        return judge_side(pictures)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(watch, bed, slow)
        started.wait(60)
        with pytest.raises(LeaseTaken):
            watch(bed)
        finish.set()
        assert first.result().frames == 1
    assert states(bed) == ["left"]


def test_frames_of_two_stores_are_merged(tmp_path: Path) -> None:
    """Even a process that does not know that it lost its lease removes nothing."""
    store = BedStore(write_bed(tmp_path))
    frames = {NOON + minute * MINUTE: JudgedFrame(state="left") for minute in range(40)}
    instants = list(frames)

    def add(start: int) -> int:
        return sum(store.add({at: frames[at] for at in instants[place : place + 6]}) for place in range(start, 40, 4))

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(add, range(4))) >= 40
    assert store.known(instants) == set(instants)


def test_corrected_range_reads_the_refused_files_again(tmp_path: Path) -> None:
    bed = write_bed(tmp_path, MAT.replace("4095", "1023"))
    write_frame(bed, NOON, "left")
    assert "Correct range" in str(watch(bed).problems)
    assert states(bed) == ["fault"]
    watch(write_bed(tmp_path))
    assert states(bed) == ["left"]


def test_frames_from_the_future_are_refused(tmp_path: Path) -> None:
    bed = write_bed(tmp_path)
    write_frame(bed, NOON + MINUTE * 30, "left")
    reading = watch(bed, now=NOON)
    assert reading.frames == 0
    assert "clock" in str(BedStore(bed).problems(["2026-03-08"]) or reading.problems)


def test_another_patient_needs_the_time_of_admission(tmp_path: Path) -> None:
    write_frame(write_bed(tmp_path), NOON, "left")
    watch(write_bed(tmp_path))
    with pytest.raises(InvalidBed, match="admitted"):
        watch(write_bed(tmp_path, patient="ben"))


def test_frames_before_the_admission_are_not_the_patients(tmp_path: Path) -> None:
    write_frame(write_bed(tmp_path), NOON, "left")
    watch(write_bed(tmp_path))
    bed = write_bed(tmp_path, f"admitted = 2026-03-08T12:30:00\n{MAT}", patient="ben")
    write_frame(bed, NOON + 40 * MINUTE, "right")
    assert watch(bed).before_admission == 1
    assert states(bed) == ["right"]
