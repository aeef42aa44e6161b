"""Pages and alerts about monitored models."""

from __future__ import annotations

from sightline.monitoring import drift_alert, monitoring_page
from tests import records


def test_page_has_figures_comparisons_and_classes() -> None:
    page = monitoring_page(records.monitoring_report(records.drift(), not_compared="the embeddings: none are stored"))
    assert page == (
        "# posture/3: the share of left rose from 50 % to 79 %\n\n"
        "2026-02-01 12:00 to 2026-02-02 12:00 UTC\n\n"
        "|  |  |\n| --- | --- |\n"
        "| predictions | 500 |\n"
        "| accepted at 0.9 | 400 (80.0%) |\n"
        "| below the threshold | 100 |\n"
        "| of a kind that the model does not know | not checked |\n"
        "| images rejected | 2 |\n"
        "| of these empty | 2 |\n"
        "| mean confidence | 0.950 |\n"
        "| expected accuracy | 0.900 (95 %: 0.880 to 0.920); 0.930 on the test set |\n"
        "| repeated events, counted once | 1 |\n"
        "| unreadable lines | 1 |\n\n"
        "| quantity | difference | effect size | limit | p, corrected |  |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
        "| classes | the share of left rose from 50 % to 79 % | total variation 0.290 | 0.1 | 2e-06 | **drift** |\n\n"
        "The embeddings: none are stored.\n\n"
        "| class | predictions | share | in the baseline |\n| --- | --- | --- | --- |\n"
        "| left | 395 | 79.0% | 50.0% |\n\n"
        "- `s3://capture/1.jsonl:3`\n\n"
        "The report: `s3://results/monitoring/report.html`"
    )


def test_page_links_a_local_report() -> None:
    page = monitoring_page(records.monitoring_report(report="/results/report.html"))
    assert page.endswith("The report: [/results/report.html](file:///results/report.html)")


def test_alert_lists_drifted_quantities() -> None:
    alert = drift_alert(records.monitoring_report(records.drift("confidence", drifted=False), records.drift("classes")))
    assert alert
    assert alert.title == "posture/3 drifts: the share of left rose from 50 % to 79 %"
    assert alert.key == "drift of posture/3: classes"
    assert [row["quantity"] for row in alert.rows] == ["classes"]
    assert alert.facts == {
        "model": "posture/3",
        "window": "2026-02-01 12:00 to 2026-02-02 12:00 UTC",
        "predictions": "500",
        "baseline": "the test set of posture/3",
        "expected accuracy": "0.900 (95 %: 0.880 to 0.920); 0.930 on the test set",
        "report": "s3://results/monitoring/report.html",
    }


def test_alert_key_is_the_same_for_another_window() -> None:
    later = records.monitoring_report(records.drift(), until=records.NOON.replace(day=3))
    alerts = [drift_alert(report) for report in (records.monitoring_report(records.drift()), later)]
    assert len({alert.key for alert in alerts if alert}) == 1


def test_report_without_drift_sends_no_alert() -> None:
    assert drift_alert(records.monitoring_report(records.drift(drifted=False))) is None
