"""Alerts in the markup of Slack, email and the Prefect UI. Values cannot inject markup."""

from __future__ import annotations

import html
import re
from datetime import UTC
from urllib.parse import quote

from sightline import markdown
from sightline.alerts.alert import Alert
from sightline.alerts.text import cell, fact, fitted, headline, more, run_line

__all__ = ["as_html", "as_markdown", "as_slack"]

_SLACK = 30_000  # characters once escaped; Slack truncates at 40,000, and Apprise splits at 35,000
_BREAKS_LINKS = re.compile(r"[|\\]")  # in a link's label, when the block reassembles the link


def as_slack(alert: Alert) -> str:
    """Return the body below the title in Slack's mrkdwn, as Prefect's Slack block expects it.

    The block escapes & < >, and then restores ``!here>``, ``@user>`` and links to markup, whatever their origin. So
    angle brackets in values are replaced by similar characters, and the run's link has a line of its own.
    """
    return fitted(alert, lambda rows: _slack(alert, rows), lambda text: len(html.escape(text, quote=False)), _SLACK)


def as_html(alert: Alert) -> str:
    """Return a complete HTML page with inline styles, which mail programs keep."""
    style = 'style="text-align:left;vertical-align:top;padding:2px 12px 2px 0"'
    facts = "".join(
        f"<tr><th {style}>{_html(name)}</th><td {style}>{value}</td></tr>" for name, value in _html_facts(alert)
    )
    table = ""
    if rows := alert.table:
        head = "".join(f"<th {style}>{_html(column)}</th>" for column in rows[0])
        body = "".join(
            "<tr>" + "".join(f"<td {style}>{_html(cell(value))}</td>" for value in row.values()) + "</tr>\n"
            for row in rows
        )
        table = f"<table>\n<tr>{head}</tr>\n{body}</table>\n"
    rest = more(alert, len(rows))
    return (
        f"<!DOCTYPE html>\n<html><head><title>{_html(headline(alert))}</title></head>\n"
        f'<body style="font-family:sans-serif">\n<h2>{_html(alert.title)}</h2>\n<table>{facts}</table>\n{table}'
        + (f"<p>{_html(rest)}</p>\n" if rest else "")
        + "</body></html>\n"
    )


def as_markdown(alert: Alert) -> str:
    """Return the alert for an artifact in the Prefect UI: a heading, the facts and the table."""
    facts = [f"- **{markdown.escape(name)}**: {markdown.escape(fact(value))}" for name, value in alert.facts.items()]
    if run := run_line(alert):
        label = markdown.escape(run)
        facts.append(f"- **run**: [{label}]({_url(alert.run_url)})" if alert.run_url else f"- **run**: {label}")
    facts.append(f"- **at**: {alert.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")
    rows = alert.table
    table = ""
    if rows:
        table = markdown.table(
            list(rows[0]), [[markdown.escape(cell(value)) for value in row.values()] for row in rows]
        )
    body = markdown.page(f"# {markdown.escape(alert.title)}", "\n".join(facts), table, more(alert, len(rows)))
    return f"{body}\n"


def _slack(alert: Alert, rows: int) -> str:
    lines = [f"{_slack_text(name)}: {_slack_text(fact(value))}" for name, value in alert.facts.items()]
    run = _slack_text(" ".join((run_line(alert) or "the run").split()))
    if alert.run_url:
        label = _BREAKS_LINKS.sub("/", run)
        lines.append(f"<{_url(alert.run_url)}|{label}>")
    elif run_line(alert):
        lines.append(f"run: {run}")
    for number, row in enumerate(alert.table[:rows], start=1):
        (_, first), *others = row.items()
        code = _slack_text(cell(first)).replace("`", "'")
        details = ", ".join(f"{_slack_text(column)} {_slack_text(cell(value))}" for column, value in others if value)
        lines.append(f"{number}. `{code}`  {details}".rstrip())
    if rest := more(alert, rows):
        lines.append(rest)
    return "\n".join(lines)


def _slack_text(text: str) -> str:
    return text.replace("<", "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}").replace(
        ">", "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
    )


def _html_facts(alert: Alert) -> list[tuple[str, str]]:
    facts = [(name, _html(fact(value)).replace("\n", "<br>")) for name, value in alert.facts.items()]
    if run := run_line(alert):
        facts.append(
            ("run", f'<a href="{_html(_url(alert.run_url))}">{_html(run)}</a>' if alert.run_url else _html(run))
        )
    return [*facts, ("at", f"{alert.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")]


def _html(text: str) -> str:
    return html.escape(text)


def _url(url: str) -> str:
    return quote(url, safe=":/?#@!$&'*+,;=%[]~")
