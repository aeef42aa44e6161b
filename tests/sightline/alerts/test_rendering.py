"""Every form of an alert is complete, stays within its channel's limits and contains no injected markup."""

from __future__ import annotations

import html
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes, policy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sightline.alerts import (
    Alert,
    AlertItem,
    as_html,
    as_markdown,
    as_slack,
    as_text,
    email_message,
    headline,
    subject,
)

CreateAlert = Callable[..., Alert]
FORMS = [as_text, as_slack, as_html, as_markdown]
any_input = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def items(count: int, uri: str = "s3://ward/{}.jpg", reason: str = "low confidence") -> tuple[AlertItem, ...]:
    return tuple(
        AlertItem(uri=uri.format(i), class_name="left", confidence=0.5, threshold=0.93, reason=reason)
        for i in range(count)
    )


def test_text_lists_run_facts_and_images(alert: CreateAlert) -> None:
    assert as_text(alert(run_id="0b1c")) == (
        "2 of 100 images are not accepted\n"
        "\n"
        "model: posture/3\n"
        "accepted: 98\n"
        "run: brave-otter (0b1c)\n"
        "link: http://127.0.0.1:4200/runs/flow-run/1\n"
        "at: 2026-01-31 10:15:00 UTC\n"
        "\n"
        "1. s3://ward/a.jpg\n"
        "   class left, confidence 0.6003, threshold 0.93, reason low confidence\n"
        "2. s3://ward/b.jpg\n"
        "   threshold 0.93, reason 0 bytes\n"
    )


@pytest.mark.parametrize("form", FORMS)
def test_form_has_facts_images_and_count_of_the_rest(alert: CreateAlert, form: Callable[[Alert], str]) -> None:
    text = form(alert(items=items(50), total_items=173, facts={"passed": "827"}))
    assert "827" in text
    assert "brave-otter" in text
    assert "http://127.0.0.1:4200/runs/flow-run/1" in text or form is as_html
    for i in range(50):
        assert f"s3://ward/{i}.jpg" in text
    assert "and 123 more" in text


@pytest.mark.parametrize("form", FORMS)
def test_rows_with_any_columns_form_a_table(alert: CreateAlert, form: Callable[[Alert], str]) -> None:
    rows = ({"feature": "gait speed", "drift": "0.31"}, {"feature": "sway", "p": "0.002"})
    text = form(alert(items=(), rows=rows, total_items=2))
    for word in ("gait speed", "drift", "0.31", "sway", "0.002"):
        assert word in text
    assert "more" not in text


@pytest.mark.parametrize("form", FORMS)
def test_alert_without_run_or_table_is_rendered(alert: CreateAlert, form: Callable[[Alert], str]) -> None:
    text = form(alert(items=(), total_items=0, run_name=None, run_url=None, facts={}))
    assert "None" not in text
    assert "more" not in text


@pytest.mark.parametrize("form", FORMS)
def test_count_without_rows_is_stated(alert: CreateAlert, form: Callable[[Alert], str]) -> None:
    assert "1,204 in all" in form(alert(items=(), total_items=1204))


def test_more_than_fifty_rows_or_two_tables_are_rejected(alert: CreateAlert) -> None:
    with pytest.raises(ValidationError, match="50"):
        alert(items=items(51))
    with pytest.raises(ValidationError, match="one table"):
        alert(rows=({"a": "b"},))


def test_listing_keeps_fifty_rows_and_counts_all() -> None:
    listed = Alert.listing([{"row": str(number)} for number in range(60)], key="k", title="t", facts={})
    assert (len(listed.rows), listed.total, listed.kind) == (50, 60, "result")


def test_time_without_zone_is_rejected(alert: CreateAlert) -> None:
    with pytest.raises(ValidationError, match="timezone"):
        alert(at=datetime(2026, 1, 1))


def test_json_round_trip_preserves_an_alert(alert: CreateAlert) -> None:
    written = alert(at=datetime(2026, 1, 31, 10, 15, tzinfo=timezone(timedelta(hours=1))))
    assert Alert.model_validate_json(written.model_dump_json()) == written


@any_input
@given(title=st.text(min_size=1, max_size=300))
def test_subject_meets_the_rules_of_sns(alert: CreateAlert, title: str) -> None:
    line = subject(alert(title=title))
    assert line.startswith("sightline: "[: len(line)])
    assert len(line) < 100
    assert line.isascii()
    assert line.isprintable()


def test_subject_drops_accents_and_keeps_letters(alert: CreateAlert) -> None:
    assert subject(alert(title="José's video\nfailed")) == "sightline: Jose's video failed"
    assert headline(alert(title="José's video\nfailed")) == "sightline: José's video failed"


@any_input
@given(text=st.text(max_size=400), rows=st.integers(0, 50))
def test_slack_text_stays_below_limit_and_has_no_foreign_markup(alert: CreateAlert, text: str, rows: int) -> None:
    uri = text.replace("{", "(").replace("}", ")")
    body = as_slack(alert(facts={text[:50]: text * 5}, items=items(rows, uri=uri)))
    assert len(html.escape(body, quote=False)) <= 30_000
    assert [line for line in body.splitlines() if "<" in line or ">" in line] == [
        "<http://127.0.0.1:4200/runs/flow-run/1|brave-otter>"
    ]


def test_slack_counts_the_rows_that_do_not_fit(alert: CreateAlert) -> None:
    body = as_slack(alert(items=items(50, uri="s3://ward/{}" + "&" * 250), total_items=60))
    listed = sum("s3://ward/" in line for line in body.splitlines())
    assert 0 < listed < 50
    assert body.endswith(f"and {60 - listed} more")


def test_label_cannot_break_its_link(alert: CreateAlert) -> None:
    body = as_slack(alert(run_name=r"process C:\clips\1|<x>", run_url="http://host/a b>c"))
    assert "<http://host/a%20b%3Ec|process C:/clips/1/" in body


@any_input
@given(text=st.text(max_size=400))
def test_text_stays_below_the_limit_of_sns(alert: CreateAlert, text: str) -> None:
    long = alert(facts={str(i): text * 10 for i in range(3)}, items=items(50, reason=text * 10), total_items=70)
    assert len(as_text(long).encode()) <= 250_000
    assert len(as_text(long, limit=2000).encode()) <= 2000


def test_html_escapes_markup(alert: CreateAlert) -> None:
    hostile = "<script>alert(1)</script>&\"'"
    page = as_html(
        alert(
            title=hostile,
            facts={hostile: hostile},
            items=items(1, hostile, hostile),
            run_name=hostile,
            run_url='http://host/"><script>',
        )
    )
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 7


def test_markdown_escapes_markup_and_keeps_columns(alert: CreateAlert) -> None:
    page = as_markdown(alert(items=items(1, "a|b [x](http://y) <b>\n# *c*`", "d|e"), title="# one\n# two"))
    row = next(line for line in page.splitlines() if line.startswith("| a"))
    assert row.replace("\\|", "").count("|") == 6
    assert r"a\|b \[x\](http://y) \<b\> \# \*c\*\`" in row
    assert page.startswith("# \\# one \\# two\n")


@pytest.mark.parametrize("form", FORMS)
def test_long_value_is_truncated(alert: CreateAlert, form: Callable[[Alert], str]) -> None:
    text = form(alert(facts={"message": "x" * 10_000}, items=items(1, "data:" + "y" * 100_000 + "end")))
    assert len(text) < 5_000
    assert "yend" in text


def test_email_has_text_html_and_headers(alert: CreateAlert) -> None:
    sent = email_message(
        alert(title="José\r\nBcc: all@ward.org"), "Ward <alerts@ward.org>", ["ana@ward.org", "b@ward.org"]
    )
    message = message_from_bytes(sent.as_bytes(), policy=policy.default)
    assert message["Subject"] == "sightline: José Bcc: all@ward.org"
    assert message["Bcc"] is None
    assert (message["From"], message["To"]) == ("Ward <alerts@ward.org>", "ana@ward.org, b@ward.org")
    assert message["Date"].datetime == datetime(2026, 1, 31, 10, 15, tzinfo=UTC)
    assert message["Message-ID"].endswith("@ward.org>")
    assert [part.get_content_type() for part in message.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert "s3://ward/a.jpg" in message.get_body(("plain",)).get_content()
    assert "s3://ward/a.jpg" in message.get_body(("html",)).get_content()


def test_same_event_has_same_message_id(alert: CreateAlert) -> None:
    ids = [email_message(alert(key=key), "a@b.org", ["c@d.org"])["Message-ID"] for key in ("one", "one", "two")]
    assert ids[0] == ids[1] != ids[2]
