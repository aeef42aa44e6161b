"""An alert in the markup of Slack, of email and of the Prefect UI. Nothing in it can pass for markup of ours."""

from __future__ import annotations

import html
import re
from datetime import UTC
from urllib.parse import quote

from sightline.alerts.alert import Alert
from sightline.alerts.text import cell, fact, fitted, headline, more, run_line

__all__ = ["as_html", "as_markdown", "as_slack"]

_SLACK = 30_000  # characters once escaped; Slack cuts off at 40,000, and Apprise splits at 35,000
_BREAKS_LINKS = re.compile(r"[|\\]")  # in a link's label, when the block puts the link together again
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|#~$])")


def as_slack(alert: Alert) -> str:
    """The body below the title, in Slack's mrkdwn, as Prefect's Slack block takes it.

    The block escapes & < > itself, and then takes ``!here>``, ``@user>`` and links for markup again, wherever they come
    from. So what is not ours has its angle brackets replaced by others; and our link has a line of its own.
    """
    return fitted(alert, lambda rows: _slack(alert, rows), lambda text: len(html.escape(text, quote=False)), _SLACK)


def as_html(alert: Alert) -> str:
    """A page of its own, with styles that mail programs keep."""
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
    """For an artifact in the Prefect UI: a heading, the facts and the table."""
    lines = [f"# {_markdown(alert.title)}", ""]
    lines += [f"- **{_markdown(name)}**: {_markdown(fact(value))}" for name, value in alert.facts.items()]
    if run := run_line(alert):
        label = _markdown(run)
        lines.append(f"- **run**: [{label}]({_url(alert.run_url)})" if alert.run_url else f"- **run**: {label}")
    lines.append(f"- **at**: {alert.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")
    if rows := alert.table:
        lines += ["", _markdown_row(list(rows[0])), _markdown_row(["---"] * len(rows[0]))]
        lines += [_markdown_row([_markdown(cell(value)) for value in row.values()]) for row in rows]
    if rest := more(alert, len(rows)):
        lines += ["", rest]
    return "\n".join(lines) + "\n"


def _slack(alert: Alert, rows: int) -> str:
    lines = [f"{_slack_word(name)}: {_slack_word(fact(value))}" for name, value in alert.facts.items()]
    run = _slack_word(" ".join((run_line(alert) or "the run").split()))
    if alert.run_url:
        label = _BREAKS_LINKS.sub("/", run)
        lines.append(f"<{_url(alert.run_url)}|{label}>")
    elif run_line(alert):
        lines.append(f"run: {run}")
    for number, row in enumerate(alert.table[:rows], start=1):
        (_, first), *others = row.items()
        code = _slack_word(cell(first)).replace("`", "'")
        said = ", ".join(f"{_slack_word(column)} {_slack_word(cell(value))}" for column, value in others if value)
        lines.append(f"{number}. `{code}`  {said}".rstrip())
    if rest := more(alert, rows):
        lines.append(rest)
    return "\n".join(lines)


def _slack_word(text: str) -> str:
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


def _markdown(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()).replace("&", "&amp;"))


def _markdown_row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _url(url: str) -> str:
    return quote(url, safe=":/?#@!$&'*+,;=%[]~")
