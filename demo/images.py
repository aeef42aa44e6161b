"""A contact sheet of classified images: the least certain first, the uncertain and the rejected ones marked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from demo.template import class_colours, link, render
from sightline.registry import ModelRecord
from sightline.vision import ImageRecord, Outcome, read_records

__all__ = ["write_sheet"]

_PLOTS = ("confusion-matrix", "threshold", "reliability")


def write_sheet(result: dict[str, Any], model: ModelRecord, folder: Path, page: Path) -> None:
    """Write the page of a ``classify-images`` result, given as its JSON object, with links relative to the page.

    ``folder`` is the one of the ``model`` that classified. Everything must lie in the folder of the page.
    """
    records = list(read_records(Path(result["results"]).read_bytes()))
    render(
        "images.html.j2",
        page,
        **{name: result[name] for name in ("images", "accepted", "low_confidence", "rejected", "threshold")},
        model=model,
        classes=list(result["classes"].items()),
        colours=class_colours(list(result["classes"])),
        tiles={outcome.value: _tiles(records, outcome, page) for outcome in Outcome},
        plots=[(name.replace("-", " "), link(folder / f"{name}.png", page)) for name in _PLOTS],
        files=[
            (name, link(Path(result[key]), page), result[key])
            for name, key in (
                ("Results, one record a line", "results"),
                ("The same as parquet", "table"),
                ("To be reviewed", "review"),
                ("Capture files", "capture"),
            )
        ],
    )


def _tiles(records: list[ImageRecord], outcome: Outcome, page: Path) -> list[dict[str, Any]]:
    """The images that ended so, the least certain first."""
    chosen = [record for record in records if record.outcome is outcome]
    return [_tile(record, page) for record in sorted(chosen, key=lambda each: each.confidence or 0.0)]


def _tile(record: ImageRecord, page: Path) -> dict[str, Any]:
    ranked = sorted((record.probabilities or {}).items(), key=lambda each: -each[1])
    return {
        "name": Path(record.uri).name,
        "src": link(Path(record.uri), page),
        "label": record.class_name,
        "confidence": record.confidence,
        "second": ranked[1] if len(ranked) > 1 else None,
        "reason": (record.reason or "").replace("_", " "),
        "detail": record.detail,
    }
