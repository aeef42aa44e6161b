"""A model that is damaged, missing or loading never keeps the others from being served, and is named."""

from __future__ import annotations

import shutil
import threading
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from api import preparers
from api.preparers import Preparer
from sightline.registry import Registry
from sightline.vision import load_classifier
from tests.api.serving import DARK, Running, await_true, publish_ranker, serving, settings_for
from tests.images import publish_by_brightness

pytestmark = pytest.mark.usefixtures("no_bundled_models")

SERVED, OTHERS = "vehicles", ("posture", "running-style")


def break_head(root: Path, name: str) -> None:
    file = root / name / "1" / ("ranker.onnx" if name == "running-style" else "head.safetensors")
    file.write_bytes(file.read_bytes()[:-1])


def break_record(root: Path, name: str) -> None:
    (root / name / "1" / "record.json").write_text("{}")


def break_pointer(root: Path, name: str) -> None:
    (root / name / "current.json").write_text("[")


def remove_files(root: Path, name: str) -> None:
    for file in (root / name / "1").iterdir():
        if file.name not in ("record.json", "claim"):
            file.unlink()


def publish(registry: Registry, name: str) -> None:
    if name == "running-style":
        publish_ranker(registry)
    else:
        publish_by_brightness(registry, name)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    registry = Registry(tmp_path / "models", builtin=tmp_path / "none")
    publish_by_brightness(registry)
    return registry


def classify(running: Running, model: str = SERVED) -> httpx.Response:
    return running.client.post("/classify", params={"model": model}, json={"images": [DARK]})


def readiness(running: Running, **query: Any) -> tuple[int, dict[str, str]]:
    response = running.client.get("/ready", params=query)
    return response.status_code, response.json()["not_served"]


@pytest.mark.parametrize("damage", [break_head, break_record, break_pointer, remove_files])
@pytest.mark.parametrize("required", [True, False])
def test_damaged_first_version_of_other_models_takes_down_no_model(
    damage: Callable[[Path, str], None], *, required: bool, registry: Registry, tmp_path: Path
) -> None:
    changes: dict[str, Any] = {"api_models": [SERVED, *OTHERS]} if required else {}
    with serving(settings_for(Path(str(registry.root)), **changes)) as running:
        status, not_served = readiness(running)
        assert status == 200
        assert set(not_served) == set(OTHERS)
        assert all("Train it with" in reason for reason in not_served.values())
        # Published elsewhere: the service never sees an intact version.
        elsewhere = Registry(tmp_path / "elsewhere", builtin=tmp_path / "none")
        for name in OTHERS:
            publish(elsewhere, name)
            damage(tmp_path / "elsewhere", name)
            shutil.copytree(tmp_path / "elsewhere" / name, Path(str(registry.root)) / name)
        statuses = set()

        def are_reported() -> bool:
            status, not_served = readiness(running)
            statuses.add(status)
            return all("cannot be" in reason for reason in not_served.values())

        await_true(are_reported)
        assert statuses == {200}
        assert set(readiness(running)[1]) == set(OTHERS)
        assert classify(running).status_code == 200
        assert classify(running, "posture").json()["reason"] == "model_damaged"


def test_first_version_that_loads_slowly_delays_no_other_model(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    loading, go_on = threading.Event(), threading.Event()

    def slow(registry: Registry, name: str, **options: Any) -> Any:
        if name.startswith("posture"):
            loading.set()
            assert go_on.wait(60)
        return load_classifier(registry, name, **options)

    monkeypatch.setattr("api.served_model.load_classifier", slow)
    with serving(settings_for(Path(str(registry.root)))) as running:
        publish_by_brightness(registry, "posture")
        assert loading.wait(60)
        assert readiness(running) == (200, {
            "posture": "it is loading", "running-style": readiness(running)[1]["running-style"],
        })  # fmt: skip
        response = classify(running, "posture")
        assert (response.status_code, response.json()["reason"]) == (503, "model_loading")
        publish_by_brightness(registry)  # a new version of another model is taken into use meanwhile
        await_true(lambda: classify(running).json()["model"] == "vehicles/2")
        go_on.set()
        await_true(lambda: "posture" not in readiness(running)[1])


def test_readiness_of_certain_models(registry: Registry) -> None:
    with serving(settings_for(Path(str(registry.root)))) as running:
        for models, status in (([SERVED], 200), ([SERVED, "posture"], 503), (["posture"], 503), (["vehicles/1"], 200)):
            assert readiness(running, model=models)[0] == status
        response = running.client.get("/ready", params={"model": "unknown"})
        assert (response.status_code, response.json()["reason"]) == (404, "model_not_served")


def test_damaged_person_detection_takes_down_no_model(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = True

    def create() -> Preparer:
        if broken:
            raise RuntimeError("pose_landmark.tflite is truncated")
        return Preparer()

    monkeypatch.setattr(preparers, "Preparer", create)
    monkeypatch.setattr(preparers, "_RETRY_SECONDS", 0.1)
    publish_ranker(registry)
    with serving(settings_for(Path(str(registry.root)))) as running:
        assert "pose_landmark.tflite is truncated" in readiness(running)[1]["people in photos"]
        assert classify(running).status_code == 200
        for path in ("/lower-body", "/image-ranking/running-style"):
            response = running.client.post(path, json={"image_base64": DARK})
            assert (response.status_code, response.json()["reason"]) == (503, "model_damaged")
            response = running.client.post(path, json={"image_base64": b64encode(b"text").decode()})
            assert (response.status_code, response.json()["reason"]) == (422, "not_an_image")
        broken = False
        await_true(lambda: "people in photos" not in readiness(running)[1])
        response = running.client.post("/lower-body", json={"image_base64": DARK})
        assert (response.status_code, response.json()["reason"]) == (404, "no_lower_body")


def test_person_detection_is_loaded_for_the_first_photo(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = threading.Event()

    def create() -> Preparer:
        loaded.set()
        return Preparer()

    monkeypatch.setattr(preparers, "Preparer", create)
    with serving(settings_for(Path(str(registry.root)))) as running:
        assert "people in photos" not in readiness(running)[1]
        assert classify(running).status_code == 200
        assert not loaded.is_set()
        response = running.client.post("/lower-body", json={"image_base64": DARK})
        assert (response.status_code, response.json()["reason"]) == (404, "no_lower_body")
        assert loaded.is_set()


UNUSABLE: list[tuple[dict[str, Any], int, str]] = [
    ({}, 400, "no_images"),
    ({"images": []}, 400, "no_images"),
    ({"image": DARK}, 422, "body.image: is not a known field. Did you mean images?"),
    ({"body": "{"}, 400, "no_images"),
    ({"body": {"body": {}}}, 400, "no_images"),
    ({"images": 3}, 400, "no_images"),
    ({"images": ["%"]}, 400, "bad_base64"),
    ({"images": [{"s3_bucket": "b"}]}, 400, "unsupported_uri"),
    ({"image_urls": ["ftp://example.org/a.png"]}, 400, "unsupported_uri"),
    ({"image_urls": ["https://example.org/a.png"]}, 403, "not_allowed"),
    ({"image_data": "", "s3_bucket": "b", "s3_key": "a.png"}, 403, "not_allowed"),
    ({"images": [b64encode(b"text").decode()]}, 422, "not_an_image"),
    ({"images": [DARK] * 9}, 422, "too_many_images"),
]


@pytest.mark.parametrize("state", ["missing", "damaged"])
def test_unusable_request_to_a_model_that_is_not_in_use_gets_its_own_error(
    state: str, registry: Registry, tmp_path: Path
) -> None:
    if state == "damaged":
        for name in OTHERS:
            publish(registry, name)
            break_head(Path(str(registry.root)), name)
    with serving(settings_for(Path(str(registry.root)), api_max_images=8)) as running:
        for path in ("/predict", "/posture", "/classify?model=posture"):
            for payload, status, reason in UNUSABLE:
                response = running.client.post(path, json=payload)
                assert response.status_code == status, (path, payload, response.text)
                assert reason in response.text
            response = running.client.post(path, json={"images": ["%", DARK]})
            assert response.status_code == 503
            assert f"model_{state}" in response.text
        for photo, status, reason in (
            ("%", 400, "bad_base64"),
            (b64encode(b"text").decode(), 422, "not_an_image"),
            (DARK, 503, f"model_{state}"),
        ):
            response = running.client.post("/image-ranking/running-style", json={"image_base64": photo})
            assert (response.status_code, response.json()["reason"]) == (status, reason)
