"""A contact sheet of ranked runners: the best first, with what was left out and why, and the model behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from demo.template import link, render
from sightline.ranking import RankedPerson
from sightline.registry import ModelRecord

__all__ = ["write_ranking"]

_PLOTS = ("roc", "scores", "training")
_QUALITY = 90


def write_ranking(
    result: dict[str, Any], stages: dict[str, Any], model: ModelRecord, folder: Path, crops: Path, page: Path
) -> None:
    """Write the page of a ``rank-images`` result and what ``sightline stages`` says, given as their JSON objects.

    ``folder`` is the one of the ``model``; the people's pictures are written into ``crops``. Everything must lie in the
    folder of the page.
    """
    people = [RankedPerson.model_validate_json(line) for line in Path(result["results"]).read_bytes().splitlines()]
    crops.mkdir(parents=True, exist_ok=True)
    render(
        "ranking.html.j2",
        page,
        **{name: result[name] for name in ("images", "ranked", "low_confidence", "rejected", "arms_bonus")},
        model=model,
        metrics=model.metrics,
        tiles=[_tile(each, crops, page) for each in people if each.ranking is not None],
        left_out=[_left_out(each) for each in people if each.ranking is None],
        stages=stages["stages"],
        plots=[(name, link(folder / f"{name}.png", page)) for name in _PLOTS],
        files=[
            (name, link(Path(result[key]), page), result[key])
            for name, key in (
                ("Results, one record a line", "results"),
                ("The same as parquet", "table"),
                ("The sheet as one picture", "sheet"),
            )
        ],
    )


def _tile(person: RankedPerson, crops: Path, page: Path) -> dict[str, Any]:
    """A ranked person; the picture is cut out of the photo."""
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


def _left_out(person: RankedPerson) -> dict[str, Any]:
    return {
        "name": Path(person.uri).name,
        "person": person.person,
        "reason": (person.reason or "").replace("_", " "),
        "detail": person.detail,
    }
