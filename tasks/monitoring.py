"""Watching a model: its captures read, compared with what was normal, and reported."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from prefect import task
from pydantic import AwareDatetime, BaseModel, ConfigDict

from sightline import monitoring, storage
from sightline.errors import InvalidInput, InvalidSetting
from sightline.monitoring import (
    DriftLimits,
    Embedder,
    Gathered,
    MonitoringReport,
    Predictions,
    Rejections,
    Watched,
)
from sightline.names import ModelName
from sightline.registry import ImageInput
from sightline.settings import settings
from sightline.vision import load_classifier
from tasks.models import endpoint_settings, open_registry
from tasks.runs import image_limits
from tasks.support.policy import ON_STORAGE
from tasks.support.progress import progress

__all__ = ["MonitoringPlan", "Observed", "plan_monitoring", "read_window", "report_on_model"]

_STAMP = "%Y%m%dT%H%M%SZ"


class MonitoringPlan(BaseModel):
    """What is read, what it is compared with, and where the report goes."""

    model_config = ConfigDict(frozen=True)

    model: str
    since: AwareDatetime
    until: AwareDatetime
    capture: str
    results: str
    baseline: str | None
    threshold: float | None
    output: str
    note: str | None


class Observed:
    """What was read, in a plain object: Prefect looks through every field of a data class at each call."""

    def __init__(self, watched: Watched, gathered: Gathered, rejections: Rejections) -> None:
        self.watched = watched
        self.gathered = gathered
        self.rejections = rejections


def plan_monitoring(
    model: str,
    since: str | datetime,
    until: str | datetime | None,
    capture: str | None,
    results: str | None,
    baseline: str | None,
    threshold: float | None,
    output: str | None,
    note: str | None,
) -> MonitoringPlan:
    """What the parameters ask for. Raises ``InvalidSetting`` for a time that is none, or ends before it begins."""
    config, now = settings(), datetime.now(UTC)
    last = now if until is None else monitoring.moment_of(until, now)
    first = monitoring.moment_of(since, last)
    if first >= last:
        raise InvalidSetting(f"the time from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} ends before it begins")
    reports = config.results / "monitoring" / ModelName.parse(model).folder
    folder = config.locate(output) if output else reports / f"{first:{_STAMP}}--{last:{_STAMP}}"
    return MonitoringPlan(
        model=model,
        since=first,
        until=last,
        capture=storage.uri_of(config.locate(capture or config.capture_bucket)),
        results=storage.uri_of(config.locate(results or config.results_bucket)),
        baseline=baseline,
        threshold=threshold,
        output=storage.uri_of(folder),
        note=note,
    )


@task(**ON_STORAGE)
def read_window(plan: MonitoringPlan) -> Observed:
    """The window's captures, read once as a stream, and what the runs of the same time rejected."""
    capture, watched = storage.locate(plan.capture), _watched(plan)
    if plan.baseline is not None:
        watched = watched.compared_with(_baseline(plan.baseline, watched, plan))
    normal = watched.judged.baseline
    comparable = normal is not None and normal.embeddings is not None
    with progress("read captures") as report:
        gathered = monitoring.gather(
            watched,
            capture,
            plan.since,
            plan.until,
            embedder=_embedder(watched) if comparable else None,
            limits=image_limits(),
            progress=report,
        )
    rejections = monitoring.read_rejections(
        storage.locate(plan.results), watched.result_folders, plan.since, plan.until, gathered.left_out
    )
    return Observed(watched, gathered, rejections)


@task(**ON_STORAGE)
def report_on_model(observed: Observed, plan: MonitoringPlan) -> MonitoringReport:
    """The report, written where the plan says."""
    config = settings()
    report = monitoring.report_on(
        observed.watched,
        observed.gathered,
        plan.since,
        plan.until,
        rejections=observed.rejections,
        limits=DriftLimits(
            config.drift_alpha, config.drift_min_events, config.drift_psi, config.drift_share, config.drift_auc
        ),
        note=plan.note,
    )
    if not report.events:
        return report
    return monitoring.write_report(report, observed.watched, observed.gathered, storage.locate(plan.output))


def _watched(plan: MonitoringPlan) -> Watched:
    capture, model = storage.locate(plan.capture), ModelName.parse(plan.model)
    if not model.is_endpoint:
        return monitoring.watch_model(open_registry(), model, capture, plan.since, plan.until, plan.threshold)
    classes, threshold = endpoint_settings(model, plan.threshold)
    return monitoring.watch_endpoint(model, classes, threshold, capture, plan.since, plan.until)


def _baseline(baseline: str, watched: Watched, plan: MonitoringPlan) -> Predictions:
    """That of a file, or what was captured in an earlier window."""
    judged, window = watched.judged, monitoring.window_of(baseline)
    if window is None:
        location = storage.locate(baseline)
        try:
            data = storage.read_bytes(location)
        except FileNotFoundError as error:
            mend = "Name a version's baseline.safetensors, or a time as SINCE/UNTIL"
            raise InvalidInput(baseline, "there is no such file", mend) from error
        return monitoring.read_baseline(data, baseline, judged.classes)
    gathered = monitoring.gather(
        watched, storage.locate(plan.capture), *window, embedder=_embedder(watched), limits=image_limits()
    )
    return gathered.predictions(judged.label, f"the predictions of {baseline}")


def _embedder(watched: Watched) -> Embedder | None:
    """What makes the judged version's embeddings; its model is loaded when the first are asked for."""
    judged = watched.judged
    if judged.record is None or not isinstance(judged.record.input, ImageInput):
        return None

    def embed(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        config = settings()
        # The baseline's embeddings, which they are compared with, are by float32.
        classifier = load_classifier(
            open_registry(), judged.label, device=config.device, backend=config.backend, half=False
        )
        return classifier.embed(pixels)

    return Embedder(judged.record.input, embed)
