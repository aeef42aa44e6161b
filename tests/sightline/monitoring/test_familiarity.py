"""The monitor counts images of an unknown kind, and alerts if their share rises above that of the test set."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from sightline import storage
from sightline.monitoring import (
    CaptureEvent,
    DriftComparison,
    MonitoringReport,
    Window,
    build_report,
    compare_windows,
    drift_alert,
    monitoring_page,
    read_captures,
    read_window,
    watch_model,
    write_capture,
    write_report,
)
from sightline.monitoring.capture_lines import CapturedLine, encode_event
from sightline.monitoring.drift import DriftLimits
from sightline.monitoring.predictions import Predictions, Unfamiliar
from sightline.registry import Registry
from tests.captures import baseline_of, capture, predictions, publish_with, sagemaker_line
from tests.images import CLASSES

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
FIGURES = {"target": 0.01, "validation": 200, "images": 400, "refused": 4, "interval": [0.004, 0.025]}


def event(strangeness: float | None) -> CaptureEvent:
    return CaptureEvent(UUID(int=1), START, "image/png", b"x", (0.9, 0.1), "a.png", 0.1, strangeness)


@given(st.none() | st.floats(0, 1e300))
def test_strangeness_is_captured_exactly(strangeness: float | None) -> None:
    line = CapturedLine.model_validate_json(b"".join(encode_event(event(strangeness))))
    assert line.strangeness() == strangeness
    assert line.uri_and_seconds() == ("a.png", 0.1)


@pytest.mark.parametrize("strangeness", [1.0, math.nextafter(1, 2), math.nextafter(1, 0), 0.0])
def test_value_at_the_limit_stays_on_its_side(tmp_path: Path, strangeness: float) -> None:
    write_capture(tmp_path, "vehicles", "v1", [event(strangeness)], at=START, file_id=UUID(int=1))
    [inference] = read_captures(tmp_path)
    assert inference.strangeness == strangeness


def test_line_of_sagemaker_or_of_an_earlier_version_has_no_strangeness(tmp_path: Path) -> None:
    storage.write_bytes(tmp_path / "a" / "b" / "2026/01/31/20/13-58-123-0b60e1a4.jsonl", sagemaker_line().encode())
    [inference] = read_captures(tmp_path)
    assert inference.strangeness is None


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "x"])
def test_invalid_strangeness_is_reported(text: str) -> None:
    line = b"".join(encode_event(event(2.0))).replace(b"strangeness=2", f"strangeness={text}".encode())
    with pytest.raises(ValueError, match=r"strangeness|could not convert"):
        CapturedLine.model_validate_json(line).strangeness()


def window_of(
    registry: Registry, folder: Path, strange: int, checked: int, unchecked: int = 0, figures: object = FIGURES
) -> Window:
    random = np.random.default_rng(0)
    metrics = {"accuracy": 0.9} | ({"familiarity": figures} if figures else {})
    publish_with(registry, baseline_of(predictions(random, 400), random), metrics=metrics)
    values = [3.0] * strange + [0.5] * (checked - strange) + [None] * unchecked
    rows = predictions(random, len(values))
    mixed = [values[place] for place in random.permutation(len(values))]
    capture(folder / "c", rows, START, span=DAY, strangeness=mixed)
    model = watch_model(registry, "vehicles", folder / "c", START, START + DAY)
    return read_window(model, folder / "c", START, START + DAY)


def familiarity(report: MonitoringReport) -> DriftComparison:
    [comparison] = [comparison for comparison in report.comparisons if comparison.quantity == "familiarity"]
    return comparison


@pytest.mark.parametrize(
    ("strange", "checked", "alarm"),
    [(0, 500, False), (5, 500, False), (8, 500, False), (30, 500, True), (12, 150, True), (500, 500, True)],
)
def test_rise_above_the_rate_of_the_test_set_is_drift(
    registry: Registry, tmp_path: Path, strange: int, checked: int, alarm: bool
) -> None:
    report = build_report(window_of(registry, tmp_path, strange, checked))
    assert (report.checked, report.unfamiliar) == (checked, strange)
    assert sum(period.unfamiliar for period in report.periods) == strange
    assert familiarity(report).drifted is alarm
    alert = drift_alert(report)
    assert (alert is not None and "familiarity" in [row["quantity"] for row in alert.rows]) is alarm
    assert f"| {strange} ({strange / checked:.1%}) |" in monitoring_page(report)


@pytest.mark.parametrize("strange", [0, 150])
def test_report_has_a_plot_of_unknown_kinds(registry: Registry, tmp_path: Path, strange: int) -> None:
    window = window_of(registry, tmp_path, strange, 150)
    write_report(build_report(window), window, tmp_path / "report")
    assert (tmp_path / "report" / "unknown-kinds.png").exists()


def test_image_of_an_unknown_kind_is_not_accepted(registry: Registry, tmp_path: Path) -> None:
    report = build_report(window_of(registry, tmp_path, 200, 200))
    assert (report.accepted, report.low_confidence, report.unfamiliar) == (0, 200, 200)


@pytest.mark.parametrize(("unchecked", "shown"), [(300, "of 200 that were checked"), (0, "20 (10.0%) |")])
def test_unchecked_images_are_left_out_of_the_share(
    registry: Registry, tmp_path: Path, unchecked: int, shown: str
) -> None:
    report = build_report(window_of(registry, tmp_path, 20, 200, unchecked))
    assert (report.events, report.checked) == (200 + unchecked, 200)
    assert familiarity(report).size == 200
    assert shown in monitoring_page(report)


@pytest.mark.parametrize(("checked", "figures"), [(0, FIGURES), (0, None), (200, None)])
def test_nothing_is_compared_unless_both_were_checked(
    registry: Registry, tmp_path: Path, checked: int, figures: object
) -> None:
    report = build_report(window_of(registry, tmp_path, checked // 2, checked, 200 - checked, figures))
    assert "familiarity" not in [comparison.quantity for comparison in report.comparisons]
    assert ("| not checked |" in monitoring_page(report)) is (checked == 0)


def test_earlier_window_is_a_baseline(registry: Registry, tmp_path: Path) -> None:
    window = window_of(registry, tmp_path, 50, 500)
    assert window.predictions("vehicles/1", "then").unfamiliar == Unfamiliar(500, 50)


@pytest.mark.parametrize("size", [100, 1_000])
def test_false_alarms_are_rare_at_the_rate_of_the_test_set(size: int) -> None:
    random = np.random.default_rng(size)
    alarms = 0

    def strange_of(count: int) -> Unfamiliar:
        return Unfamiliar(count, int(random.binomial(count, 0.01)))

    for _ in range(200):
        sides = [predictions(random, count) for count in (400, size)]
        baseline, window = (
            Predictions("x", rows.max(1), rows.argmax(1), None, None, strange_of(len(rows))) for rows in sides
        )
        counts = np.bincount(window.predicted, minlength=2).tolist()
        compared = compare_windows(baseline, window, counts, CLASSES, DriftLimits())
        alarms += any(comparison.drifted for comparison in compared if comparison.quantity == "familiarity")
    assert binomtest(alarms, 200, 0.05, alternative="greater").pvalue > 0.01
