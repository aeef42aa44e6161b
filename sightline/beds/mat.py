"""A pressure mat: what its values mean, and how they become the picture that a posture model knows."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from sightline.vision.pressure import heat_map

__all__ = ["FrameInvalid", "Mat"]

Values = NDArray[np.float64]
Edge = Literal["first row", "last row", "first column", "last column"]

_SATURATED = 0.0042
"""The share of the sensors at full scale in a map of the training data: the median of 500 maps, .001 to .009 in all.

It is the same for light and heavy people, so the maps were scaled one by one, not by the range of the mat.
"""
_LEAST_GAIN = 1e-3  # of the range: below that, a map has no contrast that could be amplified


class FrameInvalid(Exception):
    """A frame that the mat cannot have measured. The message says why, and what would get it accepted."""


class Mat(BaseModel):
    """The mat of a bed, as its file states it once.

    ``rows`` and ``columns`` are those of the delivered array. ``range`` holds the values of no load and of full scale.
    ``head`` is the edge of the array below the patient's head, ``left`` the edge at their left hand if they lie on
    their back. A frame with a mean below ``empty_below``, in the mat's unit, is an empty bed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: Annotated[int, Field(ge=8, le=1024)]
    columns: Annotated[int, Field(ge=8, le=1024)]
    range: tuple[FiniteFloat, FiniteFloat]
    head: Edge
    left: Edge
    empty_below: FiniteFloat
    zero_when_empty: bool = Field(
        False, description="Whether all sensors of the empty bed have the lowest value. By default that is a fault."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Mat:
        low, high = self.range
        if low >= high:
            raise ValueError(f"range is [{low:g}, {high:g}]: write the value of no load first, then that of full scale")
        if self.head.split()[1] == self.left.split()[1]:
            raise ValueError(f"head and left are both {self.head.split()[1]}s: one of them must be a row, one a column")
        if not low < self.empty_below < high:
            raise ValueError(f"empty_below is {self.empty_below:g}, outside the range {low:g} to {high:g}")
        return self

    def check(self, values: Values) -> None:
        """Raise :class:`FrameInvalid` if the mat cannot have measured ``values``, shape = (rows, columns)."""
        if values.shape != (self.rows, self.columns):
            raise FrameInvalid(
                f"it has {' x '.join(map(str, values.shape))} values, and the mat {self.rows} x {self.columns}. "
                "Correct rows and columns in bed.toml"
            )
        if not np.isfinite(values).all():
            row, column = np.argwhere(~np.isfinite(values))[0]
            raise FrameInvalid(f"the value in row {row + 1}, column {column + 1} is no number")
        low, high = self.range
        if values.min() < low or values.max() > high:
            raise FrameInvalid(
                f"its values are {values.min():g} to {values.max():g}, and the mat's range is {low:g} to {high:g}. "
                "Correct range in bed.toml"
            )
        if values.max() == values.min() and not (self.zero_when_empty and values.max() == low):
            raise FrameInvalid(
                f"all sensors have the value {values.max():g}, as those of a disconnected mat. If an empty bed is like "
                "that, set zero_when_empty = true in bed.toml"
            )

    def is_empty(self, values: Values) -> bool:
        """Return whether nobody lies on the mat."""
        return bool(values.mean() < self.empty_below)

    def picture(self, values: Values) -> bytes:
        """Return the values as a JPEG file like those that the bundled posture model was trained on.

        The full scale of the picture is the value that .4 % of the sensors exceed, as in the training data: the range
        of the mat does not matter, and a light person on a mat for heavy ones is no dark picture.
        """
        low = self.range[0]
        shares = (self._upright(values) - low) / (self.range[1] - low)
        full = max(float(np.quantile(shares, 1 - _SATURATED)), _LEAST_GAIN)
        return heat_map(np.clip(shares / full, 0, 1))

    def _upright(self, values: Values) -> Values:
        """Return the values with the head in the first row and the patient's left hand in the first column."""
        upright, head, left = values, self.head, self.left
        if head.endswith("column"):
            upright = upright.T
        if head.startswith("last"):
            upright = upright[::-1]
        return upright[:, ::-1] if left.startswith("last") else upright
