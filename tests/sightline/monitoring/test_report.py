"""The report says of a window what is in its captures, and what is not."""

from __future__ import annotations

import io
import json
import re
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sightline import storage
from sightline.errors import InvalidInput
from sightline.monitoring import (
    FIGURES,
    PAGE,
    Embedder,
    MonitoringReport,
    Predictions,
    gather,
    read_baseline,
    read_rejections,
    report_on,
    watch_endpoint,
    watch_model,
    write_report,
)
from sightline.monitoring import page as page_module
from sightline.monitoring.left_out import LeftOut
from sightline.registry import Baseline, ModelNotFound, Registry
from sightline.storage import Location
from sightline.vision import Counts, FinishedClassification, Summary
from tests.browser import check_readable
from tests.captures import baseline_of, capture, predictions, publish_with, sagemaker_line
from tests.images import CLASSES, INPUT, grey

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "models", builtin=tmp_path / "none")


def watch(
    registry: Registry, root: Location, days: int = 1, model: str = "vehicles", **options: Any
) -> MonitoringReport:
    until = START + days * DAY
    watched = watch_model(registry, model, root, START, until)
    return report_on(watched, gather(watched, root, START, until), START, until, **options)


def test_the_figures_are_those_of_the_captures(registry: Registry, bucket: Location) -> None:
    random = np.random.default_rng(1)
    publish_with(registry, baseline_of(predictions(random, 400), random))
    rows = predictions(random, 700)
    capture(bucket, rows, START, span=DAY)
    report = watch(registry, bucket)
    confidence, said = rows.max(axis=1), rows.argmax(axis=1)
    assert report.events == 700
    assert report.accepted == (confidence >= 0.93).sum()
    assert report.low_confidence == (confidence < 0.93).sum()
    assert report.mean_confidence == pytest.approx(confidence.mean())
    assert report.expected_accuracy
    assert report.expected_accuracy.value == pytest.approx(confidence.mean())
    for place, name in enumerate(CLASSES):
        assert report.per_class[name].events == (said == place).sum()
        assert report.per_class[name].mean_confidence == pytest.approx(confidence[said == place].mean())
    assert sum(period.events for period in report.periods) == 700
    assert sum(period.accepted for period in report.periods) == report.accepted
    assert [each.confidence for each in report.least_certain] == pytest.approx(sorted(confidence)[:24])
    assert report.least_certain[0].uri == f"s3://pictures/{confidence.argmin()}.png"
    assert report.latency
    assert (report.latency.events, report.latency.median) == (700, pytest.approx(0.02, rel=0.13))
    chosen = next(point for point in report.risk_coverage if point.threshold == 0.93)
    assert chosen.coverage == pytest.approx(report.accepted / 700)
    assert chosen.expected_risk == pytest.approx(1 - confidence[confidence >= 0.93].mean())
    assert report.drift == ()
    assert report.headline == "nothing unusual"


def test_what_is_left_out_is_told(registry: Registry, tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    publish_with(registry, None)
    capture(tmp_path / "c", predictions(random, 10), START)
    file = next(each.location for each in storage.walk(tmp_path / "c"))
    text = storage.read_bytes(file).decode()
    more = [
        sagemaker_line("one", "[0.2, 0.3, 0.5]"),
        sagemaker_line("two", "[3.2, -2.1]"),
        sagemaker_line("three", "[1]"),
    ]
    storage.write_bytes(file, (text + text + "\n".join(more)).encode())
    report = watch(registry, tmp_path / "c")
    assert (report.events, report.duplicates, report.bad_lines) == (10, 10, 3)
    assert "3 probabilities, where vehicles/1 has 2 classes" in report.bad_lines_named[0]
    assert "3.2 is no probability" in report.bad_lines_named[1]
    assert "1 probability, where" in report.bad_lines_named[2]


def test_captures_of_sagemakers_in_every_encoding_are_counted(registry: Registry, tmp_path: Path) -> None:
    publish_with(registry, None)
    lines = [
        sagemaker_line("a", "[0.959, 0.041]"),
        sagemaker_line("b", "0.959,0.041", "CSV"),
        sagemaker_line("c", "WzAuMywgMC43XQ==", "BASE64"),
    ]
    for place, line in enumerate(lines):
        key = f"scones/Variant-{place % 2}/2026/01/01/0{place}/13-58-123-{place}.jsonl"
        storage.write_bytes(tmp_path / key, line.encode())
    until = START + DAY
    watched = watch_endpoint("endpoint://scones", CLASSES, 0.93, tmp_path, START, until)
    report = report_on(watched, gather(watched, tmp_path, START, until), START, until)
    assert (report.events, report.accepted, report.bad_lines) == (3, 2, 0)
    assert {name: each.events for name, each in report.per_class.items()} == {"bicycle": 2, "motorcycle": 1}
    assert "no baseline of endpoint://scones" in str(report.not_looked_at)


def test_a_version_without_a_baseline_is_reported_and_the_mend_is_told(registry: Registry, tmp_path: Path) -> None:
    publish_with(registry, None)
    capture(tmp_path / "c", predictions(np.random.default_rng(3), 500), START)
    report = watch(registry, tmp_path / "c")
    assert report.events == 500
    assert report.looked_at == ()
    assert report.baseline is None
    assert "no baseline of vehicles/1" in str(report.not_looked_at)
    assert "--baseline SINCE/UNTIL" in str(report.not_looked_at)


def test_too_few_predictions_are_reported_and_not_compared(registry: Registry, tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    publish_with(registry, baseline_of(predictions(random, 400), random))
    capture(tmp_path / "c", predictions(random, 99), START)
    assert "DRIFT_MIN_EVENTS is 100" in str(watch(registry, tmp_path / "c").not_looked_at)


def test_a_month_with_a_drift_in_its_third_week_shows_it_and_the_model_that_was_trained_then(
    registry: Registry, tmp_path: Path
) -> None:
    random = np.random.default_rng(5)
    before = baseline_of(predictions(random, 600, second=0.4), random)
    publish_with(registry, before)
    shares = {0: 0.4, 7: 0.4, 14: 0.65}
    for day in range(21):
        rows = predictions(random, 60, second=shares[day // 7 * 7])
        capture(tmp_path / "c", rows, START + day * DAY, span=DAY, first_id=1_000 * day)
    weekly = [_week(registry, tmp_path / "c", week) for week in range(3)]
    assert [bool(report.drift) for report in weekly] == [False, False, True]
    assert re.fullmatch(r"the share of motorcycle rose from 4\d % to 6\d %", weekly[2].headline)

    publish_with(registry, baseline_of(predictions(random, 600, second=0.65), random))
    for day in range(21, 28):
        rows = predictions(random, 60, second=0.65)
        capture(tmp_path / "c", rows, START + day * DAY, span=DAY, variant="v2", first_id=1_000 * day)
    last = _week(registry, tmp_path / "c", 3)
    assert (last.version, last.drift) == ("vehicles/2", ())
    month = watch(registry, tmp_path / "c", days=28)
    assert (month.version, list(month.versions), month.events) == ("vehicles/2", ["vehicles/1", "vehicles/2"], 28 * 60)
    distances = np.array([period.total_variation or 0 for period in month.periods])
    weeks = np.array([(period.start - START).days // 7 for period in month.periods])
    assert distances[weeks == 2].mean() > 0.2
    assert max(distances[weeks == week].mean() for week in (0, 1, 3)) < 0.1


def _week(registry: Registry, root: Location, number: int) -> MonitoringReport:
    since, until = START + 7 * number * DAY, START + 7 * (number + 1) * DAY
    watched = watch_model(registry, "vehicles", root, since, until)
    return report_on(watched, gather(watched, root, since, until), since, until)


def test_one_version_is_watched_alone_where_it_is_named(registry: Registry, tmp_path: Path) -> None:
    random = np.random.default_rng(6)
    for number in (1, 2):
        publish_with(registry, None)
        capture(tmp_path / "c", predictions(random, 10 * number), START, variant=f"v{number}", first_id=100 * number)
    assert watch(registry, tmp_path / "c", model="vehicles/1").events == 10
    both = watch(registry, tmp_path / "c")
    assert (both.events, both.version) == (30, "vehicles/2")
    with pytest.raises(ModelNotFound):
        watch(registry, tmp_path / "c", model="vehicles/7")


def test_a_version_that_is_current_and_has_captured_nothing_yet_is_not_judged(
    registry: Registry, tmp_path: Path
) -> None:
    random = np.random.default_rng(7)
    publish_with(registry, baseline_of(predictions(random, 400), random))
    capture(tmp_path / "c", predictions(random, 400), START)
    publish_with(registry, None)
    report = watch(registry, tmp_path / "c")
    assert report.version == "vehicles/1"
    assert report.looked_at


def test_an_earlier_time_can_be_what_is_normal(registry: Registry, tmp_path: Path) -> None:
    random = np.random.default_rng(8)
    publish_with(registry, None)
    capture(tmp_path / "c", predictions(random, 500, second=0.3), START)
    capture(tmp_path / "c", predictions(random, 500, second=0.7), START + DAY, first_id=1_000)
    since, until = START + DAY, START + 2 * DAY
    watched = watch_model(registry, "vehicles", tmp_path / "c", since, until)
    before = gather(watched, tmp_path / "c", START, since).predictions("vehicles/1", "the first day")
    watched = watched.compared_with(before)
    report = report_on(watched, gather(watched, tmp_path / "c", since, until), since, until)
    assert [each.what for each in report.drift] == ["classes"]
    assert report.baseline
    assert (report.baseline.source, report.baseline.accuracy) == ("the first day", None)


def test_a_baseline_of_something_else_is_refused(tmp_path: Path) -> None:
    Baseline(np.full((60, 3), 1 / 3, np.float32)).save(tmp_path / "b.safetensors")
    data = (tmp_path / "b.safetensors").read_bytes()
    for found, problem in ((data, "is of 3 classes, and the model has 2"), (b"else", "not a safetensors file")):
        with pytest.raises(InvalidInput, match=problem) as caught:
            read_baseline(found, "b.safetensors", CLASSES)
        assert caught.value.mend


def test_what_runs_rejected_is_found_among_their_results(bucket: Location) -> None:
    def ended(name: str, moment: datetime, **reasons: int) -> None:
        counts = Counts(images=9, accepted=1, low_confidence=1, rejected=7, classes={}, reasons=reasons)
        summary = Summary(**counts.model_dump(), least_certain=(), not_accepted=())
        run = FinishedClassification(key=name, model="vehicles/1", threshold=0.9, finished=moment, final=True, summary=summary)
        storage.write_bytes(bucket / "vehicles-1" / name / "run.json", run.model_dump_json().encode())

    ended("a", START, truncated=3, THRESHOLD_CONFIDENCE_NOT_MET=5)
    ended("b", START + DAY / 2, truncated=1, missing=2)
    ended("c", START + DAY, missing=100)
    storage.write_bytes(bucket / "vehicles-1" / "d" / "run.json", b"{")
    storage.write_bytes(bucket / "vehicles-1" / "e" / "results.jsonl", b"")
    left_out = LeftOut()
    found = read_rejections(bucket, ["vehicles-1", "vehicles-2"], START, START + DAY, left_out)
    assert found.reasons == {"truncated": 4, "missing": 2}
    assert found.total == 6
    assert left_out.bad_lines == 1
    assert "run.json" in left_out.named[0]


def test_images_are_compared_where_their_embeddings_can_be_made(registry: Registry, tmp_path: Path) -> None:
    """A model whose embedding of an image is its brightness, and captures that became darker."""
    random = np.random.default_rng(9)

    def embed(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return pixels.reshape(len(pixels), -1)[:, :4].astype(np.float32)

    rows = predictions(random, 200)
    before = random.normal(150, 20, (120, 4)).astype(np.float16)
    publish_with(registry, baseline_of(rows, random, embeddings=before), input=INPUT)
    for days, brightness in ((0, 150), (1, 90)):
        levels = random.normal(brightness, 20, 200).clip(0, 255).astype(int)
        images = [grey(int(level)) for level in levels]
        capture(tmp_path / "c", rows, START + days * DAY, images=images, first_id=1_000 * days)
        since, until = START + days * DAY, START + (days + 1) * DAY
        watched = watch_model(registry, "vehicles", tmp_path / "c", since, until)
        gathered = gather(watched, tmp_path / "c", since, until, embedder=Embedder(INPUT, embed))
        report = report_on(watched, gathered, since, until)
        assert [each.what for each in report.drift] == ["embeddings"] * days
        assert report.not_looked_at is None
        assert all(each.thumbnail for each in gathered.least_certain)


@pytest.mark.slow
def test_a_report_is_one_page_with_everything_in_it_and_its_plots_beside_it(registry: Registry, tmp_path: Path) -> None:
    random, bucket = np.random.default_rng(10), tmp_path
    publish_with(registry, baseline_of(predictions(random, 400), random))
    rows = predictions(random, 300, second=0.9)
    capture(bucket / "c", rows, START, span=DAY, images=[grey(n % 256) for n in range(300)])
    until = START + DAY
    watched = watch_model(registry, "vehicles", bucket / "c", START, until)
    gathered = gather(watched, bucket / "c", START, until)
    report = report_on(watched, gathered, START, until, note="<b>for the ward</b>")
    written = write_report(report, watched, gathered, bucket / "out")
    assert written.report == storage.uri_of(bucket / "out" / PAGE)
    assert MonitoringReport.model_validate_json(storage.read_bytes(bucket / "out" / FIGURES)) == written
    page = storage.read_bytes(bucket / "out" / PAGE).decode()
    assert "The share of motorcycle rose from" in page
    assert "&lt;b&gt;for the ward&lt;/b&gt;" in page
    assert not re.search(r'(src|href)="(?!data:)', page), "the page needs nothing but itself"
    assert "@media print" in page
    inside = re.findall(r'src="data:image/(?:png|jpeg);base64,([^"]+)"', page)
    assert len(inside) == len(written.plots) + 24
    check_readable(page, tmp_path)
    for uri in written.plots:
        with Image.open(io.BytesIO(storage.read_bytes(storage.locate(uri)))) as picture:
            assert picture.width > 600


def test_a_report_that_could_not_be_written_whole_has_no_figures(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_with(registry, None)
    capture(tmp_path / "c", predictions(np.random.default_rng(11), 20), START)
    until = START + DAY
    watched = watch_model(registry, "vehicles", tmp_path / "c", START, until)
    gathered = gather(watched, tmp_path / "c", START, until)
    report = report_on(watched, gathered, START, until)
    monkeypatch.setattr(page_module, "draw_report", lambda *_: [])

    def fails(*_: object) -> None:
        raise storage.StorageError("the disk is full")

    monkeypatch.setattr(storage, "write_file", fails)
    with pytest.raises(storage.StorageError):
        write_report(report, watched, gathered, tmp_path / "out")
    assert not (tmp_path / "out" / FIGURES).exists()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_captures(registry: Registry, tmp_path: Path) -> None:
    random = np.random.default_rng(12)
    publish_with(registry, baseline_of(predictions(random, 400), random))
    peaks = []
    for count in (11_000, 16_000):
        root = tmp_path / str(count)
        capture(root, predictions(random, count), START, span=DAY, per_file=2_000)
        watched = watch_model(registry, "vehicles", root, START, START + DAY)
        tracemalloc.start()
        gathered = gather(watched, root, START, START + DAY)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert gathered.events == count
    assert peaks[1] - peaks[0] < 5_000 * 120, "the ids of the latest 65,536 events, and nothing else"


def test_a_sample_of_the_predictions_is_like_all_of_them(registry: Registry, tmp_path: Path) -> None:
    random = np.random.default_rng(13)
    publish_with(registry, None)
    rows = np.concatenate([predictions(random, 8_000, second=0.1), predictions(random, 8_000, second=0.9)])
    capture(tmp_path / "c", rows, START, span=DAY, per_file=4_000)
    watched = watch_model(registry, "vehicles", tmp_path / "c", START, START + DAY)
    sample = gather(watched, tmp_path / "c", START, START + DAY).predictions("vehicles/1", "this time")
    assert isinstance(sample, Predictions)
    assert len(sample) == 10_000
    assert sample.said.mean() == pytest.approx(0.5, abs=0.02)
    assert sample.confidence.mean() == pytest.approx(rows.max(axis=1).mean(), abs=0.003)


def test_figures_are_json_that_others_can_read(registry: Registry, tmp_path: Path) -> None:
    publish_with(registry, None)
    capture(tmp_path / "c", [(0.5, 0.5)] * 3, START)
    told = json.loads(watch(registry, tmp_path / "c").model_dump_json())
    assert {"events", "duplicates", "bad_lines", "accepted", "drift"} <= told.keys()
    assert told["per_class"]["motorcycle"]["mean_confidence"] is None
