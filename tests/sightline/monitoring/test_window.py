"""Reading a window: skipped lines, rejected images, samples of fixed size, and baselines from files."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from sightline import storage
from sightline.errors import InvalidInput
from sightline.monitoring import (
    Predictions,
    SkippedLines,
    build_report,
    read_baseline,
    read_rejections,
    read_window,
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


def test_rejected_images_are_counted_from_the_results_of_runs(bucket: Location) -> None:
    def write_run(name: str, finished: datetime, **reasons: int) -> None:
        counts = Counts(images=9, accepted=1, low_confidence=1, rejected=7, classes={}, reasons=reasons)
        summary = Summary(**counts.model_dump(), least_certain=(), not_accepted=())
        run = FinishedClassification(
            key=name, model="vehicles/1", threshold=0.9, finished=finished, final=True, summary=summary
        )
        storage.write_bytes(bucket / "vehicles-1" / name / "run.json", run.model_dump_json().encode())

    write_run("a", START, truncated=3, THRESHOLD_CONFIDENCE_NOT_MET=5)
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
