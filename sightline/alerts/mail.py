"""Alerts as emails."""

from __future__ import annotations

from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import format_datetime
from hashlib import sha256

from sightline.alerts.alert import Alert
from sightline.alerts.markup import as_html
from sightline.alerts.text import as_text, headline

__all__ = ["email_message"]


def email_message(alert: Alert, sender: str, recipients: Sequence[str]) -> EmailMessage:
    """Return the alert as an email in plain text and HTML.

    The Message-ID is derived from the alert's key, so a mail system can recognise a second copy.
    """
    message = EmailMessage()
    message["From"] = sender
    message["To"] = ", ".join(recipients)
    message["Subject"] = headline(alert)
    message["Date"] = format_datetime(alert.at)
    domain = sender.rpartition("@")[2].strip("<> ")
    message["Message-ID"] = f"<{sha256(alert.key.encode()).hexdigest()[:32]}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(as_text(alert))
    message.add_alternative(as_html(alert), subtype="html")
    return message
