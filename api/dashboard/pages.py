"""The pages: each one file that runs nothing and loads nothing from elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from api.pages import secured
from sightline.emotion import load_keywords
from sightline.media import palette

__all__ = ["render"]


def render(template: str, **values: Any) -> HTMLResponse:
    """A page from one of the templates beside this file. Raises where a value that it needs is not given."""
    return secured(_environment().get_template(template).render(now=datetime.now(UTC), **values))


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


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f} %"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _ago(moment: datetime) -> str:
    """How long ago, in one unit."""
    seconds = (datetime.now(UTC) - moment).total_seconds()
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "moments"


def _colour(emotion: str) -> str:
    """A colour on which black text can be read, the same for an emotion on every page."""
    red, green, blue = _colours().get(emotion, (200, 200, 200))
    return f"rgb({red}, {green}, {blue})"


@cache
def _colours() -> dict[str, tuple[int, int, int]]:
    return palette(list(load_keywords().emotions))
