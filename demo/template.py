"""Rendering of the demo's pages: templates, colours, and links relative to the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sightline.media import palette

__all__ = ["class_colours", "css", "file_links", "link", "plot_links", "render"]


def render(template: str, page: Path, **values: Any) -> None:
    """Render a template of this folder to ``page``. Raises ``UndefinedError`` if a value is missing."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    page.write_text(environment.get_template(template).render(here=page.name, **values), encoding="utf-8")


def class_colours(names: list[str]) -> dict[str, str]:
    """Return a CSS colour for every class, light enough for black text."""
    return {name: css(colour) for name, colour in palette(names).items()}


def css(colour: tuple[int, int, int]) -> str:
    """Return an RGB colour in CSS notation."""
    return "rgb({}, {}, {})".format(*colour)


def link(path: Path, page: Path) -> str:
    """Return the URL of ``path`` relative to ``page``, whose folder must contain it, so both can be moved together."""
    return quote(path.resolve().relative_to(page.parent.resolve()).as_posix())


def plot_links(folder: Path, names: Iterable[str], page: Path) -> list[tuple[str, str]]:
    """Return the title and the URL of every plot: the PNG files of these names in ``folder``."""
    return [(name.replace("-", " ").replace("_", " "), link(folder / f"{name}.png", page)) for name in names]


def file_links(files: Mapping[str, Path | str], page: Path) -> list[tuple[str, str, str]]:
    """Return the title, the URL and the path of every file."""
    return [(title, link(Path(path), page), str(path)) for title, path in files.items()]
