"""The translucent banner at a video's lower edge: emotion, people, sound, caption, progress."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from sightline.media.lettering import Layers, blend_layers, load_font, make_layers
from sightline.media.planes import Planes, Rgb, rgb_to_yuv

if TYPE_CHECKING:
    from PIL import ImageDraw, ImageFont

BACKGROUND = (12, 14, 18, 150)  # RGBA
TEXT = (255, 255, 255, 255)
BAR_BACKGROUND = (255, 255, 255, 60)
CAPTION_LINES = 2


@dataclass(frozen=True)
class BannerContent:
    """The content of the banner at one time.

    ``share``: the elapsed share of the caption's duration, 0..1. ``sound``: what is heard besides words.
    """

    emotion: str
    colour: Rgb
    people: tuple[str, ...]
    caption: str
    share: float
    sound: str = ""


class Banner:
    """Draws the banner on frames of one size. Its content is rendered once and blended into many frames.

    ``width`` and ``height``: size of the frames in pixels, both even.
    """

    def __init__(self, width: int, height: int) -> None:
        self._width = width
        self._size = max(9, round(height / 32))
        self._line = round(self._size * 1.35)
        self._pad = self._size // 2
        self._bar = max(2, round(height / 180)) // 2 * 2
        needed = self._pad * 3 + self._line * (1 + CAPTION_LINES) + self._bar
        self._height = min(height, needed + needed % 2)
        self._layers = lru_cache(maxsize=8)(self._render)
        self.pages = lru_cache(maxsize=8)(self._split_pages)

    def draw(self, planes: Planes, content: BannerContent, progress: float) -> None:
        """Blend the banner over the lower edge of the frame, in place. ``progress``: 0..1."""
        pages = self.pages(content.caption)
        page = pages[min(int(content.share * len(pages)), len(pages) - 1)] if pages else ()
        layers = self._layers(content.emotion, content.colour, content.people, content.sound, page, planes.full_range)
        blend_layers(planes, layers, 0, planes.y.shape[0] - self._height)
        filled = round(self._width * min(max(progress, 0.0), 1.0))
        for plane, level, scale in zip(
            (planes.y, planes.u, planes.v), planes.colour(content.colour), (1, 2, 2), strict=True
        ):
            plane[-(self._bar // scale) :, : filled // scale] = level

    def _split_pages(self, text: str) -> list[tuple[str, ...]]:
        """Return the text in pages of :data:`CAPTION_LINES` lines that fit; no text is cut off."""
        font = load_font(self._size, bold=False)
        lines: list[str] = []
        for word in text.split():
            for piece in _split_word(word, font, self._width - 2 * self._pad):
                joined = f"{lines[-1]} {piece}" if lines else piece
                if lines and font.getlength(joined) <= self._width - 2 * self._pad:
                    lines[-1] = joined
                else:
                    lines.append(piece)
        return [tuple(lines[start : start + CAPTION_LINES]) for start in range(0, len(lines), CAPTION_LINES)]

    def _render(
        self, emotion: str, colour: Rgb, people: tuple[str, ...], sound: str, page: Sequence[str], full_range: bool
    ) -> Layers:
        from PIL import Image, ImageDraw

        image = Image.new("RGBA", (self._width, self._height), BACKGROUND)
        draw = ImageDraw.Draw(image)
        bold, plain = load_font(self._size, bold=True), load_font(self._size, bold=False)
        left = float(self._pad)
        if emotion:
            left = self._draw_chip(draw, emotion, colour, bold)
        if people:
            draw.text((left, self._pad), ", ".join(people), font=plain, fill=TEXT)
        if sound:
            right = self._width - self._pad
            # Covers names that reach this far.
            draw.rectangle((right - bold.getlength(sound) - self._pad, 0, self._width, self._line), fill=BACKGROUND)
            draw.text((right, self._pad), sound, font=bold, fill=TEXT, anchor="ra")
        for row, line in enumerate(page, start=1):
            draw.text((self._pad, self._pad * 1.5 + self._line * row), line, font=plain, fill=TEXT)
        draw.rectangle((0, self._height - self._bar, self._width, self._height), fill=BAR_BACKGROUND)
        return make_layers(np.asarray(image), full_range)

    def _draw_chip(self, draw: ImageDraw.ImageDraw, emotion: str, colour: Rgb, font: ImageFont.FreeTypeFont) -> float:
        right = self._pad * 2 + font.getlength(emotion) + self._pad
        draw.rounded_rectangle(
            (self._pad, self._pad // 2, right, self._pad // 2 + self._line + self._pad // 2),
            radius=self._pad, fill=(*colour, 255),
        )  # fmt: skip
        # Black on a bright chip, white on a dark one: legible on every colour.
        ink = (0, 0, 0, 255) if rgb_to_yuv(colour, full_range=True)[0] > 140 else TEXT
        draw.text((self._pad * 2, self._pad * 0.75), emotion, font=font, fill=ink)
        return right + self._pad


def _split_word(word: str, font: ImageFont.FreeTypeFont, width: float) -> list[str]:
    """Split ``word`` into pieces of at most ``width`` pixels and at least one letter."""
    pieces = [""]
    for letter in word:
        if pieces[-1] and font.getlength(pieces[-1] + letter) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces
