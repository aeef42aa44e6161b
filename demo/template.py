"""What the demo's pages share: their frame, their colours and their links."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sightline.media import palette

__all__ = ["class_colours", "css", "link", "render"]


def render(template: str, page: Path, **values: Any) -> None:
    """Write ``page`` from one of the templates beside this file. Raises where a value that it needs is not given."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    page.write_text(environment.get_template(template).render(here=page.name, **values), encoding="utf-8")


def class_colours(names: list[str]) -> dict[str, str]:
    """A CSS colour for each name, on which black text can be read."""
    return {name: css(colour) for name, colour in palette(names).items()}


def css(colour: tuple[int, int, int]) -> str:
    """A colour as CSS writes it."""
    return "rgb({}, {}, {})".format(*colour)


def link(path: Path, page: Path) -> str:
    """``path`` as seen from ``page``, whose folder must contain it, so that the two can be moved together."""
    return quote(path.resolve().relative_to(page.parent.resolve()).as_posix())
