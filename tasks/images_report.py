"""What people and other flows are told of a run over images."""

from __future__ import annotations

from prefect import task
from prefect.artifacts import create_table_artifact
from prefect.events import emit_event

from sightline.alerts import Alert, AlertItem
from sightline.vision import Counts, FinishedRun
from tasks.images import Job
from tasks.support.policy import ON_STORAGE

__all__ = ["alert_of", "publish_results"]


@task(**ON_STORAGE)
def publish_results(job: Job, ended: FinishedRun) -> None:
    """A table in the UI of the least certain images under the counts, and the event ``sightline.images.classified``.

    Where some are uncertain also ``sightline.images.uncertain``, which a review can be started by.
    """
    create_table_artifact(
        [
            {
                "image": each.uri,
                "class": each.class_name,
                "confidence": f"{each.confidence:.4f}",
                "outcome": each.outcome.value,
                **{f"p({name})": f"{p:.4f}" for name, p in (each.probabilities or {}).items()},
            }
            for each in ended.summary.least_certain
        ],
        key="least-certain",
        description=f"{_sentence(ended)} The least certain, by {ended.model}; threshold {ended.threshold:g}. "
        f"All of them: `{job.files['results']}`",
    )
    summary = ended.summary
    resource = {"prefect.resource.id": f"sightline.classification.{job.key}", "sightline.model": ended.model}
    payload = {
        **summary.model_dump(include=set(Counts.model_fields)),
        "threshold": ended.threshold,
        "results": job.files["results"],
    }
    emit_event("sightline.images.classified", resource=resource, payload=payload)
    if summary.low_confidence:
        emit_event("sightline.images.uncertain", resource=resource, payload=payload)


def alert_of(job: Job, ended: FinishedRun) -> Alert | None:
    """The run's one alert; None where every image was accepted."""
    summary = ended.summary
    told = summary.low_confidence + summary.rejected
    if not told:
        return None
    return Alert(
        # Results that are made anew are another event; a run that only finds them is not.
        key=f"{job.key} {ended.finished.isoformat()}",
        kind="result",
        title=f"{told:,} of {summary.images:,} images need a look: {ended.model}",
        facts={
            "model": ended.model,
            "threshold": f"{ended.threshold:g}",
            "images": f"{summary.images:,}",
            "accepted": f"{summary.accepted:,}",
            "low confidence": f"{summary.low_confidence:,}",
            "rejected": f"{summary.rejected:,}",
            "reasons": ", ".join(f"{reason} {count:,}" for reason, count in summary.reasons.items()),
            "results": job.files["results"],
        },
        items=tuple(
            AlertItem(
                uri=each.uri,
                class_name=each.class_name,
                confidence=each.confidence,
                threshold=each.threshold,
                reason=each.reason or "",
            )
            for each in summary.not_accepted
        ),
        total_items=told,
        run_name=None,
        run_url=None,
        at=ended.finished,
    )


def _sentence(ended: FinishedRun) -> str:
    summary = ended.summary
    return (
        f"{summary.images:,} images: {summary.accepted:,} accepted, {summary.low_confidence:,} of low confidence, "
        f"{summary.rejected:,} rejected."
    )
