"""The flows that train, promote and roll back image classifiers, with a Prefect server."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect.states import State

from flows.__main__ import run
from flows.rollback_model import rollback_model
from flows.synthesize_pressure_maps import synthesize_pressure_maps
from flows.train_image_classifier import ImageTrainingResult, train_image_classifier
from sightline.errors import InvalidInput, InvalidSetting
from sightline.registry import InvalidModelName, ModelNotFound, Registry
from sightline.reviews import Reviews
from sightline.settings import settings
from tests.reviewing import answer, question
from tests.training import QUICK

pytestmark = pytest.mark.integration


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """The registry that the flows use."""
    monkeypatch.setenv("MODEL_BUCKET", str(tmp_path / "models"))
    monkeypatch.setenv("REVIEWS_BUCKET", str(tmp_path / "reviews"))
    monkeypatch.setenv("DEVICE", "cpu")
    settings.cache_clear()
    yield Registry(tmp_path / "models")
    settings.cache_clear()


@pytest.fixture(scope="module")
def maps(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("maps")
    result = synthesize_pressure_maps(str(folder), count=180, people=6, seed=1)
    assert result.maps == len(list(folder.glob("*.jpg"))) == 180
    assert result.postures == dict.fromkeys(("left", "right", "supine", "outofbed", "prone"), 36)
    (folder / "left_synthetic-s01_9999.jpg").write_bytes(b"cut off")
    return str(folder)


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("preset") / "quick.toml"
    path.write_text(QUICK)
    return str(path)


def review(maps: str, folder: Path) -> None:
    """Store an image with the label left, and a person's answer that confirms it."""
    image = folder / "visit.jpg"
    image.write_bytes(next(Path(maps).glob("left_*_00*.jpg")).read_bytes() + b"\0")
    stored_question = question(
        uri=str(image), sha256=hashlib.sha256(image.read_bytes()).hexdigest(), model="bed/1", choices=("left",)
    )
    Reviews(folder / "reviews").answer(stored_question, answer("left"))


@pytest.fixture(scope="module")
def trained(
    maps: str, quick: str, prefect_server: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, ImageTrainingResult]:
    """A registry's folder with a model that was trained without the existing review, and the training's result."""
    folder = tmp_path_factory.mktemp("trained")
    review(maps, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODEL_BUCKET", str(folder / "models"))
        patch.setenv("REVIEWS_BUCKET", str(folder / "reviews"))
        patch.setenv("DEVICE", "cpu")
        settings.cache_clear()
        result = train("bed", maps, preset=quick, reviews=False).result()
    settings.cache_clear()
    return folder / "models", result


def train(*arguments: Any, **options: Any) -> State[ImageTrainingResult]:
    return train_image_classifier(*arguments, return_state=True, **options)


@pytest.mark.slow
@pytest.mark.soak
def test_model_is_trained_published_promoted_and_rolled_back(
    maps: str, quick: str, registry: Registry, prefect_server: str
) -> None:
    state = train("bed", maps, preset=quick, cross_validate=True, compare=True)
    first = state.result()
    assert (first.name, first.version, first.promoted, first.unusable) == ("bed", 1, True, 1)
    assert (first.backbone, first.pretrained, first.head) == ("baseline_cnn", False, "xgboost")
    assert first.synthetic
    assert first.macro_f1 > 0.7
    assert first.train + first.validation + first.test == first.images == 180
    assert first.cross_validation
    assert len(first.cross_validation.folds) == 3
    assert {row.backbone for row in first.comparison} == {"baseline_cnn", "mobilenet_v3_small"}
    assert all(Path(plot).is_file() for plot in first.plots)
    record = registry.record("bed")
    assert record.metrics["cross_validation"]["macro_f1"] == first.cross_validation.macro_f1
    assert "left_synthetic-s01_9999.jpg" in (Path(first.folder) / "unusable.csv").read_text()

    in_cooldown = train("bed", maps, preset=quick, cooldown_hours=1)
    assert (in_cooldown.name, in_cooldown.result()) == ("Skipped", None)
    assert "bed/1 was trained at" in str(in_cooldown.message)
    unchanged = train("bed", maps, preset=quick, cooldown_hours=0)
    assert unchanged.name == "Skipped"
    assert "bed/1 was trained on the same 180 images" in str(unchanged.message)

    again = train("bed", maps, preset=quick, why="drift of bed/1").result()
    assert (again.version, again.promoted) == (2, True), "the same seed gives the same model, which is equally good"
    pointer = registry.current("bed")
    assert pointer
    assert pointer.history[-1].why == again.why
    assert again.why.startswith("drift of bed/1; bed/1 was tested on the same")
    assert registry.record("bed").parameters["data"] == maps
    assert again.macro_f1 == first.macro_f1
    back = rollback_model("bed")
    assert (back.version, back.before, registry.record("bed").version) == (1, 2, 1)
    assert rollback_model("bed", to=2).version == 2
    with pytest.raises(ModelNotFound, match="no such version"):
        rollback_model("bed", to=7)

    shown = _artifacts(prefect_server, state)
    assert {"model", "model-selection", "progress-fit-model", "progress-read-images"} <= set(shown)
    assert "The images are synthetic" in shown["model"]
    assert "left_synthetic-s01_9999.jpg" in shown["model"]
    assert "mobilenet_v3_small" in shown["model-selection"]
    for event in ("trained", "promoted", "rolled-back"):
        assert _event(prefect_server, f"sightline.model.{event}")


@pytest.mark.slow
def test_reviewed_images_are_trained_on_unless_disabled(
    maps: str,
    quick: str,
    registry: Registry,
    trained: tuple[Path, ImageTrainingResult],
    tmp_path: Path,
    prefect_server: str,
) -> None:
    review(maps, tmp_path)
    state = train("bed", maps, preset=quick)
    result = state.result()
    assert (result.reviewed, result.images) == (1, 181)
    assert registry.record("bed").parameters["reviews"]["reviewers"] == {"kim": 1}
    assert "Labels from reviews: 1." in _artifacts(prefect_server, state)["model"]
    _, disabled = trained
    assert (disabled.reviewed, disabled.images) == (0, 180)


def test_worse_model_is_published_but_not_promoted(
    maps: str, registry: Registry, trained: tuple[Path, ImageTrainingResult], tmp_path: Path
) -> None:
    models, good = trained
    shutil.copytree(models, tmp_path / "models")
    worse = tmp_path / "worse.toml"
    worse.write_text(
        QUICK.replace("epochs = 8", "epochs = 1").replace("trees = 10", "trees = 1").replace("1e-2", "1e-9")
    )
    bad = train("bed", maps, preset=str(worse)).result()
    assert bad.macro_f1 < good.macro_f1
    assert (bad.version, bad.promoted) == (2, False)
    assert "tested on the same" in bad.why
    assert registry.record("bed").version == 1


def test_posture_model_has_the_classes_of_the_settings(
    maps: str, quick: str, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    posture = tmp_path / "posture.toml"
    posture.write_text(QUICK.replace('name = "quick"', 'name = "posture"'))
    monkeypatch.setenv("CLASSES", '["prone", "left"]')
    settings.cache_clear()
    assert train("posture", maps, preset=str(posture)).result().classes == ("prone", "left")
    monkeypatch.setenv("CLASSES", '["prone", "standing"]')
    settings.cache_clear()
    with pytest.raises(InvalidInput, match="standing is not a class of posture"):
        train("posture", maps, preset=str(posture)).result()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"name": "dogs"}, InvalidSetting, "Or add --preset, one of cifar, images, posture, vehicles"),
        ({"name": "Posture!"}, InvalidModelName, "cannot be a model's name"),
        ({"name": "dogs", "preset": "dogs"}, InvalidInput, "there is no such preset"),
        ({"name": "posture", "data": "/nowhere"}, InvalidInput, "there is no such folder"),
        ({"name": "posture", "classes": "left,sitting"}, InvalidInput, "sitting has 0"),
    ],
)
def test_invalid_training_is_rejected_before_it_starts(
    arguments: dict[str, Any], error: type[Exception], message: str, maps: str, registry: Registry
) -> None:
    with pytest.raises(error, match=message):
        train(**{"data": maps, "pretrained": False} | arguments).result()
    assert registry.names() == ["posture", "vehicles"]


def test_command_line_trains_and_prints_json(maps: str, quick: str, registry: Registry) -> None:
    output = io.StringIO()
    status = run(
        ["train-image-classifier", "bed", maps, "--preset", quick, "--no-pretrained", "--classes", "left,prone",
         "--seed", "7", "--json"], output,
    )  # fmt: skip
    assert status == 0
    result = json.loads(output.getvalue())
    assert (result["classes"], result["version"]) == (["left", "prone"], 1)
    output = io.StringIO()
    assert run(["rollback-model", "bed", "--to", "1", "--json"], output) == 0
    assert json.loads(output.getvalue())["version"] == 1


def test_invalid_transform_is_rejected_before_data_is_read(registry: Registry, tmp_path: Path) -> None:
    invalid = tmp_path / "invalid.toml"
    invalid.write_text(QUICK.replace("batch = 8", 'batch = 8\ntransforms = [{ name = "RandomRotation", turns = 3 }]'))
    with pytest.raises(InvalidInput, match=r"RandomRotation: .*turns"):
        train("posture", "/nowhere", preset=str(invalid)).result()


def _artifacts(server: str, state: State[Any]) -> dict[str, str]:
    query = {"artifacts": {"flow_run_id": {"any_": [str(state.state_details.flow_run_id)]}}}
    return {artifact["key"]: str(artifact["data"]) for artifact in _post(server, "artifacts/filter", query)}


def _event(server: str, name: str) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:  # the server stores events asynchronously
        if _post(server, "events/filter", {"filter": {"event": {"name": [name]}}})["events"]:
            return True
        time.sleep(0.5)
    return False


def _post(server: str, path: str, body: dict[str, Any]) -> Any:
    return httpx.post(f"{server}/{path}", json=body).raise_for_status().json()
