"""Watching beds with a Prefect server: one alert per event, whatever happens to a pass."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.report_posture import report_posture
from flows.watch_posture import PostureWatch, watch_posture
from sightline.alerts import Alert
from sightline.settings import settings
from tests.beds import MINUTE, csv_row, write_bed

pytestmark = pytest.mark.integration


@pytest.fixture
def beds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("model", "results", "outbox", "beds"):
        monkeypatch.setenv(f"{name.upper()}_BUCKET", str(tmp_path / name))
    monkeypatch.setenv("DEVICE", "cpu")
    settings.cache_clear()
    return tmp_path / "beds"


def sent(monkeypatch: pytest.MonkeyPatch) -> list[Alert]:
    alerts: list[Alert] = []
    monkeypatch.setattr("tasks.alerts.deliver", lambda alert, *_, **__: alerts.append(alert))
    return alerts


def watch(**parameters: Any) -> PostureWatch:
    return watch_posture(return_state=True, **parameters).result()


@pytest.mark.usefixtures("prefect_server")
def test_passes_send_one_alert_about_a_patient_who_is_not_turned(beds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alerts = sent(monkeypatch)
    bed = write_bed(beds)
    now = datetime.now(UTC).replace(microsecond=0)
    log = bed.folder / "frames" / "log.csv"
    minutes = range(150, 0, -1)
    log.write_text(
        "\n".join(csv_row((now - minute * MINUTE).isoformat(), "left", minute) for minute in minutes) + "\n", "utf-8"
    )
    os.utime(log, ((now - timedelta(hours=1)).timestamp(),) * 2)
    (beds / "bed-8").mkdir()
    (beds / "bed-8" / "bed.toml").write_text('patient = "ben"\n', "utf-8")

    first, second = watch(), watch()
    assert (first.frames, first.alerts, first.failed) == (150, 1, 1)
    assert (second.frames, second.alerts) == (0, 0)
    [turn] = [alert for alert in alerts if "not turned" in alert.title]
    assert turn.facts["patient"] == "ana"
    # The outbox sends the alert about bed-8 once: its key is the same in both passes.
    assert len({alert.key for alert in alerts if "bed-8" in alert.title}) == 1
    assert "Not turned for 2 h" in (bed.folder / "index.html").read_text("utf-8")

    year, week, _ = now.isocalendar()
    [report] = report_posture(["bed-7"], week=f"{year}-W{week:02d}").reports
    assert report.alerts == 1
    assert sum(report.minutes.values()) <= 151
    with pytest.raises(Exception, match="time_zone"):
        watch(beds=["bed-8"])
