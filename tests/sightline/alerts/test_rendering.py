"""Each form of an alert says all of it, keeps to its channel's limits, and takes nothing foreign for markup."""

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

Make = Callable[..., Alert]
FORMS = [as_text, as_slack, as_html, as_markdown]
anything = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def items(count: int, uri: str = "s3://ward/{}.jpg", reason: str = "low confidence") -> tuple[AlertItem, ...]:
    return tuple(
        AlertItem(uri=uri.format(i), class_name="left", confidence=0.5, threshold=0.93, reason=reason)
        for i in range(count)
    )


def test_text_names_the_run_the_facts_and_every_image(alert: Make) -> None:
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
def test_every_form_has_facts_images_and_the_count_of_the_rest(alert: Make, form: Callable[[Alert], str]) -> None:
    text = form(alert(items=items(50), total_items=173, facts={"passed": "827"}))
    assert "827" in text
    assert "brave-otter" in text
    assert "http://127.0.0.1:4200/runs/flow-run/1" in text or form is as_html
    for i in range(50):
        assert f"s3://ward/{i}.jpg" in text
    assert "and 123 more" in text


@pytest.mark.parametrize("form", FORMS)
def test_rows_of_any_columns_are_a_table_too(alert: Make, form: Callable[[Alert], str]) -> None:
    rows = ({"feature": "gait speed", "drift": "0.31"}, {"feature": "sway", "p": "0.002"})
    text = form(alert(items=(), rows=rows, total_items=2))
    for told in ("gait speed", "drift", "0.31", "sway", "0.002"):
        assert told in text
    assert "more" not in text


@pytest.mark.parametrize("form", FORMS)
def test_an_alert_without_a_run_or_a_table_is_one_too(alert: Make, form: Callable[[Alert], str]) -> None:
    text = form(alert(items=(), total_items=0, run_name=None, run_url=None, facts={}))
    assert "None" not in text
    assert "more" not in text


@pytest.mark.parametrize("form", FORMS)
def test_a_count_without_names_is_told(alert: Make, form: Callable[[Alert], str]) -> None:
    assert "1,204 in all" in form(alert(items=(), total_items=1204))


def test_more_than_fifty_rows_or_two_tables_are_refused(alert: Make) -> None:
    with pytest.raises(ValidationError, match="50"):
        alert(items=items(51))
    with pytest.raises(ValidationError, match="one table"):
        alert(rows=({"a": "b"},))


def test_a_time_without_a_zone_is_refused(alert: Make) -> None:
    with pytest.raises(ValidationError, match="timezone"):
        alert(at=datetime(2026, 1, 1))


def test_an_alert_comes_back_from_json_as_it_was(alert: Make) -> None:
    told = alert(at=datetime(2026, 1, 31, 10, 15, tzinfo=timezone(timedelta(hours=1))))
    assert Alert.model_validate_json(told.model_dump_json()) == told


@anything
@given(title=st.text(min_size=1, max_size=300))
def test_a_subject_is_what_sns_takes(alert: Make, title: str) -> None:
    line = subject(alert(title=title))
    assert line.startswith("sightline: "[: len(line)])
    assert len(line) < 100
    assert line.isascii()
    assert line.isprintable()


def test_a_subject_keeps_letters_without_their_accents(alert: Make) -> None:
    assert subject(alert(title="José's video\nfailed")) == "sightline: Jose's video failed"
    assert headline(alert(title="José's video\nfailed")) == "sightline: José's video failed"


@anything
@given(text=st.text(max_size=400), rows=st.integers(0, 50))
def test_slack_stays_below_its_limit_and_has_no_markup_that_is_not_ours(alert: Make, text: str, rows: int) -> None:
    said = as_slack(alert(facts={text[:50]: text * 5}, items=items(rows, uri=text.replace("{", "(").replace("}", ")"))))
    assert len(html.escape(said, quote=False)) <= 30_000
    assert [line for line in said.splitlines() if "<" in line or ">" in line] == [
        "<http://127.0.0.1:4200/runs/flow-run/1|brave-otter>"
    ]


def test_slack_leaves_rows_out_and_counts_them(alert: Make) -> None:
    said = as_slack(alert(items=items(50, uri="s3://ward/{}" + "&" * 250), total_items=60))
    named = sum("s3://ward/" in line for line in said.splitlines())
    assert 0 < named < 50
    assert said.endswith(f"and {60 - named} more")


def test_a_link_s_label_cannot_break_the_link(alert: Make) -> None:
    said = as_slack(alert(run_name=r"process C:\clips\1|<x>", run_url="http://host/a b>c"))
    assert "<http://host/a%20b%3Ec|process C:/clips/1/" in said


@anything
@given(text=st.text(max_size=400))
def test_text_for_sns_stays_below_its_limit(alert: Make, text: str) -> None:
    long = alert(facts={str(i): text * 10 for i in range(3)}, items=items(50, reason=text * 10), total_items=70)
    assert len(as_text(long).encode()) <= 250_000
    assert len(as_text(long, limit=2000).encode()) <= 2000


def test_html_shows_markup_as_text(alert: Make) -> None:
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


def test_markdown_shows_markup_as_text_and_keeps_its_columns(alert: Make) -> None:
    page = as_markdown(alert(items=items(1, "a|b [x](http://y) <b>\n# *c*`", "d|e"), title="# one\n# two"))
    row = next(line for line in page.splitlines() if line.startswith("| a"))
    assert row.replace("\\|", "").count("|") == 6
    assert r"a\|b \[x\](http://y) \<b\> \# \*c\*\`" in row
    assert page.startswith("# \\# one \\# two\n")


@pytest.mark.parametrize("form", FORMS)
def test_a_value_without_end_is_cut(alert: Make, form: Callable[[Alert], str]) -> None:
    text = form(alert(facts={"message": "x" * 10_000}, items=items(1, "data:" + "y" * 100_000 + "end")))
    assert len(text) < 5_000
    assert "yend" in text


def test_an_email_has_text_html_and_the_headers_of_one(alert: Make) -> None:
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


def test_the_same_event_is_the_same_mail(alert: Make) -> None:
    ids = [email_message(alert(key=key), "a@b.org", ["c@d.org"])["Message-ID"] for key in ("one", "one", "two")]
    assert ids[0] == ids[1] != ids[2]
