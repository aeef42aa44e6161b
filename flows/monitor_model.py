"""Captures → counts → comparison with the baseline → report; an alert if there is drift."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from sightline.monitoring import MonitorBlind, MonitoringReport, drift_alert
from tasks.alerts import send_alert
from tasks.monitoring import plan_monitoring, publish_monitoring, read_window, report_on_model
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

    The run fails, with an alert, if most of the captured predictions cannot be read.

    Args:
        model: A model of the registry, as NAME or NAME/VERSION, or a SageMaker endpoint, as endpoint://NAME.
        since: The beginning of the window: a time in ISO 8601, or a duration before its end, such as 90m, 24h or 7d.
        until: The end of the window: a time in ISO 8601, or a duration before now. By default now.
        capture: Folder or bucket of the capture files, written by sightline or SageMaker. By default CAPTURE_BUCKET.
        baseline: The predictions to compare with: a version's baseline.safetensors, or an earlier window. 7d is the 7
            days before the window; 14d/7d is SINCE/UNTIL, each a duration before the window's end or a time in ISO
            8601. By default the model's test set.
        threshold: The lowest confidence that is accepted. By default the model's threshold.
        results: Folder or bucket of the runs' results, which count the rejected images. By default RESULTS_BUCKET.
        output: Folder or bucket of the report. By default a folder of RESULTS_BUCKET, by model and window.
        note: A line for the readers of the report.
    """
    plan = plan_monitoring(model, since, until, capture, results, baseline, threshold, output, note)
    report = report_on_model(read_window(plan), plan)
    if report.events:
        publish_monitoring(report)
        if alert := drift_alert(report):
            send_alert(alert)
    if report.blind:
        # The alert about the failed run reaches people.
        raise MonitorBlind(f"{report.model}: {report.problem}", report)
    return report if report.events else skipped(str(report.problem), report)
