"""A contact sheet of classified images, least certain first; uncertain and rejected images are marked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from demo.template import class_colours, file_links, link, plot_links, render
from sightline.registry import ModelRecord
from sightline.vision import OUT_OF_DISTRIBUTION, ImageRecord, Outcome, read_records

__all__ = ["write_sheet"]

_PLOTS = ("confusion-matrix", "threshold", "reliability")


def write_sheet(result: dict[str, Any], model: ModelRecord, folder: Path, page: Path) -> None:
    """Write the page of a ``classify-images`` result, given as a JSON object.

    ``folder`` contains the model's files. All files must be in the page's folder.
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
        plots=plot_links(folder, _PLOTS, page),
        files=file_links(
            {
                "Results, one record per line": result["results"],
                "Results as Parquet": result["table"],
                "Images to review": result["review"],
                "Capture files": result["capture"],
            },
            page,
        ),
    )


def _tiles(records: list[ImageRecord], outcome: Outcome, page: Path) -> list[dict[str, Any]]:
    """Return the tiles of the images with this outcome, least certain first."""
    selected = [record for record in records if record.outcome is outcome]
    return [_tile(record, page) for record in sorted(selected, key=lambda record: record.confidence or 0.0)]


def _tile(record: ImageRecord, page: Path) -> dict[str, Any]:
    ranked = sorted((record.probabilities or {}).items(), key=lambda pair: -pair[1])
    return {
        "name": Path(record.uri).name,
        "src": link(Path(record.uri), page),
        "label": record.class_name,
        "confidence": record.confidence,
        "second": ranked[1] if len(ranked) > 1 else None,
        "reason": (record.reason or "").replace("_", " "),
        "unknown": record.reason == OUT_OF_DISTRIBUTION,
        "detail": record.detail,
    }
