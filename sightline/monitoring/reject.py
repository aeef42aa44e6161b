"""What is said of a capture file that cannot be read."""

from __future__ import annotations

from sightline.errors import InvalidInput

__all__ = ["InvalidCapture"]


class InvalidCapture(InvalidInput):
    """A capture file that is not in Model Monitor's layout, or a line in it that is not in its format."""
