"""Colours of Okabe and Ito (2008), which colour-blind people can distinguish."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from sightline.media.planes import Rgb

_OKABE_ITO: tuple[Rgb, ...] = (
    (240, 228, 66), (86, 180, 233), (204, 121, 167), (200, 200, 200), (213, 94, 0), (0, 158, 115), (230, 159, 0),
)  # fmt: skip

_PEOPLE: tuple[Rgb, ...] = ((230, 159, 0), (0, 158, 115), (204, 121, 167), (240, 228, 66), (200, 200, 200))
"""The first person's limbs have colours of their own, orange and blue, which no other person has."""

_LIGHTER, _DARKER = 0.4, 0.35


def palette(names: Sequence[str]) -> dict[str, Rgb]:
    """Return a colour for every name; colours repeat after seven names."""
    return {name: _OKABE_ITO[index % len(_OKABE_ITO)] for index, name in enumerate(names)}


def colour_of(number: int) -> Rgb:
    """Return the colour of a person; ``number`` starts at 1. From the sixth person on, colours 2 to 5 repeat."""
    return _PEOPLE[0] if number == 1 else _PEOPLE[1 + (number - 2) % (len(_PEOPLE) - 1)]


@cache
def limb_colour(number: int, first: Rgb) -> Rgb:
    """Return the colour of a person's limb; ``first`` is the limb's colour in the first person.

    Others have shades of one colour: light on the right, where the first person is orange, and dark on the left.
    """
    if number == 1:
        return first
    own, (red, _, blue) = colour_of(number), first
    if abs(red - blue) < 32:
        return own
    target, share = (255, _LIGHTER) if red > blue else (0, _DARKER)
    light, medium, dark = (round((1 - share) * value + share * target) for value in own)
    return light, medium, dark
