"""A contact sheet: an image of the ranked people, best first, with their scores."""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from sightline.ranking.batch import THUMBNAIL, Ranked

if TYPE_CHECKING:
    from PIL import ImageFont

__all__ = ["MAX_PEOPLE", "contact_sheet"]

MAX_PEOPLE = 200
"""The number of people that a sheet can show."""

_COLUMNS = 10
_GAP, _CAPTION = 10, 40
_BACKGROUND, _TEXT, _MUTED_TEXT, _FRAME = "#ffffff", "#1b2330", "#5d6878", "#d9dee6"
_QUALITY = 88


def contact_sheet(ranked: Sequence[Ranked], title: str) -> bytes:
    """Return a JPEG file that shows the first :data:`MAX_PEOPLE` people, in the given order, under a title.

    Below each person are the place, the ranking, an arrow if raised arms added to it, and the photo's name.
    """
    from PIL import Image, ImageDraw

    shown = [(entry.person, entry.thumbnail) for entry in ranked if entry.thumbnail is not None][:MAX_PEOPLE]
    columns = max(1, min(_COLUMNS, len(shown)))
    rows = -(-len(shown) // columns)
    width, height = THUMBNAIL[0] + _GAP, THUMBNAIL[1] + _CAPTION + _GAP
    large, small = _font(17), _font(12)
    head = 46
    sheet = Image.new("RGB", (max(columns * width + _GAP, 560), head + rows * height + _GAP), _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    draw.text((_GAP, 12), _cut(title, large, sheet.width - 2 * _GAP), _TEXT, large)
    for place, (person, thumbnail) in enumerate(shown):
        left, top = _GAP + place % columns * width, head + place // columns * height
        image = Image.open(io.BytesIO(thumbnail))
        draw.rectangle((left, top, left + THUMBNAIL[0] - 1, top + THUMBNAIL[1] - 1), _FRAME)
        sheet.paste(image, (left + (THUMBNAIL[0] - image.width) // 2, top + (THUMBNAIL[1] - image.height) // 2))
        text = "not ranked" if person.ranking is None else f"{person.ranking:.3f}"
        raised = person.arms_above_head and person.ranking is not None
        draw.text((left, top + THUMBNAIL[1] + 3), f"{place + 1}.  {text}{' ↑' if raised else ''}", _TEXT, large)
        name = f"{person.uri.rpartition('/')[2]} #{person.person}"
        draw.text((left, top + THUMBNAIL[1] + 24), _cut(name, small, THUMBNAIL[0]), _MUTED_TEXT, small)
    file = io.BytesIO()
    sheet.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()


def _font(size: int) -> ImageFont.FreeTypeFont:
    from PIL import ImageFont

    spec = find_spec("matplotlib")
    assert spec is not None and spec.origin is not None  # noqa: S101, PT018, it is a dependency
    return ImageFont.truetype(Path(spec.origin).with_name("mpl-data") / "fonts" / "ttf" / "DejaVuSans.ttf", size)


def _cut(text: str, font: ImageFont.FreeTypeFont, width: float) -> str:
    """Shorten the text to the width, and keep its end: the ends of file names distinguish them."""
    if font.getlength(text) <= width:
        return text
    text = text[-300:]  # more never fits
    while text and font.getlength(f"…{text}") > width:
        text = text[1:]
    return f"…{text}"
