"""What the Prefect UI, other flows and people are told of a watched model."""

from __future__ import annotations

from datetime import UTC, datetime

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.events import emit_event

from sightline.alerts import Alert
from sightline.monitoring import MonitoringReport
from tasks.support.policy import PLAIN
from tasks.training_report import markdown_table, model_resource

__all__ = ["alert_of_drift", "publish_monitoring"]

_LISTED = 20  # classes that a page names


@task(**PLAIN)
def publish_monitoring(report: MonitoringReport) -> None:
    """A page in the UI with the summary, and where something has drifted the event ``sightline.model.drift``.

    The event has what a training needs to be started by it: the payload's ``model``, ``data``, ``preset``,
    ``pretrained`` and ``why``. Where the version's record does not tell what it was trained on, its resource has no
    ``sightline.data`` either.
    """
    create_markdown_artifact(_page(report), key="monitoring", description=f"{report.version}: {report.headline}")
    if not report.drift:
        return
    name, _, version = report.version.rpartition("/")
    resource = model_resource(name or report.model, int(version) if version.isdigit() else None)
    emit_event(
        "sightline.model.drift",
        resource=resource | ({"sightline.data": report.data} if report.data else {}),
        payload={
            "model": report.model,
            "version": int(version) if version.isdigit() else None,
            "data": report.data,
            "preset": report.preset or report.model,
            "pretrained": report.pretrained is not False,
            "why": f"drift of {report.version}: {report.headline}",
            "findings": [each.model_dump(mode="json") for each in report.drift],
            "since": report.since.isoformat(),
            "until": report.until.isoformat(),
            "events": report.events,
            "report": report.report,
        },
    )


def alert_of_drift(report: MonitoringReport) -> Alert | None:
    """The alert about what has drifted; None where nothing has.

    Windows overlap where a model is watched every day: what has drifted in one of them has in the next. So the key has
    no time, and people are told again when something else drifts, when a new version does, or after one to two months.
    """
    if not report.drift or report.baseline is None:
        return None
    return Alert(
        key=f"drift of {report.version}: {', '.join(sorted(each.what for each in report.drift))}",
        kind="result",
        title=f"{report.version} drifts: {report.headline}",
        facts={
            "model": report.version,
            "time": f"{_moment(report.since)} to {_moment(report.until)} UTC",
            "predictions": f"{report.events:,}",
            "compared with": report.baseline.source,
            **_accuracy(report),
            "report": report.report or "none",
        },
        rows=tuple(
            {
                "of": each.what,
                "difference": each.says,
                "size": f"{each.judged_by} {each.effects[each.judged_by]:.3f}, limit {each.limit:g}",
                "p": f"{each.p_corrected:.2g}",
            }
            for each in report.drift
        ),
        run_name=None,
        run_url=None,
        at=datetime.now(UTC),
    )


def _accuracy(report: MonitoringReport) -> dict[str, str]:
    expected = report.expected_accuracy
    if expected is None:
        return {}
    tested = report.baseline.accuracy if report.baseline else None
    against = "" if tested is None else f"; {tested:.3f} when tested"
    return {"expected accuracy": f"{expected.value:.3f} (95 %: {expected.low:.3f} to {expected.high:.3f}){against}"}


def _page(report: MonitoringReport) -> str:
    events = max(report.events, 1)
    figures = {
        "predictions": f"{report.events:,}",
        f"accepted at {report.threshold:g}": f"{report.accepted:,} ({report.accepted / events:.1%})",
        "below the threshold": f"{report.low_confidence:,}",
        "images rejected": f"{report.rejected:,}",
        **{f"of these {reason.replace('_', ' ')}": f"{count:,}" for reason, count in report.reasons.items()},
        "mean confidence": "" if report.mean_confidence is None else f"{report.mean_confidence:.3f}",
        **_accuracy(report),
        "repeated events, counted once": f"{report.duplicates:,}",
        "lines that could not be read": f"{report.bad_lines:,}",
    }
    parts = [
        f"# {report.version}: {report.headline}",
        f"{_moment(report.since)} to {_moment(report.until)} UTC",
        report.note,
        "**The model was trained on synthetic data.**" if report.synthetic else "",
        markdown_table(("", ""), figures.items()),
        _compared(report),
        f"{report.not_looked_at[:1].upper()}{report.not_looked_at[1:]}." if report.not_looked_at else "",
        markdown_table(
            ("class", "predictions", "share", "in the baseline"),
            [
                (
                    name,
                    f"{each.events:,}",
                    f"{each.share:.1%}",
                    "" if each.baseline_share is None else f"{each.baseline_share:.1%}",
                )
                for name, each in list(report.per_class.items())[:_LISTED]
            ],
        ),
        "\n".join(f"- `{line}`" for line in report.bad_lines_named),
        f"The report: {_link(report.report)}" if report.report else "",
    ]
    return "\n\n".join(filter(None, parts))


def _compared(report: MonitoringReport) -> str:
    if not report.looked_at:
        return ""
    return markdown_table(
        ("of", "difference", "size", "limit", "p, corrected", ""),
        [
            (
                each.what,
                each.says,
                f"{each.judged_by} {each.effects[each.judged_by]:.3f}",
                f"{each.limit:g}",
                f"{each.p_corrected:.2g}",
                "**drift**" if each.drifted else "no drift",
            )
            for each in report.looked_at
        ],
    )


def _link(uri: str) -> str:
    # A browser opens a file of this machine, and nothing of a bucket.
    return f"[{uri}](file://{uri})" if uri.startswith("/") else f"`{uri}`"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"
