from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from PIL import Image

from demo.ranking import write_ranking
from demo.runners import build_photos
from sightline.pose import Box
from sightline.ranking import RankedPerson
from sightline.registry import FileEntry, ModelRecord
from sightline.vision import Outcome
from tests.images import draft

METRICS: dict[str, Any] = {
    "photos": 8, "epochs": 10, "epoch_kept": 7, "accuracy": 0.9, "accuracy_interval": (0.7, 0.97), "precision": None,
    "precision_interval": None, "recall": 0.9, "recall_interval": (0.7, 0.97), "f1": 0.9, "f1_interval": (0.8, 0.95),
    "roc_auc": 0.951, "roc_auc_interval": (0.91, 0.98),
}  # fmt: skip


@pytest.fixture
def page(tmp_path: Path) -> str:
    """The page of a photo with two ranked people, one with raised arms, and two that were not ranked."""
    Image.new("RGB", (120, 90), "red").save(tmp_path / "finish & co.png")
    known: dict[str, Any] = {"uri": str(tmp_path / "finish & co.png"), "sha256": None, "model": "running-style/1"}
    ranked: dict[str, Any] = {"outcome": Outcome.ACCEPTED}
    missing = known | {"uri": "gone.png"}
    people = [
        RankedPerson(
            **known | ranked, person=2, box=Box(60, 0, 120, 90), score=0.8, ranking=0.84, arms_above_head=True
        ),
        RankedPerson(**known | ranked, person=1, box=Box(0, 0, 60, 90), score=0.3, ranking=0.3, arms_above_head=False),
        RankedPerson(**known, person=3, outcome=Outcome.REJECTED, reason="blurred", detail="a sharpness of <12>"),
        RankedPerson(**missing, person=0, outcome=Outcome.REJECTED, reason="missing", detail="no file"),
    ]  # fmt: skip
    (tmp_path / "results.jsonl").write_text("".join(f"{person.model_dump_json()}\n" for person in people))
    result: dict[str, Any] = {
        "images": 2, "ranked": 2, "low_confidence": 0, "rejected": 2, "arms_bonus": 0.2,
        "results": str(tmp_path / "results.jsonl"), "table": str(tmp_path / "results.parquet"),
        "sheet": str(tmp_path / "sheet.jpg"),
    }  # fmt: skip
    stages = {
        "stages": [
            {"name": "prepare-train", "fresh": True, "why": "nothing has changed", "inputs": ["data/train"]},
            {"name": "train", "fresh": False, "why": "parameters changed: epochs 10 → 12", "inputs": []},
        ]
    }
    model_draft = draft(
        "running-style", metrics=METRICS, task="image-ranking",
        architecture={"backbone": "resnet18", "pretrained": False, "opset": 17},
    )  # fmt: skip
    model = ModelRecord(
        **model_draft.model_dump(), version=1, files={"ranker.onnx": FileEntry(sha256="c" * 64, size=1)}
    )
    folder = tmp_path / "models" / "running-style" / "1"
    write_ranking(result, stages, model, folder, tmp_path / "people", tmp_path / "ranking.html")
    return (tmp_path / "ranking.html").read_text("utf-8")


def test_best_person_is_first_with_the_bonus_for_raised_arms(page: str) -> None:
    first, second = re.findall(r'<figure class="tile">(.*?)</figure>', page, re.DOTALL)
    assert "0.840" in first
    assert "score 0.800" in first
    assert "↑ arms" in first
    assert 'style="left: 80.00%; width: 4.00%"' in first
    assert "0.300" in second
    assert "↑ arms" not in second


def test_every_ranked_person_has_their_own_crop(page: str, tmp_path: Path) -> None:
    sources = [unquote(source) for source in re.findall(r'<img src="(people/[^"]*)"', page)]
    assert len(set(sources)) == 2
    assert all(Image.open(tmp_path / source).size == (60, 90) for source in sources)


def test_page_states_unranked_people_stale_stages_and_undefined_metrics(page: str) -> None:
    assert "a sharpness of &lt;12&gt;" in page
    assert "gone.png" in page
    assert "parameters changed: epochs 10 → 12" in page
    assert "Synthetic data." in page
    assert "0.951 (95 %: 0.91 to 0.98)" in page
    assert "not defined" in page


def test_only_the_photo_named_broken_is_unreadable(tmp_path: Path) -> None:
    broken = []
    for file in sorted(build_photos(tmp_path / "photos", seed=7).iterdir()):
        try:
            with Image.open(file) as image:
                image.load()
        except OSError:
            broken.append(file.name)
    assert broken == ["broken-half.jpg"]
