"""What to tell people, how it reads in each channel, and the outbox that keeps what could not be delivered."""

from sightline.alerts.alert import Alert, AlertItem
from sightline.alerts.courier import Courier
from sightline.alerts.mail import email_message
from sightline.alerts.markup import as_html, as_markdown, as_slack
from sightline.alerts.outbox import Outbox, Undelivered
from sightline.alerts.sns import publish
from sightline.alerts.text import as_text, headline, shortened, subject

__all__ = [
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
    "shortened",
    "subject",
]
