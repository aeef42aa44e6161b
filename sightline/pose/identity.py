"""Which of the people in a video is the patient: what the user wishes, and what was decided.

>>> str(PicturePoint.parse("0.4,0.55@12.5"))
'0.4,0.55@12.5'
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveInt, model_validator

from sightline.errors import InvalidInput

__all__ = ["Identity", "IdentityWish", "PicturePoint", "SeenPerson"]

_POINT = re.compile(r"\s*(\d+(?:\.\d*)?)\s*,\s*(\d+(?:\.\d*)?)\s*@\s*(\d+(?:\.\d*)?)\s*s?\s*")
_POINT_FIX = (
    'Write it as "x,y@seconds": x and y from the left and the top of the upright picture, in pixels (412,300@12.5) '
    "or as shares of its width and height from 0 to 1 (0.32,0.4@12.5)"
)
_WITHOUT_PATIENT = frozenset({"undecided", "nobody", "answered"})


class SeenPerson(BaseModel):
    """One person of a video. ``person`` is their number, from 1 in the order of first appearance."""

    model_config = ConfigDict(frozen=True)

    person: PositiveInt
    seconds: NonNegativeFloat
    """The time in which the person is seen."""
    first: NonNegativeFloat
    """The first time at which the person is seen, in seconds in the video."""
    last: NonNegativeFloat
    height: NonNegativeFloat
    """The median height over that of the frame; the length of a person who lies."""
    appearance: tuple[float, ...] = ()
    """A description of the person's look, which resembles that of the same person in another video."""
    picture: str | None = None
    """The file name of a picture of the person, a JPEG crop; None if there is none."""

    @property
    def prominence(self) -> float:
        """How long and large the person is seen: seconds times height."""
        return self.seconds * self.height


class Identity(BaseModel):
    """Who of the people in a video is the patient, how that was decided, and how certain it is.

    ``person`` is None if that is not decided (``undecided``), if nobody was seen (``nobody``), or if a person has
    answered that the patient is not in the picture (``answered``).
    """

    model_config = ConfigDict(frozen=True)

    person: PositiveInt | None
    how: Literal["chosen", "position", "reference", "known", "only", "prominent", "answered", "undecided", "nobody"]
    certainty: Annotated[float, Field(ge=0, le=1)]
    why: str
    """The reason, as a sentence for people."""
    people: tuple[SeenPerson, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Identity:
        numbers = [seen.person for seen in self.people]
        if sorted(set(numbers)) != numbers:
            raise ValueError(f"the people's numbers must rise; they are {numbers}")
        if self.person is None and self.how not in _WITHOUT_PATIENT:
            raise ValueError(f"the patient is {self.how}, but has no number")
        if self.person is not None and self.how in ("undecided", "nobody"):
            raise ValueError(f"the patient is {self.how}, but is person {self.person}")
        if numbers and self.person is not None and self.person not in numbers:
            raise ValueError(f"the patient is person {self.person}, who is not one of the people {numbers}")
        return self

    @property
    def is_decided(self) -> bool:
        """Whether no further answer is needed, even if the patient is not in the picture."""
        return self.how != "undecided"


@dataclass(frozen=True)
class PicturePoint:
    """A point of the upright picture at ``seconds`` in the video.

    ``x`` and ``y`` are pixels from the left and the top, or with ``shares`` parts of the width and height from 0 to 1.
    """

    x: float
    y: float
    seconds: float
    shares: bool

    @classmethod
    def parse(cls, text: str) -> PicturePoint:
        """Return the point that ``x,y@seconds`` names.

        x and y are shares if both are at most 1, otherwise pixels. Raises :class:`~sightline.errors.InvalidInput`.
        """
        match = _POINT.fullmatch(text)
        if match is None:
            raise InvalidInput(repr(text), "is not a point of the picture at a time", _POINT_FIX)
        x, y, seconds = map(float, match.groups())
        if not math.isfinite(x + y + seconds):
            raise InvalidInput(repr(text), "has a number that is too large", _POINT_FIX)
        shares = max(x, y) <= 1
        if not shares and any(0 < value < 1 for value in (x, y)):
            raise InvalidInput(repr(text), "mixes a share and pixels", _POINT_FIX)
        return cls(x, y, seconds, shares)

    def __str__(self) -> str:
        return f"{self.x:g},{self.y:g}@{self.seconds:g}"

    def pixels(self, width: int, height: int, duration: float) -> tuple[float, float]:
        """Return x and y in pixels of a picture of this size.

        Raises :class:`~sightline.errors.InvalidInput` for a point outside the picture, or after the video's end, which
        is at ``duration`` seconds.
        """
        if self.seconds > duration:
            raise InvalidInput(str(self), f"the video ends at {duration:g} seconds", _POINT_FIX)
        x, y = (self.x * width, self.y * height) if self.shares else (self.x, self.y)
        if x > width or y > height:
            raise InvalidInput(str(self), f"is outside the picture of {width} by {height} pixels", _POINT_FIX)
        return x, y


@dataclass(frozen=True, eq=False)
class IdentityWish:
    """Who the user says the patient is: at most one of the fields is given. Raises ValueError for more.

    - ``person``: the person's number in the video.
    - ``at``: a point on the person.
    - ``reference``: a photo of the patient, shape (height, width, 3), uint8, RGB and upright.
    """

    person: int | None = None
    at: PicturePoint | None = None
    reference: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        if sum(wish is not None for wish in (self.person, self.at, self.reference)) > 1:
            raise ValueError("the patient can be given in one way only: as a number, a point or a photo")

    def __bool__(self) -> bool:
        """Return whether anything is given."""
        return any(wish is not None for wish in (self.person, self.at, self.reference))
