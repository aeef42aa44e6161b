"""Images whose class is known: from their names, or from people's answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["ImageSource", "LabelledImage"]


class LabelledImage(NamedTuple):
    """One image that a model may be trained on.

    ``name`` or one of ``folders``, those between the source and the file, contains its label, unless a table states it
    as ``label``, and the group too. ``read`` returns the file's bytes. ``answer`` is the class that people have chosen;
    it takes precedence over all of them.
    """

    name: str
    uri: str
    read: Callable[[], bytes]
    answer: str | None = None
    folders: tuple[str, ...] = ()
    label: str | None = None
    group: str | None = None


@dataclass(frozen=True)
class ImageSource:
    """Labelled images, in a fixed order. ``name`` is for the model's record: it never reveals a local folder."""

    uri: str
    name: str
    images: tuple[LabelledImage, ...]
