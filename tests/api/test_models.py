"""Models are warmed up before use and replaced while requests run. A damaged new version changes nothing."""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from api.metrics import Metrics
from api.models import Models
from api.problems import Problem
from sightline.errors import InvalidSetting
from sightline.registry import Registry
from sightline.vision import BackendUnavailable, ImageClassifier
from tests.api.serving import BRIGHT, DARK, Running, await_true, serving, settings_for
from tests.images import draft, publish_by_brightness

TASK = "image-classification"


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """A new registry with a vehicles model."""
    registry = Registry(tmp_path / "models", builtin=tmp_path / "none")
    publish_by_brightness(registry)
    return registry


def models_of(registry: Registry, **changes: Any) -> Models:
    return Models(registry, settings_for(Path(str(registry.root)), **changes), Metrics())


def damage(registry: Registry, version: int) -> Path:
    """Damage the head of a version, and return its file."""
    file = Path(str(registry.root)) / "vehicles" / str(version) / "head.safetensors"
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 0xFF]))
    return file


def state_of(models: Models, name: str) -> tuple[int | None, str | None]:
    (state,) = (state for state in models.states() if state.name == name)
    return state.record.version if state.record else None, state.problem


def test_service_is_not_ready_before_its_models_are_warm(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[int] = []

    async def test() -> None:
        models = models_of(registry, api_max_batch=4)
        with pytest.raises(Problem) as caught, models.lease("vehicles", TASK):
            pass
        assert (caught.value.status, caught.value.reason) == (503, "model_loading")
        assert caught.value.headers["Retry-After"]
        assert not models.are_ready
        real = ImageClassifier.examine

        def recording(self: ImageClassifier, pixels: Any) -> Any:
            assert not models.are_ready
            batches.append(len(pixels))
            return real(self, pixels)

        monkeypatch.setattr(ImageClassifier, "examine", recording)
        await models.refresh()
        assert models.are_ready
        await models.close()

    asyncio.run(test())
    assert batches == [1, 4]


def test_missing_model_is_reported_with_its_training_command(registry: Registry) -> None:
    async def test() -> None:
        models = models_of(registry)
        await models.refresh()
        assert models.are_ready
        for name, task, command in (
            ("posture", TASK, "`sightline train-image-classifier posture DATA`"),
            ("running-style", "image-ranking", "`sightline train-ranking DATA`"),
        ):
            with pytest.raises(Problem, match=command) as caught, models.lease(name, task):
                pass
            assert (caught.value.status, caught.value.reason) == (503, "model_missing")
        publish_by_brightness(registry, "posture")
        await models.refresh()
        with models.lease("posture", TASK) as model:
            assert model.record.label == "posture/1"
        await models.close()

    asyncio.run(test())


def test_every_model_of_images_in_the_registry_is_served(registry: Registry, tmp_path: Path) -> None:
    async def test() -> None:
        publish_by_brightness(registry, "scooters")
        weights = tmp_path / "weights"
        weights.mkdir()
        (weights / "head.ubj").write_bytes(b"unused")
        registry.publish(draft("imported"), weights)
        emotions = registry.publish(draft("ana", task="patient-emotion"), weights)
        registry.promote("ana", emotions.version, metric="accuracy", value=1.0, measure_current=lambda _: 0.0, why="")
        models = models_of(registry)
        await models.refresh()
        served = {state.name for state in models.states() if state.record}
        assert served == {"vehicles", "scooters"}
        publish_by_brightness(registry, "later")
        await models.refresh()
        with models.lease("later", TASK) as model:
            assert model.record.label == "later/1"
        await models.close()

    asyncio.run(test())


def test_models_that_the_settings_do_not_name_are_not_served(registry: Registry) -> None:
    async def test() -> None:
        publish_by_brightness(registry, "scooters")
        models = models_of(registry, api_models=["vehicles"])
        await models.refresh()
        with pytest.raises(Problem, match="add it to API_MODELS"), models.lease("scooters", TASK):
            pass
        await models.close()

    asyncio.run(test())


def test_service_needs_one_of_the_models_that_the_settings_name(registry: Registry) -> None:
    async def test() -> None:
        models = models_of(registry, api_models=["posture", "maps"])
        await models.refresh()
        assert not models.are_ready
        publish_by_brightness(registry, "posture")
        await models.refresh()
        assert models.are_ready
        assert models.is_in_use("posture")
        assert not models.is_in_use("maps")
        await models.close()

    asyncio.run(test())


def test_version_named_by_the_settings_stays_in_use(registry: Registry) -> None:
    async def test() -> None:
        models = models_of(registry, api_models=["vehicles/1"])
        await models.refresh()
        publish_by_brightness(registry)
        await models.refresh()
        assert state_of(models, "vehicles/1") == (1, None)
        with models.lease("vehicles/1", TASK) as model:
            assert model.record.version == 1
        await models.close()

    asyncio.run(test())


def test_settings_of_the_posture_model_apply(registry: Registry) -> None:
    for _ in range(2):
        publish_by_brightness(registry, "posture", classes=("left", "right"))

    async def test() -> None:
        models = models_of(registry, embed_model_key="posture/1/backbone.safetensors", classes=["right", "left"])
        await models.refresh()
        version, problem = state_of(models, "posture")
        assert version is None
        assert "CLASSES is right, left" in str(problem)
        await models.close()
        models = models_of(registry, embed_model_key="posture/1/backbone.safetensors", classes=["left", "right"])
        await models.refresh()
        assert state_of(models, "posture") == (1, None)
        await models.close()

    asyncio.run(test())
    with pytest.raises(InvalidSetting, match="a pickle can run code"):
        models_of(registry, xgb_model_key="xgboost_model.pkl")


def test_damaged_new_version_leaves_the_old_one_in_use(registry: Registry, caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        metrics = Metrics()
        models = Models(registry, settings_for(Path(str(registry.root))), metrics)
        await models.refresh()
        publish_by_brightness(registry)
        good = (Path(str(registry.root)) / "vehicles/2/head.safetensors").read_bytes()
        file = damage(registry, 2)
        with caplog.at_level(logging.ERROR, "api.models"):
            await models.refresh()
            await models.refresh()
        assert [entry.levelname for entry in caplog.records if entry.name == "api.models"].count(
            "ERROR"
        ) == 1  # not at every refresh
        version, problem = state_of(models, "vehicles")
        assert version == 1
        assert problem is not None
        assert "version 2 cannot be loaded" in problem
        assert "head.safetensors" in problem
        assert models.are_ready
        assert metrics._registry.get_sample_value("sightline_model_load_failures_total", {"model": "vehicles"}) == 2
        with models.lease("vehicles", TASK) as model:
            assert model.record.version == 1
        file.write_bytes(good)
        await models.refresh()
        assert state_of(models, "vehicles") == (2, None)
        assert metrics._registry.get_sample_value("sightline_model_version", {"model": "vehicles"}) == 2
        await models.close()

    asyncio.run(test())


def test_damaged_only_version_is_reported(registry: Registry) -> None:
    async def test() -> None:
        damage(registry, 1)
        models = models_of(registry)
        await models.refresh()
        assert not models.are_ready
        with pytest.raises(Problem, match="cannot be loaded") as caught, models.lease("vehicles", TASK):
            pass
        assert (caught.value.status, caught.value.reason) == (503, "model_damaged")
        await models.close()

    asyncio.run(test())


def test_unavailable_storage_changes_nothing(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        models = models_of(registry)
        await models.refresh()

        def fail(*_: Any) -> None:
            raise OSError("the network is down")

        with monkeypatch.context() as patch:
            patch.setattr(registry, "current", fail)
            await models.refresh()
            version, problem = state_of(models, "vehicles")
            assert version == 1
            assert "the network is down" in str(problem)
        await models.refresh()
        assert state_of(models, "vehicles") == (1, None)
        await models.close()

    asyncio.run(test())


def test_request_in_progress_keeps_its_version(registry: Registry) -> None:
    async def test() -> None:
        models = models_of(registry)
        await models.refresh()
        with models.lease("vehicles", TASK) as old:
            publish_by_brightness(registry)
            await models.refresh()
            assert len(models._retiring) == 1
            with models.lease("vehicles", TASK) as new:
                assert (old.record.version, new.record.version) == (1, 2)
            (row,) = await old.predict([np.zeros((32, 32, 3), np.uint8)])
            assert row.probabilities[0] > 0.9
        async with asyncio.timeout(10):
            while models._retiring:
                await asyncio.sleep(0.01)
        with pytest.raises(RuntimeError, match="closed"):
            await old._batcher.submit([np.zeros((32, 32, 3), np.uint8)])
        await models.close()

    asyncio.run(test())


def test_models_replaced_under_load_drop_no_request(registry: Registry) -> None:
    config = settings_for(Path(str(registry.root)), api_models=["vehicles"])
    with serving(config) as running:
        responses: list[httpx.Response] = []
        stop = threading.Event()

        def send_requests() -> None:
            with httpx.Client(base_url=running.url, trust_env=False, timeout=60) as client:
                while not stop.is_set():
                    responses.append(client.post("/classify", json={"images": [DARK, BRIGHT]}))

        threads = [threading.Thread(target=send_requests) for _ in range(6)]
        for thread in threads:
            thread.start()
        for version in (2, 3):
            publish_by_brightness(registry)
            await_true(lambda version=version: version_of(running) == version)  # type: ignore[misc]
        registry.rollback("vehicles", 1)
        await_true(lambda: version_of(running) == 1)
        stop.set()
        for thread in threads:
            thread.join()
    assert {response.status_code for response in responses} == {200}
    assert {tuple(response.json()["predictions"]) for response in responses} == {("bicycle", "motorcycle")}
    assert {response.json()["model"] for response in responses} == {"vehicles/1", "vehicles/2", "vehicles/3"}


def version_of(running: Running) -> Any:
    return running.client.get("/ready").json()["models"][0]["version"]


def test_failing_model_is_a_problem(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise BackendUnavailable("vehicles/1 on x: its output overflows")

    monkeypatch.setattr(ImageClassifier, "examine", fail)
    response = running.client.post("/classify", json={"images": [DARK]})
    assert (response.status_code, response.json()["reason"]) == (503, "model_failed")
    assert "overflows" in response.json()["detail"]


def test_concurrent_requests_share_a_forward_pass(running: Running) -> None:
    def post(_: int) -> list[str]:
        predictions: list[str] = running.client.post("/classify", json={"images": [DARK]}).json()["predictions"]
        return predictions

    def batch_metrics() -> tuple[float, float]:
        return running.metric("batch_images_count", model="vehicles"), running.metric(
            "batch_images_sum", model="vehicles"
        )

    passes, images = batch_metrics()
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(post, range(64))) == [["bicycle"]] * 64
    more_passes, more_images = batch_metrics()
    assert more_images - images == 64
    assert more_passes - passes < 64
