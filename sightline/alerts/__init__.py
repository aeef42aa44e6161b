"""Alerts: their content, their form in each channel, and the outbox of those not delivered yet."""

from sightline.alerts.alert import MAX_ROWS, Alert, AlertItem
from sightline.alerts.courier import Courier
from sightline.alerts.mail import email_message
from sightline.alerts.markup import as_html, as_markdown, as_slack
from sightline.alerts.outbox import Outbox, Undelivered
from sightline.alerts.sns import publish
from sightline.alerts.text import as_text, headline, subject, truncated

__all__ = [
    "MAX_ROWS",
    "Alert",
    "AlertItem",
    "Courier",
    "Outbox",
    "Undelivered",
    "as_html",
    "as_markdown",
    "as_slack",
    "as_text",
    "email_message",
    "headline",
    "publish",
    "subject",
    "truncated",
]
