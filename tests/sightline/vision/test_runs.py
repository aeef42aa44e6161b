"""A run over images goes on where it was, and its results are whole."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline import storage
from sightline.storage import Location
from sightline.vision import ClassificationRun, ImageRecord, ImageRef, Outcome, Reason, judge, run_key

CLASSES = ("bicycle", "motorcycle")


def record(place: int, p: float | None = 0.95, reason: str | None = None) -> ImageRecord:
    probabilities = None if p is None else {"bicycle": p, "motorcycle": 1 - p}
    name, confidence, outcome = judge(probabilities, 0.93) if probabilities else (None, None, Outcome.REJECTED)
    return ImageRecord(
        uri=f"images/{place}.png", sha256=f"{place:064x}", class_name=name, probabilities=probabilities,
        confidence=confidence, threshold=0.93, outcome=outcome, reason=reason, model="vehicles/1",
        timings={"serialize": 0.01, "classify": 0.02},
    )  # fmt: skip


def finish(run: ClassificationRun, chunks: Sequence[Sequence[ImageRecord]], *, fixed: bool = True) -> None:
    for number, records in enumerate(chunks):
        run.keep(number, records)
    run.finish(len(chunks), CLASSES, "vehicles/1", 0.93, fixed=fixed)


def test_the_original_example_of_an_uncertain_motorcycle_does_not_pass() -> None:
    assert judge({"bicycle": 0.6003, "motorcycle": 0.3997}, 0.93) == ("bicycle", 0.6003, Outcome.LOW_CONFIDENCE)


@given(st.floats(0, 1))
def test_a_confidence_that_equals_the_threshold_is_accepted(threshold: float) -> None:
    assert judge({"bicycle": threshold}, threshold)[2] is Outcome.ACCEPTED
    if threshold > 0:
        assert judge({"bicycle": math.nextafter(threshold, 0)}, threshold)[2] is Outcome.LOW_CONFIDENCE


def test_records_are_in_the_order_of_the_images_whatever_chunk_was_done_first(bucket: Location) -> None:
    run = ClassificationRun(bucket / "out", "a" * 32)
    run.keep(1, [record(2), record(3)])
    run.keep(0, [record(0), record(1)])
    run.finish(2, CLASSES, "vehicles/1", 0.93, fixed=True)
    lines = storage.read_bytes(bucket / "out" / "results.jsonl").splitlines()
    assert [json.loads(line)["uri"] for line in lines] == [f"images/{place}.png" for place in range(4)]


def test_the_table_says_what_the_lines_say(bucket: Location, tmp_path) -> None:
    run = ClassificationRun(bucket / "out", "a" * 32)
    finish(run, [[record(0), record(1, 0.4), record(2, None, Reason.TRUNCATED)]])
    lines = [json.loads(line) for line in storage.read_bytes(bucket / "out" / "results.jsonl").splitlines()]
    (tmp_path / "copy").mkdir()
    rows = pq.read_table(storage.fetch(bucket / "out" / "results.parquet", tmp_path / "copy")).to_pylist()
    for line, row in zip(lines, rows, strict=True):
        same = ("uri", "sha256", "class", "confidence", "threshold", "outcome", "reason", "model")
        assert [line[name] for name in same] == [row[name] for name in same]
        assert {name: row[f"p_{name}"] for name in CLASSES} == (line["probabilities"] or dict.fromkeys(CLASSES))
        assert line["timings"] == {stage: row[f"{stage}_seconds"] for stage in ("serialize", "classify")}


def test_the_uncertain_ones_are_listed_for_review_and_the_least_certain_come_first(bucket: Location) -> None:
    run = ClassificationRun(bucket / "out", "a" * 32)
    confidences = [0.5 + place / 100 for place in range(50)]
    finish(run, [[record(place, p) for place, p in enumerate(confidences)]])
    ended = run.finished()
    assert ended
    assert [each.confidence for each in ended.summary.least_certain] == confidences[:20]
    review = storage.read_bytes(bucket / "out" / "review.jsonl").splitlines()
    assert len(review) == ended.summary.low_confidence == sum(p < 0.93 for p in confidences)


def test_a_run_that_was_killed_does_only_what_was_not_done(bucket: Location) -> None:
    run = ClassificationRun(bucket / "out", "a" * 32)
    run.keep(0, [record(0)])
    run.started(1)
    again = ClassificationRun(bucket / "out", "a" * 32)
    assert again.done() == {0}
    assert again.finished() is None


def test_whoever_does_a_chunk_again_does_it_under_the_first_ones_time(bucket: Location) -> None:
    run = ClassificationRun(bucket / "out", "a" * 32)
    assert run.started(7) == ClassificationRun(bucket / "out", "a" * 32).started(7)


def test_a_finished_run_leaves_its_results_and_nothing_else(bucket: Location) -> None:
    run = ClassificationRun(bucket / "out", "a" * 32)
    finish(run, [[record(0)], [record(1)]])
    assert storage.file_names(bucket / "out") == ["results.jsonl", "results.parquet", "review.jsonl", "run.json"]
    assert storage.folder_names(bucket / "out") == []


def test_another_run_in_the_same_place_is_not_taken_for_it(bucket: Location) -> None:
    finish(ClassificationRun(bucket / "out", "a" * 32), [[record(0)]])
    assert ClassificationRun(bucket / "out", "b" * 32).finished() is None


def test_images_that_may_change_unseen_are_classified_again(bucket: Location) -> None:
    run = ClassificationRun(bucket / "out", "a" * 32)
    finish(run, [[record(0)]], fixed=False)
    assert run.finished() is None


def test_what_failed_for_a_reason_that_may_pass_is_done_again_and_the_rest_is_not(bucket: Location) -> None:
    run = ClassificationRun(bucket / "out", "a" * 32)
    finish(run, [[record(0)], [record(1), record(2, None, Reason.UNREACHABLE)], [record(3, None, Reason.TRUNCATED)]])
    assert run.finished() is None
    assert run.done() == {0, 2}
    finish(run, [[record(0)], [record(1), record(2)], [record(3, None, Reason.TRUNCATED)]])
    assert run.finished()


@pytest.mark.parametrize(
    "other",
    [
        ([ImageRef(uri="a.png", version="2")], "vehicles/1", 0.93, 64),
        ([ImageRef(uri="b.png", version="1")], "vehicles/1", 0.93, 64),
        ([ImageRef(uri="a.png", version="1", data=b"x")], "vehicles/1", 0.93, 64),
        ([ImageRef(uri="a.png", version="1")] * 2, "vehicles/1", 0.93, 64),
        ([ImageRef(uri="a.png", version="1")], "vehicles/2", 0.93, 64),
        ([ImageRef(uri="a.png", version="1")], "vehicles/1", 0.5, 64),
        ([ImageRef(uri="a.png", version="1")], "vehicles/1", 0.93, 32),
    ],
)
def test_a_run_over_anything_else_has_another_key(other: tuple[list[ImageRef], str, float, int]) -> None:
    assert run_key(*other) != run_key([ImageRef(uri="a.png", version="1")], "vehicles/1", 0.93, 64)
