"""A run over images resumes where it stopped, and its results are complete."""

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


def test_original_uncertain_motorcycle_has_low_confidence() -> None:
    assert judge({"bicycle": 0.6003, "motorcycle": 0.3997}, 0.93) == ("bicycle", 0.6003, Outcome.LOW_CONFIDENCE)


@given(st.floats(0, 1))
def test_confidence_equal_to_the_threshold_is_accepted(threshold: float) -> None:
    assert judge({"bicycle": threshold}, threshold)[2] is Outcome.ACCEPTED
    if threshold > 0:
        assert judge({"bicycle": math.nextafter(threshold, 0)}, threshold)[2] is Outcome.LOW_CONFIDENCE


def test_results_keep_image_order_for_any_chunk_order(bucket: Location) -> None:
    run = ClassificationRun(bucket / "out", "a" * 32)
    run.keep(1, [record(2), record(3)])
    run.keep(0, [record(0), record(1)])
    run.finish(2, CLASSES, "vehicles/1", 0.93, fixed=True)
    lines = storage.read_bytes(bucket / "out" / "results.jsonl").splitlines()
    assert [json.loads(line)["uri"] for line in lines] == [f"images/{place}.png" for place in range(4)]


def test_table_matches_the_lines(bucket: Location, tmp_path: Path) -> None:
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


def test_summary_lists_the_least_certain_images_ascending(bucket: Location) -> None:
    run = ClassificationRun(bucket / "out", "a" * 32)
    confidences = [0.5 + place / 100 for place in range(50)]
    finish(run, [[record(place, p) for place, p in enumerate(confidences)]])
    ended = run.finished()
    assert ended
    assert [record.confidence for record in ended.summary.least_certain] == confidences[:20]
    review = storage.read_bytes(bucket / "out" / "review.jsonl").splitlines()
    assert len(review) == ended.summary.low_confidence == sum(p < 0.93 for p in confidences)


def test_interrupted_run_repeats_only_unfinished_chunks(bucket: Location) -> None:
    run = ClassificationRun(bucket / "out", "a" * 32)
    run.keep(0, [record(0)])
    run.started(1)
    again = ClassificationRun(bucket / "out", "a" * 32)
    assert again.done() == {0}
    assert again.finished() is None


def test_repeated_chunk_keeps_its_first_start_time(bucket: Location) -> None:
    run = ClassificationRun(bucket / "out", "a" * 32)
    assert run.started(7) == ClassificationRun(bucket / "out", "a" * 32).started(7)


def test_finished_run_leaves_only_its_results(bucket: Location) -> None:
    run = ClassificationRun(bucket / "out", "a" * 32)
    finish(run, [[record(0)], [record(1)]])
    assert storage.file_names(bucket / "out") == [
        "results.csv", "results.jsonl", "results.parquet", "review.jsonl", "run.json", "skipped.jsonl"
    ]  # fmt: skip
    assert storage.folder_names(bucket / "out") == []


def test_summary_counts_every_image_once(bucket: Location) -> None:
    run = ClassificationRun(bucket / "out", "a" * 32)
    finish(run, [[record(0), record(1, 0.04)], [record(2, 0.6), record(3, None, Reason.EMPTY), record(4, 0.93)]])
    ended = run.finished()
    assert ended
    summary = ended.summary
    assert (summary.images, summary.accepted, summary.low_confidence, summary.rejected) == (5, 3, 1, 1)
    assert summary.classes == {"bicycle": 3, "motorcycle": 1}
    assert summary.reasons == {"THRESHOLD_CONFIDENCE_NOT_MET": 1, "empty": 1}


def test_class_without_images_is_counted_as_zero(bucket: Location) -> None:
    run = ClassificationRun(bucket / "out", "a" * 32)
    finish(run, [[record(0)]])
    ended = run.finished()
    assert ended
    assert ended.summary.classes == {"bicycle": 1, "motorcycle": 0}


def test_first_fifty_unaccepted_images_are_listed_in_order(bucket: Location) -> None:
    run = ClassificationRun(bucket / "out", "a" * 32)
    records = [
        record(place, *((None, Reason.MISSING) if place % 3 == 0 else (0.6,) if place % 3 == 1 else ()))
        for place in range(120)
    ]
    finish(run, [records[:50], records[50:]])
    ended = run.finished()
    assert ended
    expected = [listed for listed in records if listed.outcome is not Outcome.ACCEPTED]
    assert (len(expected), ended.summary.low_confidence + ended.summary.rejected) == (80, 80)
    assert list(ended.summary.not_accepted) == expected[:50]


def test_first_of_equally_uncertain_images_are_listed(bucket: Location) -> None:
    run = ClassificationRun(bucket / "out", "a" * 32)
    finish(run, [[record(place, 0.6) for place in range(60)]])
    ended = run.finished()
    assert ended
    assert list(ended.summary.least_certain) == [record(place, 0.6) for place in range(20)]


def test_run_larger_than_a_row_group_keeps_all_images(bucket: Location, tmp_path: Path) -> None:
    run = ClassificationRun(bucket / "out", "a" * 32)
    finish(run, [[record(place) for place in range(2500)]])
    (tmp_path / "copy").mkdir()
    table = pq.read_table(storage.fetch(bucket / "out" / "results.parquet", tmp_path / "copy"))
    assert table["uri"].to_pylist() == [f"images/{place}.png" for place in range(2500)]
    assert len(list(read_records(storage.read_bytes(bucket / "out" / "results.jsonl")))) == 2500


@given(uri=st.text(st.characters(exclude_categories=["Cs"]), min_size=1), detail=st.text(max_size=30))
def test_record_with_any_name_round_trips_on_one_line(uri: str, detail: str) -> None:
    written = record(0, None, Reason.DENIED).model_copy(update={"uri": uri, "detail": detail})
    line = f"{written.model_dump_json()}\n".encode()
    assert list(read_records(line * 3)) == [written] * 3


def test_run_finished_by_another_process_returns_its_results(bucket: Location) -> None:
    first, second = (ClassificationRun(bucket / "out", "a" * 32) for _ in range(2))
    first.keep(0, [record(0)])
    assert second.done() == {0}
    finish(first, [[record(0)], [record(1)]])
    second.keep(1, [record(1)])
    assert second.finish(2, CLASSES, "vehicles/1", 0.93, fixed=True) == first.finished()


def test_missing_chunk_is_an_error(bucket: Location) -> None:
    run = ClassificationRun(bucket / "out", "a" * 32)
    run.keep(0, [record(0)])
    with pytest.raises(FileNotFoundError):
        run.finish(2, CLASSES, "vehicles/1", 0.93, fixed=True)
    assert storage.file_names(bucket / "out") == []


def test_other_run_in_the_same_folder_is_ignored(bucket: Location) -> None:
    finish(ClassificationRun(bucket / "out", "a" * 32), [[record(0)]])
    assert ClassificationRun(bucket / "out", "b" * 32).finished() is None


def test_images_without_versions_are_classified_again(bucket: Location) -> None:
    run = ClassificationRun(bucket / "out", "a" * 32)
    finish(run, [[record(0)]], fixed=False)
    assert run.finished() is None


@pytest.mark.parametrize("reason", [Reason.UNREACHABLE, Reason.DENIED, Reason.ENDPOINT_UNAVAILABLE])
def test_only_chunks_with_transient_reasons_are_repeated(bucket: Location, reason: Reason) -> None:
    run = ClassificationRun(bucket / "out", "a" * 32)
    finish(run, [[record(0)], [record(1), record(2, None, reason)], [record(3, None, Reason.TRUNCATED)]])
    assert run.finished() is None
    assert run.done() == {0, 2}
    finish(run, [[record(0)], [record(1), record(2)], [record(3, None, Reason.TRUNCATED)]])
    assert run.finished()


def test_raised_limit_changes_the_run_key() -> None:
    refs = [ImageRef(uri="a.png", version="1")]
    usual = run_key(refs, "vehicles/1", 0.93, 64)
    assert usual == run_key(refs, "vehicles/1", 0.93, 64, Limits())
    assert len({usual, *(run_key(refs, "vehicles/1", 0.93, 64, other) for other in (Limits(1), Limits(bytes=1)))}) == 3


def test_run_key_depends_on_the_payload() -> None:
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
def test_run_key_depends_on_every_parameter(other: tuple[list[ImageRef], str, float, int]) -> None:
    assert run_key(*other) != run_key([ImageRef(uri="a.png", version="1")], "vehicles/1", 0.93, 64)
