"""Tables and alerts about runs that classified images, for the Prefect UI and the alert channels."""

from __future__ import annotations

from sightline.alerts import Alert, AlertItem
from sightline.vision.records import OUT_OF_DISTRIBUTION
from sightline.vision.runs import FinishedClassification

__all__ = ["classification_alert", "classification_summary", "least_certain_rows"]

_UNCHECKED = "nothing checked whether they are of the kind that the model knows"


def least_certain_rows(run: FinishedClassification) -> list[dict[str, str]]:
    """Return a row for each of the images that the model was least certain about."""
    return [
        {
            "image": record.uri,
            "class": str(record.class_name),
            "confidence": f"{record.confidence:.4f}",
            "outcome": record.outcome.value,
            "reason": record.reason or "",
            **{f"p({name})": f"{probability:.4f}" for name, probability in (record.probabilities or {}).items()},
        }
        for record in run.summary.least_certain
    ]


def classification_summary(run: FinishedClassification, results: str) -> str:
    """Return the counts of a run as a paragraph; ``results`` is the URI of its records."""
    summary, unknown = run.summary, run.summary.reasons.get(OUT_OF_DISTRIBUTION, 0)
    kind = f"{unknown:,} of a kind that the model does not know" if run.familiarity_checked else _UNCHECKED
    return (
        f"{summary.images:,} images classified by {run.model}: {summary.accepted:,} accepted, "
        f"{summary.low_confidence - unknown:,} of low confidence (threshold {run.threshold:g}), {kind}, "
        f"{summary.rejected:,} rejected. {_oddities(run)}"
        f"The table lists the least certain images. All records: `{results}`"
    )


def _oddities(run: FinishedClassification) -> str:
    """Return sentences about images with warnings and about skipped files, empty if there are none."""
    text = ""
    if warned := run.summary.with_warnings:
        text += f"{warned:,} could be read, with warnings. "
    if run.skipped:
        counts = ", ".join(f"{reason} {count:,}" for reason, count in run.skipped.items())
        text += f"Skipped files below the source: {counts}. "
    return text


def classification_alert(run: FinishedClassification, results: str) -> Alert | None:
    """Return the alert about a run with images that were not accepted; None if all were.

    The key contains the time at which the run finished: a repeated run that finds the finished results is the same
    event, and one that writes them again is another. ``results`` is the URI of the run's records.
    """
    summary = run.summary
    unknown = summary.reasons.get(OUT_OF_DISTRIBUTION, 0)
    not_accepted = summary.low_confidence + summary.rejected
    if not not_accepted:
        return None
    verb = "needs" if not_accepted == 1 else "need"
    return Alert(
        key=f"{run.key} {run.finished.isoformat()}",
        title=f"{not_accepted:,} of {summary.images:,} images {verb} a review: {run.model}",
        facts={
            "model": run.model,
            "threshold": f"{run.threshold:g}",
            "images": f"{summary.images:,}",
            "accepted": f"{summary.accepted:,}",
            "low confidence": f"{summary.low_confidence - unknown:,}",
            "of an unknown kind": f"{unknown:,}" if run.familiarity_checked else "not checked",
            "rejected": f"{summary.rejected:,}",
            "reasons": ", ".join(f"{reason} {count:,}" for reason, count in summary.reasons.items()),
            "results": results,
        },
        items=tuple(
            AlertItem(
                uri=record.uri,
                class_name=record.class_name,
                confidence=record.confidence,
                threshold=record.threshold,
                reason=record.reason or "",
            )
            for record in summary.not_accepted
        ),
        total_items=not_accepted,
        at=run.finished,
    )
