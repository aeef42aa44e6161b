"""The steps of monitoring: reading captures, comparing them with a baseline, and writing the report."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from prefect.artifacts import create_markdown_artifact
from pydantic import AwareDatetime, BaseModel, ConfigDict

from sightline import monitoring, storage
from sightline.errors import InvalidInput, InvalidSetting
from sightline.monitoring import DriftLimits, Embedder, MonitoredModel, MonitoringReport, Predictions, Window
from sightline.names import ModelName
from sightline.registry import ImageInput
from sightline.settings import settings
from sightline.vision import load_classifier
from tasks.events import emit_model_drift
from tasks.models import endpoint_settings, open_registry
from tasks.runs import image_limits
from tasks.support.opaque import Opaque
from tasks.support.policy import ON_STORAGE, PLAIN, sightline_task
from tasks.support.progress import progress

__all__ = ["MonitoringPlan", "plan_monitoring", "publish_monitoring", "read_window", "report_on_model"]

_STAMP, _MINUTE = "%Y%m%dT%H%M%SZ", "%Y-%m-%d %H:%M"


class MonitoringPlan(BaseModel):
    """The window to read, the baseline, and the folder of the report."""

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
    """Return the plan for the parameters.

    Raises ``InvalidSetting`` for an invalid time and for a window that ends before it begins, and ``InvalidModelName``.
    """
    config, now = settings(), datetime.now(UTC)
    last = now if until is None else monitoring.parse_time(until, now)
    first = monitoring.parse_time(since, last)
    if first >= last:
        raise InvalidSetting(
            f"the window from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} ends before it begins. "
            "Give an earlier time as --since"
        )
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


@sightline_task(**ON_STORAGE, timeout="flow_timeout_seconds")
def read_window(plan: MonitoringPlan) -> Opaque[Window]:
    """Read the window's captures as a stream, and count the images that runs rejected in it."""
    model = _model(plan, plan.since, plan.until)
    if plan.baseline is not None:
        model = model.compared_with(_baseline(plan.baseline, model, plan))
    baseline = model.judged.baseline
    with_embeddings = baseline is not None and baseline.embeddings is not None
    with progress("read captures") as report:
        window = monitoring.read_window(
            model,
            storage.locate(plan.capture),
            plan.since,
            plan.until,
            results=storage.locate(plan.results),
            embedder=_embedder(model) if with_embeddings else None,
            limits=image_limits(),
            progress=report,
        )
    return Opaque(window)


@sightline_task(**ON_STORAGE, timeout="flow_timeout_seconds")
def report_on_model(window: Opaque[Window], plan: MonitoringPlan) -> MonitoringReport:
    """Build the report and write it to the plan's folder. A report without predictions is not written."""
    config = settings()
    limits = DriftLimits(
        alpha=config.drift_alpha,
        min_events=config.drift_min_events,
        psi=config.drift_psi,
        share=config.drift_share,
        auc=config.drift_auc,
    )
    report = monitoring.build_report(window.value, limits=limits, note=plan.note)
    if not report.events:
        nothing = f"there are no captures of {report.model} from {plan.since:{_MINUTE}} to {plan.until:{_MINUTE}}"
        return report if report.blind else report.model_copy(update={"problem": f"{nothing} in {plan.capture}"})
    return monitoring.write_report(report, window.value, storage.locate(plan.output))


@sightline_task(**PLAIN)
def publish_monitoring(report: MonitoringReport) -> None:
    """Publish the report's page and, if a quantity has drifted, emit ``sightline.model.drift``."""
    page = monitoring.monitoring_page(report)
    create_markdown_artifact(page, key="monitoring", description=f"{report.version}: {report.headline}")
    if report.drift:
        emit_model_drift(report)


def _model(plan: MonitoringPlan, since: datetime, until: datetime) -> MonitoredModel:
    name, capture = ModelName.parse(plan.model), storage.locate(plan.capture)
    if not name.is_endpoint:
        return monitoring.watch_model(open_registry(), name, capture, since, until, plan.threshold)
    classes, threshold = endpoint_settings(name, plan.threshold)
    return monitoring.watch_endpoint(name, classes, threshold, capture, since, until)


def _baseline(baseline: str, model: MonitoredModel, plan: MonitoringPlan) -> Predictions:
    """Return the baseline in a file, or the captured predictions of an earlier window."""
    judged, bounds = model.judged, monitoring.parse_window(baseline, (plan.since, plan.until))
    if bounds is None:
        location = storage.locate(baseline)
        try:
            data = storage.read_bytes(location)
        except FileNotFoundError as error:
            raise InvalidInput(
                baseline,
                "there is no such file",
                "Give a version's baseline.safetensors, or an earlier window as SINCE/UNTIL, such as 14d/7d",
            ) from error
        return monitoring.read_baseline(data, baseline, judged.classes)
    # The variants of that time, so that predictions of an earlier version are not taken for those of the judged one.
    versions = {**_model(plan, *bounds).versions, **model.versions}
    model = replace(model, versions=versions)
    window = monitoring.read_window(
        model, storage.locate(plan.capture), *bounds, embedder=_embedder(model), limits=image_limits()
    )
    predictions = window.predictions(judged.label, f"the predictions of {baseline}")
    if window.unreadable > window.events or not len(predictions):
        problem = f"; the first problem is {window.skipped.examples[0]}" if window.unreadable else ""
        others = "".join(f", and some of {label}" for label in window.tallies if label != judged.label)
        raise InvalidInput(
            f"--baseline {baseline}",
            f"{len(predictions)} predictions of {judged.label} can be read from {bounds[0]:{_MINUTE}} to "
            f"{bounds[1]:{_MINUTE}} in {plan.capture}{others}; {window.unreadable} cannot be read{problem}",
            "Choose a window with readable captures of that version",
        )
    return predictions


def _embedder(model: MonitoredModel) -> Embedder | None:
    """Return the judged version's embedder, which loads the model at its first call; None without an image model."""
    judged = model.judged
    if judged.record is None or not isinstance(judged.record.input, ImageInput):
        return None

    def embed(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        config = settings()
        # The embeddings of the baseline were computed in float32.
        classifier = load_classifier(
            open_registry(), judged.label, device=config.device, backend=config.backend, half=False
        )
        return classifier.embed(pixels)

    return Embedder(judged.record.input, embed)
