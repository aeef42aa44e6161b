"""The tags that say who is who in a frame with several people."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from sightline.media.colours import colour_of
from sightline.media.history import Points
from sightline.media.lettering import Layers, blend_layers, load_font, make_layers
from sightline.media.planes import Planes, Rgb, rgb_to_yuv

_DARK = (12, 14, 18)
_LONGEST = 24  # letters


def draw_name_tags(planes: Planes, people: Mapping[int, Points], patient: int | None, name: str) -> None:
    """Draw a tag above everyone's head: ``name`` on the patient's, and numbers on the others', in their colours.

    The patient's tag is larger and has a white frame. A tag that would cover another one is moved upwards, or
    downwards at the frame's upper edge.
    """
    size = max(9, round(min(planes.y.shape) / 36))
    taken: list[tuple[int, int, int, int]] = []
    # The patient's tag is placed first, so that it is where it is expected.
    for number in sorted(people, key=lambda number: (number != patient, number)):
        marked = number == patient
        text = (name if marked else f"person {number}")[:_LONGEST]
        layers = _render(text, colour_of(number), size, marked, planes.full_range)
        height, width = layers[0][0].shape
        anchor = _above(people[number])
        if anchor is None or height > planes.y.shape[0] or width > planes.y.shape[1]:
            continue
        left = int(np.clip(anchor[0] - width / 2, 0, planes.y.shape[1] - width)) // 2 * 2
        top = int(np.clip(anchor[1] - height - size / 2, 0, planes.y.shape[0] - height)) // 2 * 2
        top = _free(left, top, width, height, taken, planes.y.shape[0])
        taken.append((left, top, left + width, top + height))
        blend_layers(planes, layers, left, top)


def _above(points: Points) -> tuple[float, float] | None:
    """Return a position above the person's head; None if none of their points is known."""
    known = points[points[:, 2] > 0]
    if not len(known):
        return None
    highest = known[known[:, 1].argmin()]
    # The highest point is an eye or an ear: the top of the head is about an eighth of the visible height above it.
    return float(highest[0]), float(highest[1] - 0.08 * np.ptp(known[:, 1]))


def _free(left: int, top: int, width: int, height: int, taken: list[tuple[int, int, int, int]], below: int) -> int:
    """Return the nearest free position for a tag: upwards, else downwards."""

    def is_free(y: int) -> bool:
        return all(x1 <= left or x0 >= left + width or y1 <= y or y0 >= y + height for x0, y0, x1, y1 in taken)

    upwards = [y0 - height for _, y0, _, _ in taken]
    downwards = [y1 + y1 % 2 for _, _, _, y1 in taken]
    places = [top, *sorted(upwards, key=lambda y: abs(y - top)), *sorted(downwards)]
    return next((y // 2 * 2 for y in places if 0 <= y <= below - height and is_free(y // 2 * 2)), top)


@lru_cache(maxsize=64)
def _render(text: str, colour: Rgb, size: int, marked: bool, full_range: bool) -> Layers:
    from PIL import Image, ImageDraw

    letters = load_font(size if marked else round(0.85 * size), bold=marked)
    pad, edge = max(2, size // 3), max(2, size // 7) if marked else 0
    width = round(letters.getlength(text)) + 2 * (pad + 2 * edge)
    height = round(1.3 * letters.size) + 2 * 2 * edge
    width, height = width + width % 2, height + height % 2
    image = Image.new("RGBA", (width, height))
    draw = ImageDraw.Draw(image)
    box, radius = (0, 0, width - 1, height - 1), pad
    if marked:  # dark, then white: a contrast on every background
        draw.rounded_rectangle(box, radius, fill=(*_DARK, 255))
        box = (edge, edge, width - 1 - edge, height - 1 - edge)
        draw.rounded_rectangle(box, radius - edge / 2, fill=(255, 255, 255, 255))
        box = (2 * edge, 2 * edge, width - 1 - 2 * edge, height - 1 - 2 * edge)
    draw.rounded_rectangle(box, max(0, radius - edge), fill=(*colour, 255))
    ink = _DARK if rgb_to_yuv(colour, full_range=True)[0] > 120 else (255, 255, 255)
    draw.text((width / 2, height / 2), text, font=letters, fill=(*ink, 255), anchor="mm")
    return make_layers(np.asarray(image), full_range)
