"""The page of a ranking: the best photos, each with its best person, and the numbers of photos and people."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sightline.ranking.photos import RankedPhoto

if TYPE_CHECKING:
    from sightline.ranking.results import RankingSummary

__all__ = ["PAGE", "SHOWN", "page_of"]

PAGE = "ranking.html"
SHOWN = 120
"""The number of photos that a page shows."""

_COPIES = 3  # named below a photo; the others are counted


def page_of(
    photos: Sequence[RankedPhoto], thumbnails: Mapping[tuple[str, int], bytes], summary: RankingSummary, model: str
) -> str:
    """Return the page, one HTML file without other files.

    Args:
        photos: The photos, best first.
        thumbnails: JPEG files of people, by the photo's URI and the person's number.
        summary: The counts.
        model: The label of the model.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("sightline.ranking", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    ranked = [photo for photo in photos if photo.ranking is not None]
    tiles = [_tile(photo, photos, thumbnails) for photo in ranked if photo.best_of_group][:SHOWN]
    others = [photo for photo in photos if photo.ranking is None]
    return environment.get_template("page.html.j2").render(
        model=model,
        summary=summary,
        tiles=tiles,
        different=sum(photo.best_of_group for photo in ranked),
        others=[{"name": _name(photo), "reason": (photo.reason or "").replace("_", " ")} for photo in others[:SHOWN]],
        more=max(0, len(others) - SHOWN),
    )


def _tile(
    photo: RankedPhoto, photos: Sequence[RankedPhoto], thumbnails: Mapping[tuple[str, int], bytes]
) -> dict[str, Any]:
    thumbnail = thumbnails.get((photo.uri, photo.person or 0))
    return {
        "name": _name(photo),
        "ranking": photo.ranking,
        "people": photo.people,
        "copies": [_name(other) for other in photos if other.group == photo.group and other is not photo][:_COPIES],
        "more_copies": max(0, sum(other.group == photo.group for other in photos) - 1 - _COPIES),
        "src": f"data:image/jpeg;base64,{base64.b64encode(thumbnail).decode()}" if thumbnail else None,
    }


def _name(photo: RankedPhoto) -> str:
    return photo.uri.rpartition("/")[2]
