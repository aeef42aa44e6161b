from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from demo.emotions import write_patient
from sightline.affect import load_emotion_model
from sightline.registry import Registry
from sightline.training.emotions import GateLimits, check_gate, promote_forest, publish_forest, train_forest
from tests.emotions import synthetic_table


@pytest.fixture(scope="module")
def page_and_folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The page of a small model, and its folder."""
    folder = tmp_path_factory.mktemp("demo")
    registry, table = Registry(folder / "models"), synthetic_table(sessions_per_emotion=3)
    trained = train_forest(table, repeats=1, permutations=1)
    work = folder / "work"
    work.mkdir()
    record = publish_forest(registry, "ana", table, trained, work, threshold=0.6, parameters={}, source="synthetic")
    why = promote_forest(registry, record, table, trained).why
    limits = GateLimits(
        file_threshold=10, size_threshold_mb=0.025, min_poses_per_session=5, min_valid_seconds=1,
        min_samples_per_class=3, min_emotions=2, min_total_samples=100, cooldown_hours=1,
    )  # fmt: skip
    gate = check_gate(table.sessions, limits, None, record.created, force=True)
    training: dict[str, Any] = {
        "patient": "ana", "gate": [row.model_dump() for row in gate.rows], "model": {"why": why}
    }  # fmt: skip
    probabilities = load_emotion_model(registry, "ana").predict(
        dict(zip(record.feature_input.features, table.features[0], strict=True))
    )
    prediction: dict[str, Any] = {
        "session": "clip <1>", "keyword_emotion": "sad", "emotion": max(probabilities, key=probabilities.__getitem__),
        "probabilities": probabilities, "threshold": 0.6, "review": ["the words say sad"],
    }  # fmt: skip
    page = folder / "emotions.html"
    write_patient(training, prediction, record, folder / "models" / record.name / "1", page)
    return page.read_text(encoding="utf-8"), folder


def test_page_shows_every_gate_condition_and_whether_it_was_forced(page_and_folder: tuple[str, Path]) -> None:
    rows = re.findall(r"<tr><td>(.*?)</td>.*?<td class=\"(?:yes|no)\">(.*?)</td>", page_and_folder[0], re.S)
    assert dict(rows)["Sessions in total"] == "forced"
    assert dict(rows)["Sessions per emotion"] == "✓ yes"
    assert len(rows) == 8


def test_page_compares_the_forest_with_its_baselines_on_one_scale(page_and_folder: tuple[str, Path]) -> None:
    shown = re.findall(r'aria-label="([^"]*): (\d+) %"><i style="width: ([\d.]+)%', page_and_folder[0])
    assert [name for name, *_ in shown] == ["Random forest", "Logistic regression", "Always predicting angry"]
    assert all(float(width) == pytest.approx(float(percent), abs=0.5) for _, percent, width in shown)
    assert "20" in {percent for _, percent, _ in shown}, "one of five emotions"


def test_page_states_synthetic_data_and_need_for_review(page_and_folder: tuple[str, Path]) -> None:
    assert "Synthetic data." in page_and_folder[0]
    assert "Needs review: the words say sad." in page_and_folder[0]
    assert "clip &lt;1&gt;" in page_and_folder[0]


def test_links_to_plots_and_files_are_relative_to_the_page(page_and_folder: tuple[str, Path]) -> None:
    links = [unquote(target) for target in re.findall(r'(?:src|href)="(models/[^"]*)"', page_and_folder[0])]
    files = ("confusion_matrix.png", "model.tar.gz", "record.json")
    assert {f"models/patient--ana/1/{name}" for name in files} <= set(links)
    assert all((page_and_folder[1] / target).is_file() for target in links)
