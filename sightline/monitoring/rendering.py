"""Pages and alerts about monitored models, for the Prefect UI and the alert channels."""

from __future__ import annotations

from datetime import UTC, datetime

from sightline import markdown
from sightline.alerts import Alert
from sightline.monitoring.drift import DriftComparison
from sightline.monitoring.report import MonitoringReport

__all__ = ["drift_alert", "monitoring_page"]

_MAX_CLASSES = 20


def monitoring_page(report: MonitoringReport) -> str:
    """Return a page with the figures of a report, its comparisons with the baseline, and a link to the full report."""
    events = max(report.events, 1)
    figures = {
        "predictions": f"{report.events:,}",
        f"accepted at {report.threshold:g}": f"{report.accepted:,} ({report.accepted / events:.1%})",
        "below the threshold": f"{report.low_confidence - report.unfamiliar:,}",
        "of a kind that the model does not know": _unfamiliar(report),
        "images rejected": f"{report.rejected:,}",
        **{f"of these {reason.replace('_', ' ')}": f"{count:,}" for reason, count in report.reasons.items()},
        "mean confidence": "" if report.mean_confidence is None else f"{report.mean_confidence:.3f}",
        **_expected_accuracy(report),
        "repeated events, counted once": f"{report.duplicates:,}",
        "unreadable lines": f"{report.bad_lines:,}",
        **({"misdated, counted at the time of their file": f"{report.misdated:,}"} if report.misdated else {}),
    }
    classes = [
        (
            name,
            f"{share.events:,}",
            f"{share.share:.1%}",
            "" if share.baseline_share is None else f"{share.baseline_share:.1%}",
        )
        for name, share in list(report.per_class.items())[:_MAX_CLASSES]
    ]
    return markdown.page(
        f"# {report.version}: {report.headline}",
        f"{_minute(report.since)} to {_minute(report.until)} UTC",
        report.note,
        "**The model was trained on synthetic data.**" if report.synthetic else "",
        markdown.table(("", ""), list(figures.items())),
        markdown.table(
            ("quantity", "difference", "effect size", "limit", "p, corrected", ""), map(_cells, report.comparisons)
        ),
        f"{report.not_compared[:1].upper()}{report.not_compared[1:]}." if report.not_compared else "",
        markdown.table(("class", "predictions", "share", "in the baseline"), classes),
        markdown.file_list((*report.bad_line_examples, *report.misdated_examples)),
        f"The report: {_link(report.report)}" if report.report else "",
    )


def drift_alert(report: MonitoringReport) -> Alert | None:
    """Return the alert about a model's drift; None without drift.

    Windows of a model that is monitored every day overlap, so a drift appears in several reports. The key contains no
    time: a second alert is sent only for another quantity or version, or after the outbox has removed the delivery mark
    of the first one, which is 30 to 60 days later.
    """
    if not report.drift or report.baseline is None:
        return None
    return Alert.listing(
        [
            {
                "quantity": comparison.quantity,
                "difference": comparison.summary,
                "effect size": f"{_effect(comparison)}, limit {comparison.limit:g}",
                "p": f"{comparison.p_corrected:.2g}",
            }
            for comparison in report.drift
        ],
        key=f"drift of {report.version}: {', '.join(sorted(comparison.quantity for comparison in report.drift))}",
        title=f"{report.version} drifts: {report.headline}",
        facts={
            "model": report.version,
            "window": f"{_minute(report.since)} to {_minute(report.until)} UTC",
            "predictions": f"{report.events:,}",
            "baseline": report.baseline.source,
            **_expected_accuracy(report),
            "report": report.report or "none",
        },
    )


def _expected_accuracy(report: MonitoringReport) -> dict[str, str]:
    expected = report.expected_accuracy
    if expected is None:
        return {}
    tested = report.baseline.accuracy if report.baseline else None
    baseline = "" if tested is None else f"; {tested:.3f} on the test set"
    return {"expected accuracy": f"{expected.value:.3f} (95 %: {expected.low:.3f} to {expected.high:.3f}){baseline}"}


def _unfamiliar(report: MonitoringReport) -> str:
    if not report.checked:
        return "not checked"
    share = f"{report.unfamiliar:,} ({report.unfamiliar / report.checked:.1%})"
    return share if report.checked == report.events else f"{share} of {report.checked:,} that were checked"


def _cells(comparison: DriftComparison) -> tuple[str, ...]:
    return (
        comparison.quantity,
        comparison.summary,
        _effect(comparison),
        f"{comparison.limit:g}",
        f"{comparison.p_corrected:.2g}",
        "**drift**" if comparison.drifted else "no drift",
    )


def _effect(comparison: DriftComparison) -> str:
    return f"{comparison.judged_by} {comparison.effects[comparison.judged_by]:.3f}"


def _link(uri: str) -> str:
    # A browser can open a local file, but not an object in a bucket.
    return f"[{uri}](file://{uri})" if uri.startswith("/") else f"`{uri}`"


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"
