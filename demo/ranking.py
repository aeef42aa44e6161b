"""A contact sheet of ranked runners, best first, with the people that were not ranked and the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from demo.template import file_links, link, plot_links, render
from sightline.ranking import RankedPerson
from sightline.registry import ModelRecord

__all__ = ["write_ranking"]

_PLOTS = ("roc", "scores", "training")
_QUALITY = 90


def write_ranking(
    result: dict[str, Any], stages: dict[str, Any], model: ModelRecord, folder: Path, crops: Path, page: Path
) -> None:
    """Write the page of a ``rank-images`` result and a ``sightline stages`` result, given as JSON objects.

    ``folder`` contains the model's files; the people are cropped from the photos into ``crops``. All files must be in
    the page's folder.
    """
    people = [RankedPerson.model_validate_json(line) for line in Path(result["results"]).read_bytes().splitlines()]
    crops.mkdir(parents=True, exist_ok=True)
    render(
        "ranking.html.j2",
        page,
        **{name: result[name] for name in ("images", "ranked", "low_confidence", "rejected", "arms_bonus")},
        model=model,
        metrics=model.metrics,
        tiles=[_tile(person, crops, page) for person in people if person.ranking is not None],
        not_ranked=[_not_ranked(person) for person in people if person.ranking is None],
        stages=stages["stages"],
        plots=plot_links(folder, _PLOTS, page),
        files=file_links(
            {
                "Results, one record per line": result["results"],
                "Results as Parquet": result["table"],
                "Contact sheet as one image": result["sheet"],
            },
            page,
        ),
    )


def _tile(person: RankedPerson, crops: Path, page: Path) -> dict[str, Any]:
    """Crop the person from the photo, and return the tile."""
    from PIL import Image

    photo = Path(person.uri)
    crop = crops / f"{photo.stem}-p{person.person}.jpg"
    with Image.open(photo) as image:
        image.convert("RGB").crop(person.box).save(crop, quality=_QUALITY)
    return {
        "name": photo.name,
        "person": person.person,
        "src": link(crop, page),
        "score": person.score,
        "ranking": person.ranking,
        "raised": person.arms_above_head,
    }


def _not_ranked(person: RankedPerson) -> dict[str, Any]:
    return {
        "name": Path(person.uri).name,
        "person": person.person,
        "reason": (person.reason or "").replace("_", " "),
        "detail": person.detail,
    }
