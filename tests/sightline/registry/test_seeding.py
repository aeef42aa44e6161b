"""An empty registry has the built-in models, and a registry with other versions is not changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sightline import storage
from sightline.errors import StorageError
from sightline.registry import ModelDamaged, ModelDraft, ModelNotFound, Registry
from sightline.storage import Location

Draft = Callable[..., ModelDraft]


@pytest.fixture
def seeded(bucket: Location, tmp_path: Path, with_vehicles: Path) -> Registry:
    """An empty registry with a built-in vehicles model."""
    return Registry(bucket / "models", cache=tmp_path / "cache", builtin=with_vehicles)


def test_empty_registry_has_the_built_in_model(seeded: Registry, weights: Path) -> None:
    assert seeded.names() == ["vehicles"]
    files = seeded.open("vehicles")
    assert files.record.label == "vehicles/1"
    assert (files.folder / "head.ubj").read_bytes() == (weights / "head.ubj").read_bytes()
    assert seeded.versions("vehicles") == [1]
    pointer = seeded.current("vehicles")
    assert pointer
    assert [move.how for move in pointer.history] == ["seeded"]


@pytest.mark.parametrize("first", ["versions", "record", "current", "open"])
def test_every_first_call_copies_the_built_in_model(seeded: Registry, first: str) -> None:
    assert getattr(seeded, first)("vehicles")
    assert seeded.record("vehicles/1").version == 1


def test_first_training_is_compared_with_the_built_in_model(seeded: Registry, make_draft: Draft, weights: Path) -> None:
    record = seeded.publish(make_draft("vehicles"), weights)
    assert record.version == 2
    promotion = seeded.promote(
        "vehicles", 2, metric="accuracy", value=0.8, measure_current=lambda version: {1: 0.9}[version]
    )
    assert (promotion.promoted, promotion.previous) == (False, 1)
    assert seeded.record("vehicles").version == 1


def test_lost_pointer_does_not_restore_the_built_in_model(
    seeded: Registry, make_draft: Draft, weights: Path, with_vehicles: Path
) -> None:
    seeded.publish(make_draft("vehicles"), weights)
    seeded.promote("vehicles", 2, metric="accuracy", value=0.95, measure_current=lambda version: 0.9)
    assert seeded.record("vehicles").version == 2
    # A lost pointer does not make the built-in model current: another version may have been.
    storage.remove(seeded.root / "vehicles" / "current.json")
    with pytest.raises(ModelNotFound, match="there are 1, 2"):
        seeded.open("vehicles")


def test_registry_older_than_the_built_in_model_keeps_its_own(
    seeded: Registry, make_draft: Draft, weights: Path, tmp_path: Path
) -> None:
    (tmp_path / "none").mkdir()
    before = Registry(seeded.root, cache=tmp_path / "cache", builtin=tmp_path / "none")
    (weights / "head.ubj").write_bytes(b"other trees")
    record = before.publish(make_draft("vehicles"), weights)
    assert seeded.record("vehicles/1") == record
    with pytest.raises(ModelNotFound, match="none of its versions"):
        seeded.record("vehicles")
    assert seeded.versions("vehicles") == [1]


@pytest.mark.parametrize("step", range(5))
def test_seeding_killed_at_any_step_is_completed(
    seeded: Registry, killed_before: Callable[..., int], step: int
) -> None:
    assert killed_before(step, lambda: seeded.current("vehicles")) == step
    files = seeded.open("vehicles")
    assert hashlib.sha256((files.folder / "head.ubj").read_bytes()).hexdigest() == files.record.files["head.ubj"].sha256
    pointer = seeded.current("vehicles")
    assert pointer
    assert len(pointer.history) == 1


def test_twenty_concurrent_seedings_make_one_version_and_one_move(
    seeded: Registry, tmp_path: Path, with_vehicles: Path
) -> None:
    def open_model(number: int) -> str:
        concurrent = Registry(seeded.root, cache=tmp_path / "caches" / str(number), builtin=with_vehicles)
        return concurrent.open("vehicles").record.label

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(open_model, range(20))) == {"vehicles/1"}
    pointer = seeded.current("vehicles")
    assert pointer
    assert len(pointer.history) == 1
    keys = [storage.key_under(file.location, seeded.root) for file in storage.walk(seeded.root)]
    assert keys == [
        *(f"vehicles/1/{name}" for name in ("backbone.safetensors", "claim", "head.ubj", "record.json")),
        "vehicles/current.json",
    ]


def test_rollback_of_the_built_in_model_is_rejected(seeded: Registry) -> None:
    with pytest.raises(ModelNotFound, match="is the first one"):
        seeded.rollback("vehicles")


def read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(location: Location, *_: object) -> None:
        raise StorageError(f"{location}: Permission denied")

    for name in ("create", "swap", "write_bytes", "write_file"):
        monkeypatch.setattr(storage, name, refused)


def test_seeded_registry_is_read_without_write_access(seeded: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    seeded.open("vehicles")
    read_only(monkeypatch)
    assert seeded.open("vehicles").record.label == "vehicles/1"
    assert seeded.open("vehicles/1").record.label == "vehicles/1"
    assert seeded.versions("vehicles") == [1]


def test_seeding_without_write_access_raises_with_the_fix(seeded: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    read_only(monkeypatch)
    with pytest.raises(StorageError, match="Permission denied") as caught:
        seeded.open("vehicles")
    assert str(caught.value).startswith(str(seeded.root))
    assert "set MODEL_BUCKET" in str(caught.value)
    with pytest.raises(ModelNotFound, match="train-image-classifier posture"):
        seeded.open("posture")


def test_changed_built_in_file_is_rejected(seeded: Registry, with_vehicles: Path) -> None:
    (with_vehicles / "vehicles" / "head.ubj").write_bytes(b"other")
    with pytest.raises(ModelDamaged, match=r"head\.ubj"):
        seeded.open("vehicles")
