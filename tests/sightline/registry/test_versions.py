"""A version has a number, a record and the files of the record, and never changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sightline import storage
from sightline.registry import (
    FeatureInput,
    InvalidModelName,
    ModelDraft,
    ModelNotFound,
    ModelRecord,
    Registry,
    WrongTask,
)
from sightline.storage import Location

Draft = Callable[..., ModelDraft]


def test_published_version_is_read_back(registry: Registry, make_draft: Draft, weights: Path) -> None:
    published = registry.publish(make_draft(), weights)
    assert (published.name, published.version, published.label) == ("posture", 1, "posture/1")
    assert registry.record("posture", 1) == registry.record("posture/1") == published
    assert published.parameters["shares"] == [0.6, 0.2, 0.2]

    files = registry.open("posture", 1)
    assert files.record == published
    assert set(published.files) == {file.name for file in weights.iterdir()}
    for file in weights.iterdir():
        assert (files.folder / file.name).read_bytes() == file.read_bytes()


def test_files_of_versions_have_the_documented_keys(
    registry: Registry, published: ModelRecord, make_draft: Draft, weights: Path
) -> None:
    registry.publish(make_draft(), weights)
    keys = [storage.key_under(file.location, registry.root) for file in storage.walk(registry.root)]
    version = ["backbone.safetensors", "claim", "head.ubj", "record.json"]
    assert keys == [
        *(f"posture/1/{name}" for name in version),
        *(f"posture/2/{name}" for name in version),
        "posture/current.json",
    ]
    record = json.loads(storage.read_bytes(registry.root / "posture" / "1" / "record.json"))
    assert record["files"]["head.ubj"] == {"sha256": published.files["head.ubj"].sha256, "size": 5}


def test_new_version_is_not_current(
    registry: Registry, published: ModelRecord, make_draft: Draft, weights: Path
) -> None:
    assert registry.publish(make_draft(), weights).version == 2
    assert registry.versions("posture") == [1, 2]
    assert registry.record("posture") == published
    assert registry.open("posture").record.version == 1


def test_versions_are_ordered_as_numbers(registry: Registry, make_draft: Draft, weights: Path) -> None:
    assert [registry.publish(make_draft(), weights).version for _ in range(10)] == list(range(1, 11))
    assert registry.publish(make_draft(), weights).version == 11
    assert registry.versions("posture") == list(range(1, 12))


def test_other_folders_are_not_versions(
    registry: Registry, published: ModelRecord, make_draft: Draft, weights: Path
) -> None:
    for odd in ("02", "٣", "0", "notes", "9" * 20):
        storage.write_bytes(registry.root / "posture" / odd / "record.json", b"{}")
    storage.write_bytes(registry.root / "Not A Model" / "1" / "record.json", b"{}")
    assert registry.versions("posture") == [1]
    assert registry.names() == ["posture"]
    assert registry.publish(make_draft(), weights).version == 2


@pytest.mark.parametrize(
    "name", ["", "Posture", "../posture", "..", "a b", "posture\n", "-a", "a--b", "posture/1/2", "é"]
)
def test_invalid_name_is_rejected_by_every_method(
    tmp_path: Path, make_draft: Draft, weights: Path, builtin: Path, name: str
) -> None:
    registry = Registry(tmp_path / "models", cache=tmp_path / "cache", builtin=builtin)
    for attempt in (
        lambda: registry.record(name),
        lambda: registry.open(name),
        lambda: registry.current(name),
        lambda: registry.versions(name),
        lambda: registry.rollback(name),
        lambda: registry.promote(name, 1, metric="m", value=1, measure_current=lambda version: 0),
        lambda: registry.publish(make_draft(name), weights),
    ):
        with pytest.raises(InvalidModelName):
            attempt()
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize("version", ["0", "-1", "x", "", "01", "1.0", "٣", "9" * 5000])
def test_version_that_is_not_a_number_is_rejected_with_the_fix(registry: Registry, version: str) -> None:
    with pytest.raises(InvalidModelName, match="as in posture/3"):
        registry.record(f"posture/{version}")


def test_two_different_versions_are_rejected(registry: Registry, published: ModelRecord) -> None:
    assert registry.record("posture/1", 1) == published
    with pytest.raises(InvalidModelName, match="posture/1: names another version than 2"):
        registry.record("posture/1", 2)


def test_unknown_model_raises_with_the_command_that_trains_it(registry: Registry, published: ModelRecord) -> None:
    for attempt in (registry.record, registry.open, registry.rollback):
        with pytest.raises(ModelNotFound, match="sightline train-image-classifier vehicles DATA") as caught:
            attempt("vehicles")
        assert str(registry.root) in str(caught.value)
        assert "there are posture" in str(caught.value)
    with pytest.raises(ModelNotFound, match="train-image-classifier vehicles"):
        registry.record("vehicles/3")
    assert registry.current("vehicles") is None
    assert registry.versions("vehicles") == []


def test_unknown_version_raises_with_the_known_versions(registry: Registry, published: ModelRecord) -> None:
    with pytest.raises(ModelNotFound, match=r"posture/7: .* there are 1"):
        registry.open("posture/7")
    with pytest.raises(ModelNotFound, match="posture/7"):
        registry.promote("posture", 7, metric="macro_f1", value=1.0, measure_current=lambda version: 0.0)
    with pytest.raises(ModelNotFound, match="posture/7"):
        registry.rollback("posture/7")
    assert registry.record("posture").version == 1


def test_model_without_a_current_version_raises_with_the_fix(
    registry: Registry, make_draft: Draft, weights: Path
) -> None:
    registry.publish(make_draft(), weights)
    with pytest.raises(ModelNotFound, match=r"there are 1\. Make one current with `sightline rollback-model posture/"):
        registry.open("posture")
    registry.rollback("posture/1")
    assert registry.open("posture").record.version == 1


def test_model_for_another_task_cannot_be_published(
    registry: Registry, published: ModelRecord, make_draft: Draft, weights: Path
) -> None:
    registry.promote("posture", 1, metric="accuracy", value=1.0, measure_current=lambda _: 0.0)
    with pytest.raises(WrongTask, match="has a model of that name for image-classification"):
        registry.publish(make_draft(task="emotion-of-session", input=FeatureInput(features=("height",))), weights)
    assert registry.versions("posture") == [1]


@pytest.mark.parametrize("name", ["record.json", "claim", ".hidden", "a b"])
def test_reserved_or_invalid_file_name_is_rejected(
    registry: Registry, make_draft: Draft, weights: Path, name: str
) -> None:
    (weights / name).write_bytes(b"{}")
    with pytest.raises(ValueError, match="files"):
        registry.publish(make_draft(), weights)
    assert registry.versions("posture") == []


@pytest.mark.parametrize("field", ["metrics", "parameters", "architecture"])
def test_nan_in_a_draft_is_rejected(make_draft: Draft, field: str) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        make_draft(**{field: {"losses": [0.5, float("nan")]}})


@pytest.mark.parametrize("step", range(4))
def test_publisher_killed_at_any_step_leaves_no_version(
    registry: Registry,
    published: ModelRecord,
    make_draft: Draft,
    weights: Path,
    killed_before: Callable[..., int],
    step: int,
) -> None:
    assert killed_before(step, lambda: registry.publish(make_draft(), weights)) == step
    assert registry.versions("posture") == [1]
    with pytest.raises(ModelNotFound, match="posture/2"):
        registry.open("posture/2")

    after = registry.publish(make_draft(), weights)
    assert after.version == (3 if step else 2)
    assert registry.versions("posture") == [1, after.version]
    assert registry.open(after.label).record == after


def test_two_roots_have_separate_caches(
    s3_bucket: Location, tmp_path: Path, builtin: Path, make_draft: Draft, weights: Path
) -> None:
    for root in ("a", "b"):
        (weights / "head.ubj").write_bytes(root.encode())
        Registry(s3_bucket / root, cache=tmp_path / "cache", builtin=builtin).publish(make_draft(), weights)
    for root in ("a", "b"):
        files = Registry(s3_bucket / root, cache=tmp_path / "cache", builtin=builtin).open("posture/1")
        assert (files.folder / "head.ubj").read_bytes() == root.encode()
