"""Captures → counts → comparison with the baseline → report; drift is told."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from sightline.monitoring import MonitoringReport
from tasks.alerts import send_alert
from tasks.monitoring import plan_monitoring, read_window, report_on_model
from tasks.monitoring_report import alert_of_drift, publish_monitoring
from tasks.support.flow import sightline_flow, skipped


@sightline_flow(name="monitor-model", flow_run_name="monitor {model}")
def monitor_model(
    model: str,
    *,
    since: str | datetime = "7d",
    until: str | datetime | None = None,
    capture: str | None = None,
    baseline: str | None = None,
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None,
    results: str | None = None,
    output: str | None = None,
    note: str | None = None,
) -> MonitoringReport:
    """Report on a model's predictions, and flag drift from its test-set baseline.

    Args:
        model: A model of the registry, as NAME or NAME/VERSION, or a SageMaker endpoint, as endpoint://NAME.
        since: The beginning of the time, as 90m, 24h, 7d or 4w before its end, or in ISO 8601.
        until: Its end, likewise before this moment. By default this moment.
        capture: Folder or bucket of the capture files, ours or SageMaker's. By default CAPTURE_BUCKET.
        baseline: What is normal: a version's baseline.safetensors, or an earlier time as SINCE/UNTIL in ISO 8601.
            By default the model's test set.
        threshold: The least probability that counts as accepted. By default the model's own.
        results: Folder or bucket of the runs' results, which tell what was rejected. By default RESULTS_BUCKET.
        output: Where the report goes. By default under RESULTS_BUCKET, by model and time.
        note: A line for the readers of the report.
    """
    plan = plan_monitoring(model, since, until, capture, results, baseline, threshold, output, note)
    report = report_on_model(read_window(plan), plan)
    if not report.events:
        return skipped(_nothing(report, plan.capture), report)
    publish_monitoring(report)
    if alert := alert_of_drift(report):
        send_alert(alert)
    return report


def _nothing(report: MonitoringReport, capture: str) -> str:
    window = f"from {report.since:%Y-%m-%d %H:%M} to {report.until:%Y-%m-%d %H:%M}"
    if report.bad_lines:
        return f"of {report.bad_lines} lines {window} none could be read; the first: {report.bad_lines_named[0]}"
    return f"{report.model} has captured nothing {window} in {capture}"
