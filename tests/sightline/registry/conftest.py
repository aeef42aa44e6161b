"""Empty registries, in a folder and on S3, and small models."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sightline import storage
from sightline.registry import DataVersion, ImageInput, ModelDraft, ModelRecord, Registry
from sightline.storage import Location


def draft_of(name: str = "posture", **other: Any) -> ModelDraft:
    """Return a draft as a training creates it."""
    fields: dict[str, Any] = {
        "name": name,
        "created": datetime(2026, 1, 31, 20, 13, 58, tzinfo=UTC),
        "task": "image-classification",
        "architecture": {"backbone": "small", "head": "linear"},
        "classes": ("left", "right"),
        "input": ImageInput(width=58, height=130, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)),
        "threshold": 0.93,
        "temperature": 1.2,
        "data": DataVersion(
            manifest_sha256="a" * 64,
            test_sha256="b" * 64,
            samples=100,
            train=60,
            validation=20,
            test=20,
            groups=10,
            source="maps",
            synthetic=False,
        ),
        "parameters": {"epochs": 20, "shares": (0.6, 0.2, 0.2)},
        "seed": 42,
        "metrics": {"macro_f1": 0.98},
        "code_version": "0.1.0",
        "libraries": {"torch": "2.15.0"},
    }
    return ModelDraft(**fields | other)


class Killed(BaseException):
    """The process is killed."""


@pytest.fixture
def killed_before(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Return a function that kills ``work`` after ``steps`` changes, and returns their number."""

    def run(steps: int, work: Callable[[], object]) -> int:
        done = 0

        def counted(function: Callable[..., object]) -> Callable[..., object]:
            def change(*arguments: object) -> object:
                nonlocal done
                if done == steps:
                    raise Killed
                done += 1
                return function(*arguments)

            return change

        with monkeypatch.context() as patch:
            # A swap without an old content is a create, and counted as one.
            for name in ("create", "write_file", "write_bytes"):
                patch.setattr(storage, name, counted(getattr(storage, name)))
            with pytest.raises(Killed):
                work()
        return done

    return run


@pytest.fixture
def make_draft() -> Callable[..., ModelDraft]:
    """Return a function that creates a draft, with any field changed."""
    return draft_of


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A folder with the files of a training."""
    folder = tmp_path / "trained"
    folder.mkdir()
    (folder / "backbone.safetensors").write_bytes(bytes(range(256)) * 40)
    (folder / "head.ubj").write_bytes(b"trees")
    return folder


@pytest.fixture
def builtin(tmp_path: Path) -> Path:
    """An empty folder of built-in models."""
    folder = tmp_path / "builtin"
    folder.mkdir()
    return folder


@pytest.fixture
def with_vehicles(builtin: Path, tmp_path: Path, weights: Path) -> Path:
    """A folder of built-in models with a vehicles model, created like the real one: published and copied."""
    original = Registry(tmp_path / "original", builtin=builtin)
    record = original.publish(draft_of("vehicles", classes=("bicycle", "motorcycle")), weights)
    (builtin / "vehicles").mkdir()
    for name in ("record.json", *record.files):
        (builtin / "vehicles" / name).write_bytes((tmp_path / "original" / "vehicles" / "1" / name).read_bytes())
    return builtin


@pytest.fixture
def registry(bucket: Location, tmp_path: Path, builtin: Path) -> Registry:
    """An empty registry, in a folder and on S3."""
    return Registry(bucket / "models", cache=tmp_path / "cache", builtin=builtin)


@pytest.fixture
def published(registry: Registry, weights: Path) -> ModelRecord:
    """The first version of posture; it is current."""
    record = registry.publish(draft_of(), weights)
    registry.promote("posture", 1, metric="macro_f1", value=0.98, measure_current=lambda version: 0.0)
    return record
