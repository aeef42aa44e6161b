"""The flows that train a ranking and rank photos, with a Prefect server, and the command that lists the stages."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from prefect.states import State

from flows.__main__ import run
from flows.rank_images import RankingResult, rank_images
from flows.train_ranking import RankingTrainingResult, train_ranking
from sightline.errors import InvalidSetting
from sightline.ranking import RankingRun
from sightline.registry import ModelNotFound, Registry, WrongTask
from sightline.settings import settings
from sightline.training.common import UnsuitableData
from sightline.training.ranking import STAGES, draw_runners, random_runner, write_runners
from tasks.ranking_training import run_stage
from tests.ranking import publish_brightness

QUICK: dict[str, Any] = {"prepared": True, "pretrained": False, "image_size": 32, "epochs": 2, "batch_size": 8}


@pytest.fixture(autouse=True)
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """The flows' registry; the results are in the test's folder too."""
    for name in ("model", "results", "outbox"):
        monkeypatch.setenv(f"{name.upper()}_BUCKET", str(tmp_path / name))
    settings.cache_clear()
    yield Registry(tmp_path / "model", builtin=tmp_path / "none")
    settings.cache_clear()


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    write_runners(tmp_path / "crops", 4, evaluate=3, people=2, prepared=True)
    return tmp_path / "crops"


def train(*arguments: Any, **options: Any) -> RankingTrainingResult:
    return train_ranking(*arguments, **(QUICK | options))


def ran(result: RankingTrainingResult) -> set[str]:
    return {name for name, how in result.stages.items() if how == "ran"}


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.soak
def test_ranking_is_retrained_only_in_changed_stages(crops: Path, registry: Registry, prefect_server: str) -> None:
    state: State[RankingTrainingResult] = train_ranking(str(crops), **QUICK, return_state=True)
    first = state.result()
    assert (first.name, first.version, first.synthetic) == ("running-style", 1, True)
    assert not first.promoted  # twelve photos do not show that it is better than a guess
    assert ran(first) == set(STAGES)
    assert (first.train + first.validation, first.evaluated, first.dropped) == (16, 12, {})
    assert all(Path(plot).is_file() for plot in first.plots)
    assert registry.record("running-style/1").version == 1

    second = train(str(crops), epochs=3)
    assert ran(second) == {"train", "evaluate", "export"}
    again = train_ranking(again="running-style/1")
    assert (ran(again), again.version) == (set(), 3)
    assert again.metrics == first.metrics

    Image.new("RGB", (30, 40), "red").save(crops / "evaluate" / "lower_body" / "bad" / "another.png")
    with pytest.raises(
        UnsuitableData, match="the data of evaluate differ from those that running-style/1 was trained on"
    ):
        train_ranking(again="running-style/1")
    assert ran(train(str(crops))) == {"prepare-evaluate", "featurize-evaluate", "evaluate"}

    page = _artifact(prefect_server, state, "ranking-model")
    assert "The photos are synthetic" in page
    assert "flowchart TD" in page
    assert all(f"| {stage} | ran | has not been run |" in page for stage in STAGES)
    assert run_stage.task_run_name == "{stage}"


@pytest.mark.integration
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, InvalidSetting, "needs two folders, GOOD and BAD, or DATA"),
        ({"again": "running-style/1", "epochs": 4}, InvalidSetting, "Omit epochs"),
        ({"again": "vehicles"}, WrongTask, "is a model for image-classification, not for ranking"),
        (
            {"again": "sitting-style"},
            ModelNotFound,
            "Train it with `sightline train-ranking DATA --name sitting-style`",
        ),
        ({"data": "/nowhere"}, UnsuitableData, "has no image in train/bad"),
    ],
)
def test_invalid_training_is_rejected_before_it_starts(
    options: dict[str, Any], error: type[Exception], message: str, registry: Registry
) -> None:
    publish_brightness(registry)
    publish_brightness(registry, "vehicles", task="image-classification", parameters={})
    with pytest.raises(error, match=message):
        train_ranking(**options)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three photos: of two people, of nobody, and a truncated one."""
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(2)
    Image.fromarray(draw_runners([random_runner(rng, "good"), random_runner(rng, "bad")], rng)).save(folder / "a.png")
    Image.new("RGB", (90, 60), "grey").save(folder / "b.png")
    (folder / "c.png").write_bytes((folder / "a.png").read_bytes()[:5000])
    return folder


@pytest.mark.integration
def test_photos_are_ranked_once_and_shown(photos: Path, registry: Registry, prefect_server: str) -> None:
    publish_brightness(registry)
    state: State[RankingResult] = rank_images(str(photos), chunk_size=1, return_state=True)
    result = state.result()
    assert (result.images, result.ranked, result.low_confidence, result.rejected) == (3, 2, 0, 2)
    assert result.reasons == {"nobody_found": 1, "truncated": 1}
    assert (result.model, result.arms_bonus, result.processed) == ("running-style/1", 0.1, True)
    lines = [json.loads(line) for line in Path(result.results).read_bytes().splitlines()]
    assert [line["ranking"] is not None for line in lines] == [True, True, False, False]
    assert lines[0]["ranking"] >= lines[1]["ranking"]
    assert {(line["uri"], line["person"]) for line in lines[:2]} == {(str(photos / "a.png"), n) for n in (1, 2)}
    assert result.best == str(photos / "a.png")
    assert Image.open(result.sheet).format == "JPEG"
    assert Path(result.table).is_file()
    assert "running-style/1" in _artifact(prefect_server, state, "best-ranked", "description")

    skipped: State[RankingResult] = rank_images(str(photos), chunk_size=1, return_state=True)
    assert skipped.name == "Skipped"
    assert skipped.result() == result.model_copy(update={"processed": False})


@pytest.mark.integration
def test_interrupted_ranking_resumes_where_it_stopped(
    photos: Path, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_brightness(registry)
    output = str(tmp_path / "out")
    stored: list[int] = []
    keep = RankingRun.keep

    def fail_at_third(self: RankingRun, number: int, ranked: Any) -> None:
        if len(stored) == 2:
            raise RuntimeError("the process was stopped")
        stored.append(number)
        keep(self, number, ranked)

    monkeypatch.setattr(RankingRun, "keep", fail_at_third)
    with pytest.raises(RuntimeError, match="was stopped"):
        rank_images(str(photos), chunk_size=1, max_workers=1, output=output)
    monkeypatch.setattr(
        RankingRun, "keep", lambda self, number, ranked: (stored.append(number), keep(self, number, ranked))
    )
    assert rank_images(str(photos), chunk_size=1, output=output).images == 3
    assert sorted(stored) == [0, 1, 2]


@pytest.mark.integration
def test_model_of_another_task_is_rejected(photos: Path, registry: Registry) -> None:
    publish_brightness(registry, "vehicles", task="image-classification")
    with pytest.raises(WrongTask, match="not for ranking"):
        rank_images(str(photos), "vehicles")


def command(*arguments: str) -> tuple[int, str]:
    output = io.StringIO()
    return run(arguments, output), output.getvalue()


def test_stages_are_listed_with_and_without_data(crops: Path) -> None:
    status, output = command("stages", "ranking")
    assert status == 0
    assert output.startswith("ranking on no data\n")
    assert "needs data/train, and no data is named" in output
    options = ("--data", str(crops), "--prepared", "--no-pretrained", "--epochs", "3")
    status, output = command("stages", "ranking", *options, "--json")
    listed = json.loads(output)
    assert (status, listed["data"]) == (0, str(crops))
    assert [stage["name"] for stage in listed["stages"]] == list(STAGES)
    assert {stage["why"] for stage in listed["stages"][:3]} == {"has not been run"}
    status, output = command("stages", "ranking", *options, "--mermaid")
    assert (status, output.splitlines()[0]) == (0, "flowchart TD")


def test_stages_default_to_the_current_model_data_and_parameters(crops: Path, registry: Registry) -> None:
    parameters = {"prepared": True, "epochs": 7, "arms_bonus": 0.1, "data": {"uri": str(crops)}}
    publish_brightness(registry, parameters=parameters)
    status, output = command("stages", "ranking")
    assert status == 0
    assert output.startswith(f"ranking on {crops}\n")


def test_unreadable_stages_are_a_one_line_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("stages", "ranking", "--data", "/nowhere") == (1, "")
    assert capsys.readouterr().err.startswith("sightline: stages: /nowhere: has no image in train/bad")
    assert command("stages", "cooking") == (2, "")


def _artifact(server: str, state: State[Any], key: str, field: str = "data") -> str:
    query = {"artifacts": {"flow_run_id": {"any_": [str(state.state_details.flow_run_id)]}, "key": {"any_": [key]}}}
    [artifact] = httpx.post(f"{server}/artifacts/filter", json=query).raise_for_status().json()
    return str(artifact[field])
