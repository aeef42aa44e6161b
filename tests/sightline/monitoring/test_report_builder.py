"""Reports on a window: the counts of its captures, and the comparison with the baseline."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline import storage
from sightline.monitoring import (
    Embedder,
    MonitoringReport,
    build_report,
    read_window,
    watch_endpoint,
    watch_model,
)
from sightline.names import ModelName
from sightline.registry import ModelNotFound, Registry
from sightline.storage import Location
from tests.captures import baseline_of, capture, predictions, publish_with, sagemaker_line
from tests.images import CLASSES, INPUT, grey

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def report_on(
    registry: Registry, root: Location, first_day: int = 0, days: int = 1, model: str = "vehicles"
) -> MonitoringReport:
    since = START + first_day * DAY
    until = since + days * DAY
    return build_report(read_window(watch_model(registry, model, root, since, until), root, since, until))


def test_report_counts_the_captures(registry: Registry, bucket: Location) -> None:
    random = np.random.default_rng(1)
    publish_with(registry, baseline_of(predictions(random, 400), random))
    rows = predictions(random, 700)
    capture(bucket, rows, START, span=DAY)
    report = report_on(registry, bucket)
    confidence, predicted = rows.max(axis=1), rows.argmax(axis=1)
    assert report.events == 700
    assert report.accepted == (confidence >= 0.93).sum()
    assert report.low_confidence == (confidence < 0.93).sum()
    assert report.mean_confidence == pytest.approx(confidence.mean())
    assert report.expected_accuracy
    assert report.expected_accuracy.value == pytest.approx(confidence.mean())
    for index, name in enumerate(CLASSES):
        assert report.per_class[name].events == (predicted == index).sum()
        assert report.per_class[name].mean_confidence == pytest.approx(confidence[predicted == index].mean())
    assert sum(period.events for period in report.periods) == 700
    assert sum(period.accepted for period in report.periods) == report.accepted
    assert [item.confidence for item in report.least_certain] == pytest.approx(sorted(confidence)[:24])
    assert report.least_certain[0].uri == f"s3://images/{confidence.argmin()}.png"
    assert report.latency
    assert (report.latency.events, report.latency.median) == (700, pytest.approx(0.02, rel=0.13))
    at_threshold = next(point for point in report.risk_coverage if point.threshold == 0.93)
    assert at_threshold.coverage == pytest.approx(report.accepted / 700)
    assert at_threshold.expected_risk == pytest.approx(1 - confidence[confidence >= 0.93].mean())
    assert report.drift == ()
    assert report.headline == "no drift"


def test_sagemaker_captures_of_all_encodings_are_counted(registry: Registry, tmp_path: Path) -> None:
    publish_with(registry, None)
    lines = [
        sagemaker_line("a", "[0.959, 0.041]"),
        sagemaker_line("b", "0.959,0.041", "CSV"),
        sagemaker_line("c", "WzAuMywgMC43XQ==", "BASE64"),
    ]
    for number, line in enumerate(lines):
        key = f"scones/Variant-{number % 2}/2026/01/01/0{number}/13-58-123-{number}.jsonl"
        storage.write_bytes(tmp_path / key, line.encode())
    until = START + DAY
    endpoint = watch_endpoint(ModelName.parse("endpoint://scones"), CLASSES, 0.93, tmp_path, START, until)
    report = build_report(read_window(endpoint, tmp_path, START, until))
    assert (report.model, report.version) == ("endpoint://scones", "endpoint://scones")
    assert (report.events, report.accepted, report.bad_lines) == (3, 2, 0)
    assert {name: figures.events for name, figures in report.per_class.items()} == {"bicycle": 2, "motorcycle": 1}
    assert "no baseline of endpoint://scones" in str(report.not_compared)


def test_version_without_a_baseline_is_reported_with_the_fix(registry: Registry, tmp_path: Path) -> None:
    publish_with(registry, None)
    capture(tmp_path / "c", predictions(np.random.default_rng(3), 500), START)
    report = report_on(registry, tmp_path / "c")
    assert report.events == 500
    assert report.comparisons == ()
    assert report.baseline is None
    assert "no baseline of vehicles/1" in str(report.not_compared)
    assert "--baseline SINCE/UNTIL" in str(report.not_compared)


def test_too_few_predictions_are_reported_but_not_compared(registry: Registry, tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    publish_with(registry, baseline_of(predictions(random, 400), random))
    capture(tmp_path / "c", predictions(random, 99), START)
    assert "DRIFT_MIN_EVENTS is 100" in str(report_on(registry, tmp_path / "c").not_compared)


def test_drift_in_the_third_week_disappears_with_a_new_version(registry: Registry, tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    baseline = baseline_of(predictions(random, 600, second=0.4), random)
    publish_with(registry, baseline)
    shares = {0: 0.4, 7: 0.4, 14: 0.65}
    for day in range(21):
        rows = predictions(random, 60, second=shares[day // 7 * 7])
        capture(tmp_path / "c", rows, START + day * DAY, span=DAY, first_id=1_000 * day)
    weekly = [report_on(registry, tmp_path / "c", first_day=7 * week, days=7) for week in range(3)]
    assert [bool(report.drift) for report in weekly] == [False, False, True]
    assert re.fullmatch(r"the share of motorcycle rose from 4\d % to 6\d %", weekly[2].headline)

    publish_with(registry, baseline_of(predictions(random, 600, second=0.65), random))
    for day in range(21, 28):
        rows = predictions(random, 60, second=0.65)
        capture(tmp_path / "c", rows, START + day * DAY, span=DAY, variant="v2", first_id=1_000 * day)
    last = report_on(registry, tmp_path / "c", first_day=21, days=7)
    assert (last.version, last.drift) == ("vehicles/2", ())
    month = report_on(registry, tmp_path / "c", days=28)
    assert (month.version, list(month.versions), month.events) == ("vehicles/2", ["vehicles/1", "vehicles/2"], 28 * 60)
    distances = np.array([period.total_variation or 0 for period in month.periods])
    weeks = np.array([(period.start - START).days // 7 for period in month.periods])
    assert distances[weeks == 2].mean() > 0.2
    assert max(distances[weeks == week].mean() for week in (0, 1, 3)) < 0.1


def test_model_with_a_version_covers_only_that_version(registry: Registry, tmp_path: Path) -> None:
    random = np.random.default_rng(6)
    for number in (1, 2):
        publish_with(registry, None)
        capture(tmp_path / "c", predictions(random, 10 * number), START, variant=f"v{number}", first_id=100 * number)
    assert report_on(registry, tmp_path / "c", model="vehicles/1").events == 10
    both = report_on(registry, tmp_path / "c")
    assert (both.events, both.version) == (30, "vehicles/2")
    with pytest.raises(ModelNotFound):
        report_on(registry, tmp_path / "c", model="vehicles/7")


def test_current_version_without_captures_is_not_judged(registry: Registry, tmp_path: Path) -> None:
    random = np.random.default_rng(7)
    publish_with(registry, baseline_of(predictions(random, 400), random))
    capture(tmp_path / "c", predictions(random, 400), START)
    publish_with(registry, None)
    report = report_on(registry, tmp_path / "c")
    assert report.version == "vehicles/1"
    assert report.comparisons


def test_earlier_window_can_be_the_baseline(registry: Registry, tmp_path: Path) -> None:
    random = np.random.default_rng(8)
    publish_with(registry, None)
    capture(tmp_path / "c", predictions(random, 500, second=0.3), START)
    capture(tmp_path / "c", predictions(random, 500, second=0.7), START + DAY, first_id=1_000)
    since, until = START + DAY, START + 2 * DAY
    model = watch_model(registry, "vehicles", tmp_path / "c", since, until)
    baseline = read_window(model, tmp_path / "c", START, since).predictions("vehicles/1", "the first day")
    report = build_report(read_window(model.compared_with(baseline), tmp_path / "c", since, until))
    assert [comparison.quantity for comparison in report.drift] == ["classes"]
    assert report.baseline
    assert (report.baseline.source, report.baseline.accuracy) == ("the first day", None)


def test_images_are_compared_by_their_embeddings(registry: Registry, tmp_path: Path) -> None:
    """The embedding of an image is its brightness, and the captures of the second day are darker."""
    random = np.random.default_rng(9)

    def embed(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return pixels.reshape(len(pixels), -1)[:, :4].astype(np.float32)

    rows = predictions(random, 200)
    embeddings = random.normal(150, 20, (120, 4)).astype(np.float16)
    publish_with(registry, baseline_of(rows, random, embeddings=embeddings), input=INPUT)
    for day, brightness in ((0, 150), (1, 90)):
        levels = random.normal(brightness, 20, 200).clip(0, 255).astype(int)
        images = [grey(int(level)) for level in levels]
        capture(tmp_path / "c", rows, START + day * DAY, images=images, first_id=1_000 * day)
        since, until = START + day * DAY, START + (day + 1) * DAY
        model = watch_model(registry, "vehicles", tmp_path / "c", since, until)
        window = read_window(model, tmp_path / "c", since, until, embedder=Embedder(INPUT, embed))
        report = build_report(window)
        assert [comparison.quantity for comparison in report.drift] == ["embeddings"] * day
        assert report.not_compared is None
        assert all(prediction.thumbnail for prediction in window.least_certain)


def test_report_is_serialized_as_json_with_stable_names(registry: Registry, tmp_path: Path) -> None:
    random = np.random.default_rng(14)
    publish_with(registry, baseline_of(predictions(random, 400), random))
    capture(tmp_path / "c", [(0.5, 0.5)] * 100, START)
    report = report_on(registry, tmp_path / "c")
    figures = json.loads(report.model_dump_json())
    assert {"events", "duplicates", "bad_lines", "accepted", "drift"} <= figures.keys()
    assert {"bad_lines_named", "looked_at", "not_looked_at"} <= figures.keys()
    assert {"what", "says"} <= figures["looked_at"][0].keys()
    assert figures["per_class"]["motorcycle"]["mean_confidence"] is None
    assert MonitoringReport.model_validate(figures) == report
