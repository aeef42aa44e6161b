from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from PIL import Image

from demo.images import write_sheet
from demo.maps import build_maps
from sightline.registry import FileEntry, ModelRecord
from sightline.training.images import POSTURES
from sightline.vision import ImageRecord, Outcome
from tests.images import draft

METRICS = {
    "accuracy": 0.95, "macro_f1": 0.94, "share_accepted": 0.9, "accuracy_accepted": None,
    "ece_before": 0.05, "ece_after": 0.03, "training_seconds": 8.2,
}  # fmt: skip


def record(file: Path, confidence: float | None, reason: str | None = None, detail: str | None = None) -> ImageRecord:
    """The record of ``file``: "left" with this confidence, the rest for "right"."""
    certain = confidence is not None and confidence >= 0.93
    outcome = Outcome.REJECTED if confidence is None else Outcome.ACCEPTED if certain else Outcome.LOW_CONFIDENCE
    zeros = dict.fromkeys(POSTURES, 0.0)
    return ImageRecord(
        uri=str(file), sha256=None, class_name=None if confidence is None else "left",
        probabilities=None if confidence is None else zeros | {"left": confidence, "right": 1 - confidence},
        confidence=confidence, threshold=0.93, outcome=outcome, reason=reason, detail=detail,
        model="posture/1", timings={},
    )  # fmt: skip


@pytest.fixture
def sheet(tmp_path: Path) -> str:
    """The page of five images, given in order of decreasing confidence."""
    maps = tmp_path / "maps"
    maps.mkdir()
    records = [
        record(maps / "sure.jpg", 0.981),
        record(maps / "just enough.jpg", 0.93),
        record(maps / "text.png", None, "not_an_image", "it begins with <b>"),
        record(maps / "nearly.jpg", 0.921),
        record(maps / "50% & #1.jpg", 0.512),
    ]
    for item in records:
        Path(item.uri).touch()
    (tmp_path / "results.jsonl").write_text("".join(f"{item.model_dump_json()}\n" for item in records), "utf-8")
    result: dict[str, Any] = {
        "images": 5, "accepted": 2, "low_confidence": 2, "rejected": 1,
        "classes": dict.fromkeys(POSTURES, 0) | {"left": 4},
        "threshold": 0.93, "capture": str(tmp_path / "capture"),
        "results": str(tmp_path / "results.jsonl"), "table": str(tmp_path / "results.parquet"),
        "review": str(tmp_path / "review.jsonl"),
    }  # fmt: skip
    model_draft = draft(
        "posture",
        classes=POSTURES,
        metrics=METRICS,
        architecture={"backbone": "pressure_net", "head": "xgboost", "pretrained": False},
    )
    model = ModelRecord(**model_draft.model_dump(), version=1, files={"head.ubj": FileEntry(sha256="c" * 64, size=1)})
    write_sheet(result, model, tmp_path / "models" / "posture" / "1", tmp_path / "images.html")
    return (tmp_path / "images.html").read_text("utf-8")


def tiles(page: str) -> list[tuple[str, str]]:
    """The outcome and the HTML of every tile, in the order of the page."""
    return re.findall(r'<figure class="tile (\w+)">(.*?)</figure>', page, re.DOTALL)


def test_tiles_are_sorted_by_confidence_with_accepted_ones_last(sheet: str) -> None:
    names = ["50% &amp; #1.jpg", "nearly.jpg", "text.png", "just enough.jpg", "sure.jpg"]
    assert [outcome for outcome, _ in tiles(sheet)] == ["low_confidence"] * 2 + ["rejected"] + ["accepted"] * 2
    for name, (_, html) in zip(names, tiles(sheet), strict=True):
        assert name in html


def test_uncertain_and_rejected_tiles_state_it_in_words(sheet: str) -> None:
    for outcome, html in tiles(sheet):
        assert ("? uncertain" in html) == (outcome == "low_confidence")
        assert ("✕ rejected" in html) == (outcome == "rejected")
    rejected = next(html for outcome, html in tiles(sheet) if outcome == "rejected")
    assert "not an image" in rejected
    assert "it begins with &lt;b&gt;" in rejected
    assert "<img" not in rejected


def test_bar_shows_confidence_and_threshold_from_0_to_1(sheet: str) -> None:
    first = tiles(sheet)[0][1]
    assert 'style="width: 51.20%"' in first
    assert 'style="left: 93.00%"' in first


def test_image_links_are_relative_to_the_page_for_any_file_name(sheet: str, tmp_path: Path) -> None:
    sources = [unquote(source) for source in re.findall(r'<img src="(maps/[^"]*)"', sheet)]
    assert len(sources) == 4
    assert all((tmp_path / source).is_file() for source in sources)


def test_page_states_synthetic_data_and_model_metrics(sheet: str) -> None:
    assert "Synthetic data." in sheet
    assert "0.950 (macro-F1 0.940)" in sheet


def test_only_maps_named_broken_are_unreadable(tmp_path: Path) -> None:
    broken = []
    for file in sorted(build_maps(tmp_path / "maps", seed=7).iterdir()):
        try:
            with Image.open(file) as image:
                image.load()
                assert image.size == (58, 130)
        except OSError:
            broken.append(file.name)
    assert broken == ["broken-empty.jpg", "broken-half.jpg", "broken-text.png"]
