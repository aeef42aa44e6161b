"""Reading a window: skipped lines, rejected images, samples of fixed size, and baselines from files."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from sightline import storage
from sightline.errors import InvalidInput
from sightline.monitoring import (
    MonitoredModel,
    MonitoringReport,
    Predictions,
    SkippedLines,
    build_report,
    read_baseline,
    read_rejections,
    read_window,
    watch_endpoint,
    watch_model,
)
from sightline.names import ModelName
from sightline.registry import Baseline, Registry
from sightline.storage import Location
from sightline.vision import Counts, FinishedClassification, Summary
from tests.captures import baseline_of, capture, predictions, publish_with, sagemaker_line
from tests.images import CLASSES

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def test_skipped_lines_are_counted_and_listed(registry: Registry, tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    publish_with(registry, None)
    capture(tmp_path / "c", predictions(random, 10), START)
    file = next(entry.location for entry in storage.walk(tmp_path / "c"))
    text = storage.read_bytes(file).decode()
    more = [
        sagemaker_line("one", "[0.2, 0.3, 0.5]"),
        sagemaker_line("two", "[3.2, -2.1]"),
        sagemaker_line("three", "[1]"),
    ]
    storage.write_bytes(file, (text + text + "\n".join(more)).encode())
    model = watch_model(registry, "vehicles", tmp_path / "c", START, START + DAY)
    report = build_report(read_window(model, tmp_path / "c", START, START + DAY))
    assert (report.events, report.duplicates, report.bad_lines) == (10, 10, 3)
    assert "3 probabilities, but vehicles/1 has 2 classes" in report.bad_line_examples[0]
    assert "3.2 is not a probability" in report.bad_line_examples[1]
    assert "1 probability, but" in report.bad_line_examples[2]


def lines(root: Location, *texts: str, key: str = "00-00-000-0") -> None:
    """Write captures of vehicles/1 into one file of the first day."""
    file = root / "vehicles/v1" / f"{START:%Y/%m/%d}" / "12" / f"{key}.jsonl"
    storage.write_bytes(file, "\n".join(texts).encode())


def report_on(registry: Registry, root: Location) -> MonitoringReport:
    model = watch_model(registry, "vehicles", root, START, START + DAY)
    return build_report(read_window(model, root, START, START + DAY))


def output_only(event_id: str, data: str = "[0.9, 0.1]") -> str:
    line = json.loads(sagemaker_line(event_id, data))
    del line["captureData"]["endpointInput"]
    line["eventMetadata"]["inferenceTime"] = (START + DAY / 2).isoformat()
    return json.dumps(line)


def test_captures_with_outputs_only_are_counted(registry: Registry, tmp_path: Path) -> None:
    publish_with(registry, None)
    lines(tmp_path, *(output_only(str(number)) for number in range(9)))
    report = report_on(registry, tmp_path)
    assert (report.events, report.bad_lines, report.mean_confidence, report.blind) == (9, 0, pytest.approx(0.9), False)
    assert report.least_certain[0].uri.endswith(".jsonl:1")


LABELS_ONLY = '{"predicted_label": "bicycle"}'


@pytest.mark.parametrize("bad", [LABELS_ONLY, "[NaN, NaN]", "[12.3, -4.5]", "bicycle", "[0.3, 0.3, 0.4]", "[0.9, 0.9]"])
@pytest.mark.parametrize(("readable", "unreadable", "blind"), [(0, 5, True), (4, 5, True), (5, 5, False)])
def test_window_with_mostly_unreadable_captures_is_blind(
    registry: Registry, tmp_path: Path, bad: str, readable: int, unreadable: int, blind: bool
) -> None:
    publish_with(registry, None)
    texts = [output_only(f"{number}", bad) for number in range(unreadable)]
    lines(tmp_path, *texts, *(output_only(f"ok{number}") for number in range(readable)))
    report = report_on(registry, tmp_path)
    assert (report.events, report.bad_lines, report.blind) == (readable, unreadable, blind)
    if blind:
        read = f"only {readable}" if readable else "none"
        assert report.headline.startswith(f"{read} of {readable + 5} captured predictions can be read")
        assert ".jsonl:1: captureData.endpointOutput.data: " in report.headline or "jsonl:1: " in report.headline


def test_damaged_results_of_runs_do_not_make_a_monitor_blind(registry: Registry, tmp_path: Path) -> None:
    publish_with(registry, None)
    storage.write_bytes(tmp_path / "vehicles-1" / "a" / "run.json", b"{")
    lines(tmp_path, output_only("1"))
    model = watch_model(registry, "vehicles", tmp_path, START, START + DAY)
    report = build_report(read_window(model, tmp_path, START, START + DAY, results=tmp_path))
    assert (report.events, report.bad_lines, report.blind) == (1, 1, False)


@pytest.mark.parametrize(
    "wrong", [timedelta(days=-365), timedelta(days=400), timedelta(hours=-26), timedelta(weeks=5200)]
)
def test_misdated_event_is_counted_at_the_time_of_its_file(
    registry: Registry, tmp_path: Path, wrong: timedelta
) -> None:
    publish_with(registry, None)
    noon = START + DAY / 2
    texts = [output_only(str(number)) for number in range(40)]
    misdated = json.loads(output_only("wrong"))
    misdated["eventMetadata"]["inferenceTime"] = (noon + wrong).isoformat()
    lines(tmp_path, *texts, json.dumps(misdated))
    report = report_on(registry, tmp_path)
    assert (report.events, report.misdated) == (41, 1)
    assert report.misdated_examples[0].endswith(f".jsonl:41: {(noon + wrong).isoformat()}")
    assert [period.events for period in report.periods] == [41]
    assert (report.period_hours, report.periods[0].start) == (1, noon)
    assert report.versions["vehicles/1"].first == report.versions["vehicles/1"].last == noon


def test_misdated_event_within_a_long_window_does_not_stretch_the_report(registry: Registry, tmp_path: Path) -> None:
    publish_with(registry, None)
    noon = START + DAY / 2
    misdated = json.loads(output_only("wrong"))
    misdated["eventMetadata"]["inferenceTime"] = (noon - 300 * DAY).isoformat()
    lines(tmp_path, output_only("1"), json.dumps(misdated), output_only("2"))
    since, until = START - 400 * DAY, START + DAY
    model = watch_model(registry, "vehicles", tmp_path, since, until)
    report = build_report(read_window(model, tmp_path, since, until))
    assert (report.events, report.misdated, report.period_hours) == (3, 1, 1)
    assert [(period.start, period.events) for period in report.periods] == [(noon, 3)]


def test_event_shortly_outside_the_window_keeps_its_time(registry: Registry, tmp_path: Path) -> None:
    """A file is named after its first event, or by when it was written."""
    publish_with(registry, None)
    late = json.loads(output_only("late"))
    late["eventMetadata"]["inferenceTime"] = (START + DAY + timedelta(minutes=10)).isoformat()
    lines(tmp_path, json.dumps(late))
    report = report_on(registry, tmp_path)
    assert (report.misdated, report.periods[0].start) == (0, START + DAY)


def test_saturated_captures_of_the_shared_data_drift(shared_data: Callable[[str], Path]) -> None:
    root, end = shared_data("cases/images/capture"), datetime(2026, 11, 26, tzinfo=UTC)

    def watch(until: datetime) -> MonitoredModel:
        return watch_endpoint("endpoint://saturated", CLASSES, 0.9, root, until - DAY, until)

    week_before = end - 7 * DAY
    before = read_window(watch(week_before), root, week_before - DAY, week_before)
    baseline = before.predictions("endpoint://saturated", "the week before")
    report = build_report(read_window(watch(end).compared_with(baseline), root, end - DAY, end))
    assert (len(baseline), report.events, report.blind) == (300, 500, False)
    [confidence, *_] = report.drift
    assert "fell from 1.00 to 0.56" in confidence.summary


def test_output_only_captures_of_the_shared_data_are_read(shared_data: Callable[[str], Path]) -> None:
    root, start = shared_data("cases/images/capture"), datetime(2026, 11, 25, tzinfo=UTC)
    model = watch_endpoint("endpoint://output-only", CLASSES, 0.9, root, start, start + DAY)
    report = build_report(read_window(model, root, start, start + DAY))
    assert (report.events > 0, report.bad_lines) == (True, 0)


def test_rejected_images_are_counted_from_the_results_of_runs(bucket: Location) -> None:
    def write_run(name: str, finished: datetime, **reasons: int) -> None:
        counts = Counts(images=9, accepted=1, low_confidence=1, rejected=7, classes={}, reasons=reasons)
        summary = Summary(**counts.model_dump(), least_certain=(), not_accepted=())
        run = FinishedClassification(
            key=name, model="vehicles/1", threshold=0.9, finished=finished, final=True, summary=summary
        )
        storage.write_bytes(bucket / "vehicles-1" / name / "run.json", run.model_dump_json().encode())

    write_run("a", START, truncated=3, THRESHOLD_CONFIDENCE_NOT_MET=5, OUT_OF_DISTRIBUTION=4)
    write_run("b", START + DAY / 2, truncated=1, missing=2)
    write_run("c", START + DAY, missing=100)
    storage.write_bytes(bucket / "vehicles-1" / "d" / "run.json", b"{")
    storage.write_bytes(bucket / "vehicles-1" / "e" / "results.jsonl", b"")
    skipped = SkippedLines()
    rejections = read_rejections(bucket, ["vehicles-1", "vehicles-2"], START, START + DAY, skipped)
    assert rejections.reasons == {"truncated": 4, "missing": 2}
    assert rejections.total == 6
    assert skipped.bad_lines == 1
    assert "run.json" in skipped.examples[0]


def test_baseline_of_other_classes_or_format_is_rejected(tmp_path: Path) -> None:
    Baseline(np.full((60, 3), 1 / 3, np.float32)).save(tmp_path / "b.safetensors")
    three_classes = (tmp_path / "b.safetensors").read_bytes()
    for data, problem in ((three_classes, "has 3 classes, and the model has 2"), (b"else", "not a safetensors file")):
        with pytest.raises(InvalidInput, match=problem) as caught:
            read_baseline(data, "b.safetensors", CLASSES)
        assert caught.value.fix


@pytest.mark.slow
def test_memory_does_not_grow_with_the_captures(registry: Registry, tmp_path: Path) -> None:
    random = np.random.default_rng(12)
    publish_with(registry, baseline_of(predictions(random, 400), random))
    peaks = []
    for count in (11_000, 16_000):
        root = tmp_path / str(count)
        capture(root, predictions(random, count), START, span=DAY, per_file=2_000)
        model = watch_model(registry, "vehicles", root, START, START + DAY)
        tracemalloc.start()
        window = read_window(model, root, START, START + DAY)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert window.events == count
    assert peaks[1] - peaks[0] < 5_000 * 120, "only the ids of the latest 65,536 events take memory"


def test_sample_of_the_predictions_has_their_distribution(registry: Registry, tmp_path: Path) -> None:
    random = np.random.default_rng(13)
    publish_with(registry, None)
    rows = np.concatenate([predictions(random, 8_000, second=0.1), predictions(random, 8_000, second=0.9)])
    capture(tmp_path / "c", rows, START, span=DAY, per_file=4_000)
    model = watch_model(registry, "vehicles", tmp_path / "c", START, START + DAY)
    sample = read_window(model, tmp_path / "c", START, START + DAY).predictions("vehicles/1", "this window")
    assert isinstance(sample, Predictions)
    assert len(sample) == 10_000
    assert sample.predicted.mean() == pytest.approx(0.5, abs=0.02)
    assert sample.confidence.mean() == pytest.approx(rows.max(axis=1).mean(), abs=0.003)


def test_runs_of_another_model_in_a_shared_folder_of_version_0_1_do_not_count(tmp_path: Path) -> None:
    """``endpoint://posture-3`` and ``posture/3`` shared ``posture-3``."""
    for number, model in enumerate(("posture/3", "endpoint://posture-3")):
        counts = Counts(images=9, accepted=0, low_confidence=0, rejected=9, classes={}, reasons={"missing": number + 1})
        summary = Summary(**counts.model_dump(), least_certain=(), not_accepted=())
        run = FinishedClassification(key="k", model=model, threshold=0.9, finished=START, final=True, summary=summary)
        storage.write_bytes(tmp_path / "posture-3" / str(number) / "run.json", run.model_dump_json().encode())
    for label, count in (("posture/3", 1), ("endpoint://posture-3", 2)):
        folders = ModelName.parse(label).folder, ModelName.parse(label).earlier_folder
        found = read_rejections(tmp_path, folders, START, START + DAY, SkippedLines(), [label])
        assert found.reasons == {"missing": count}
