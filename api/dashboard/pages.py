"""Rendering of the pages. Each is one file that runs no script and loads nothing from other servers."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from functools import cache
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from api.pages import secure_headers
from sightline.emotion import load_keywords
from sightline.media import palette

__all__ = ["render"]


def render(template: str, **values: Any) -> HTMLResponse:
    """Return a page from a template of this package. Raises ``UndefinedError`` if a value is missing."""
    nonce = secrets.token_urlsafe()
    text = _environment().get_template(template).render(now=datetime.now(UTC), nonce=nonce, **values)
    return HTMLResponse(text, headers=secure_headers(nonce, runs_scripts=False))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("api.dashboard", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "time": _time, "day": _day, "percent": _percent, "figure": _figure, "ago": _ago, "colour": _colour,
    }  # fmt: skip
    return environment


def _time(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _day(time: datetime) -> str:
    """Return the day in the time's own zone, which is that of the recording."""
    return f"{time:%Y-%m-%d}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f} %"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _ago(time: datetime) -> str:
    """Return the duration since a time, in one unit."""
    seconds = (datetime.now(UTC) - time).total_seconds()
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "less than a minute"


def _colour(emotion: str) -> str:
    """Return the emotion's colour, the same on every page. Black text is readable on it."""
    red, green, blue = _colours().get(emotion, (200, 200, 200))
    return f"rgb({red}, {green}, {blue})"


@cache
def _colours() -> dict[str, tuple[int, int, int]]:
    return palette(list(load_keywords().emotions))
