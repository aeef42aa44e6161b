"""A run over images goes on where it was, and its results are whole."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline import storage
from sightline.storage import Location
from sightline.vision import (
    THRESHOLD_NOT_MET,
    ClassificationRun,
    ImageRecord,
    ImageRef,
    Limits,
    Outcome,
    Reason,
    expand,
    judge,
    read_records,
    run_key,
)

CLASSES = ("bicycle", "motorcycle")


def record(place: int, p: float | None = 0.95, reason: str | None = None) -> ImageRecord:
    probabilities = None if p is None else {"bicycle": p, "motorcycle": 1 - p}
    name, confidence, outcome = judge(probabilities, 0.93) if probabilities else (None, None, Outcome.REJECTED)
    if outcome is Outcome.LOW_CONFIDENCE:
        reason = THRESHOLD_NOT_MET
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


def test_the_table_says_what_the_lines_say(bucket: Location, tmp_path: Path) -> None:
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


def test_the_summary_counts_every_image_once(bucket: Location) -> None:
    run = ClassificationRun(bucket / "out", "a" * 32)
    finish(run, [[record(0), record(1, 0.04)], [record(2, 0.6), record(3, None, Reason.EMPTY), record(4, 0.93)]])
    ended = run.finished()
    assert ended
    summary = ended.summary
    assert (summary.images, summary.accepted, summary.low_confidence, summary.rejected) == (5, 3, 1, 1)
    assert summary.classes == {"bicycle": 3, "motorcycle": 1}
    assert summary.reasons == {"THRESHOLD_CONFIDENCE_NOT_MET": 1, "empty": 1}


def test_a_class_that_no_image_is_of_is_counted_too(bucket: Location) -> None:
    run = ClassificationRun(bucket / "out", "a" * 32)
    finish(run, [[record(0)]])
    ended = run.finished()
    assert ended
    assert ended.summary.classes == {"bicycle": 1, "motorcycle": 0}


def test_the_first_fifty_that_were_not_accepted_are_named_in_their_order(bucket: Location) -> None:
    run = ClassificationRun(bucket / "out", "a" * 32)
    records = [
        record(place, *((None, Reason.MISSING) if place % 3 == 0 else (0.6,) if place % 3 == 1 else ()))
        for place in range(120)
    ]
    finish(run, [records[:50], records[50:]])
    ended = run.finished()
    assert ended
    expected = [each for each in records if each.outcome is not Outcome.ACCEPTED]
    assert (len(expected), ended.summary.low_confidence + ended.summary.rejected) == (80, 80)
    assert list(ended.summary.not_accepted) == expected[:50]


def test_of_equally_uncertain_images_the_first_ones_are_named(bucket: Location) -> None:
    run = ClassificationRun(bucket / "out", "a" * 32)
    finish(run, [[record(place, 0.6) for place in range(60)]])
    ended = run.finished()
    assert ended
    assert list(ended.summary.least_certain) == [record(place, 0.6) for place in range(20)]


def test_a_run_over_more_images_than_a_part_of_the_table_holds_loses_none(bucket: Location, tmp_path: Path) -> None:
    run = ClassificationRun(bucket / "out", "a" * 32)
    finish(run, [[record(place) for place in range(2500)]])
    (tmp_path / "copy").mkdir()
    table = pq.read_table(storage.fetch(bucket / "out" / "results.parquet", tmp_path / "copy"))
    assert table["uri"].to_pylist() == [f"images/{place}.png" for place in range(2500)]
    assert len(list(read_records(storage.read_bytes(bucket / "out" / "results.jsonl")))) == 2500


@given(uri=st.text(st.characters(exclude_categories=["Cs"]), min_size=1), detail=st.text(max_size=30))
def test_a_record_of_any_name_is_one_line_and_reads_as_it_was_written(uri: str, detail: str) -> None:
    written = record(0, None, Reason.DENIED).model_copy(update={"uri": uri, "detail": detail})
    line = f"{written.model_dump_json()}\n".encode()
    assert list(read_records(line * 3)) == [written] * 3


def test_a_run_that_another_process_has_ended_meanwhile_ends_as_that_one_did(bucket: Location) -> None:
    first, second = (ClassificationRun(bucket / "out", "a" * 32) for _ in range(2))
    first.keep(0, [record(0)])
    assert second.done() == {0}
    finish(first, [[record(0)], [record(1)]])
    second.keep(1, [record(1)])
    assert second.finish(2, CLASSES, "vehicles/1", 0.93, fixed=True) == first.finished()


def test_a_chunk_that_was_never_done_is_an_error_not_a_gap(bucket: Location) -> None:
    run = ClassificationRun(bucket / "out", "a" * 32)
    run.keep(0, [record(0)])
    with pytest.raises(FileNotFoundError):
        run.finish(2, CLASSES, "vehicles/1", 0.93, fixed=True)
    assert storage.file_names(bucket / "out") == []


def test_another_run_in_the_same_place_is_not_taken_for_it(bucket: Location) -> None:
    finish(ClassificationRun(bucket / "out", "a" * 32), [[record(0)]])
    assert ClassificationRun(bucket / "out", "b" * 32).finished() is None


def test_images_that_may_change_unseen_are_classified_again(bucket: Location) -> None:
    run = ClassificationRun(bucket / "out", "a" * 32)
    finish(run, [[record(0)]], fixed=False)
    assert run.finished() is None


@pytest.mark.parametrize("reason", [Reason.UNREACHABLE, Reason.DENIED, Reason.ENDPOINT_UNAVAILABLE])
def test_what_failed_for_a_reason_that_may_pass_is_done_again_and_the_rest_is_not(
    bucket: Location, reason: Reason
) -> None:
    run = ClassificationRun(bucket / "out", "a" * 32)
    finish(run, [[record(0)], [record(1), record(2, None, reason)], [record(3, None, Reason.TRUNCATED)]])
    assert run.finished() is None
    assert run.done() == {0, 2}
    finish(run, [[record(0)], [record(1), record(2)], [record(3, None, Reason.TRUNCATED)]])
    assert run.finished()


def test_an_image_beyond_a_limit_is_looked_at_again_once_that_is_raised() -> None:
    refs = [ImageRef(uri="a.png", version="1")]
    usual = run_key(refs, "vehicles/1", 0.93, 64)
    assert usual == run_key(refs, "vehicles/1", 0.93, 64, Limits())
    assert len({usual, *(run_key(refs, "vehicles/1", 0.93, 64, other) for other in (Limits(1), Limits(bytes=1)))}) == 3


def test_the_same_payload_has_the_same_key_and_another_one_has_not() -> None:
    keys = [run_key(expand({"images": [text]}), "vehicles/1", 0.93, 64) for text in ("YQ==", "YQ==", "Yg==")]
    assert keys[0] == keys[1] != keys[2]


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
