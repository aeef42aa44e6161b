"""A file that does not match its record is never loaded, wherever it was damaged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sightline import storage
from sightline.errors import StorageError
from sightline.registry import ModelDamaged, ModelDraft, ModelRecord, Registry
from sightline.storage import Location

WEIGHTS = "backbone.safetensors"


def flipped(content: bytes) -> bytes:
    return content[:100] + bytes([content[100] ^ 1]) + content[101:]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "a flipped bit": flipped,
    "cut short": lambda content: content[:-1],
    "longer": lambda content: content + b"\0",
    "empty": lambda content: b"",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damaged_file_is_rejected_with_the_fix(
    registry: Registry, published: ModelRecord, damage: Callable[[bytes], bytes]
) -> None:
    file = registry.root / "posture" / "1" / WEIGHTS
    storage.write_bytes(file, damage(storage.read_bytes(file)))
    with pytest.raises(ModelDamaged, match="sightline rollback-model posture") as caught:
        registry.open("posture")
    assert str(caught.value).startswith(f"{file}: has the hash")


def test_missing_file_is_rejected(registry: Registry, published: ModelRecord) -> None:
    storage.remove(registry.root / "posture" / "1" / WEIGHTS)
    with pytest.raises(ModelDamaged, match=f"{WEIGHTS}: is missing"):
        registry.open("posture")


def test_file_that_the_record_does_not_name_is_ignored(registry: Registry, published: ModelRecord) -> None:
    storage.write_bytes(registry.root / "posture" / "1" / "weights.pkl", b"code")
    files = registry.open("posture")
    assert "weights.pkl" not in files.record.files
    assert isinstance(registry.root, Path) or not (files.folder / "weights.pkl").exists()


@pytest.fixture
def on_s3(s3_bucket: Location, tmp_path: Path, builtin: Path, make_draft: Any, weights: Path) -> Registry:
    """A registry on S3 with one version of posture."""
    registry = Registry(s3_bucket, cache=tmp_path / "cache", builtin=builtin)
    registry.publish(make_draft(), weights)
    return registry


def test_cached_copy_is_used_without_fetching(on_s3: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    real = storage.read_bytes

    def counted(location: Location) -> bytes:
        read.append(location.name)
        return real(location)

    monkeypatch.setattr(storage, "read_bytes", counted)
    on_s3.open("posture/1")
    assert read == ["record.json", WEIGHTS, "head.ubj"]
    read.clear()
    on_s3.open("posture/1")
    assert read == ["record.json"]


@pytest.mark.parametrize("damage", [*DAMAGES.values(), None], ids=[*DAMAGES.keys(), "removed"])
def test_damaged_cached_copy_is_fetched_again(
    on_s3: Registry, weights: Path, damage: Callable[[bytes], bytes] | None
) -> None:
    file = on_s3.open("posture/1").folder / WEIGHTS
    if damage:
        file.write_bytes(damage(file.read_bytes()))
    else:
        file.unlink()
    assert (on_s3.open("posture/1").folder / WEIGHTS).read_bytes() == (weights / WEIGHTS).read_bytes()


def test_valid_cached_copy_is_used_if_the_bucket_is_damaged(on_s3: Registry) -> None:
    file = on_s3.open("posture/1").folder / WEIGHTS
    storage.write_bytes(on_s3.root / "posture" / "1" / WEIGHTS, b"other")
    on_s3.open("posture/1")
    file.write_bytes(b"other")
    with pytest.raises(ModelDamaged, match="s3://"):
        on_s3.open("posture/1")


def test_partial_file_of_a_killed_fetch_is_removed_from_the_cache(on_s3: Registry) -> None:
    folder = on_s3.open("posture/1").folder
    (folder / ".0123.part").write_bytes(b"half")
    assert sorted(file.name for file in on_s3.open("posture/1").folder.iterdir()) == [WEIGHTS, "head.ubj"]


def test_unwritable_cache_raises_with_its_path(on_s3: Registry, tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"")
    with pytest.raises(StorageError, match="cache"):
        on_s3.open("posture/1")


def test_unreadable_file_raises_with_its_path(
    registry: Registry, published: ModelRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path) -> str:
        raise PermissionError(13, "Permission denied")

    folder = registry.open("posture").folder
    monkeypatch.setattr(storage, "content_hash", refused)
    with pytest.raises(StorageError, match="Permission denied") as caught:
        registry.open("posture")
    assert str(caught.value).startswith(str(folder))


def rewrite(registry: Registry, change: Callable[[dict[str, Any]], object]) -> Location:
    """Change the stored record and return its location."""
    file = registry.root / "posture" / "1" / "record.json"
    record = json.loads(storage.read_bytes(file))
    change(record)
    storage.write_bytes(file, json.dumps(record).encode())
    return file


@pytest.mark.parametrize(
    "name", ["../2/head.ubj", "../../../secret", "/etc/passwd", "a/b", "..", ".", "", "record.json", "\\a", "a\n"]
)
def test_record_with_a_file_in_another_folder_is_rejected(
    registry: Registry, published: ModelRecord, name: str
) -> None:
    file = rewrite(registry, lambda record: record["files"].update({name: record["files"]["head.ubj"]}))
    with pytest.raises(ModelDamaged, match="files") as caught:
        registry.open("posture")
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("other", [{"name": "vehicles"}, {"name": "../../etc"}, {"version": 2}])
def test_record_of_another_version_is_rejected(
    registry: Registry, published: ModelRecord, other: dict[str, Any]
) -> None:
    rewrite(registry, lambda record: record.update(other))
    with pytest.raises(ModelDamaged, match=r"record\.json: is the record of"):
        registry.open("posture")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda record: record.update(flip_channels=True), "flip_channels: Extra inputs are not permitted"),
        (lambda record: record["input"].update(gamma=2.2), r"input\.image\.gamma: Extra inputs"),
        (lambda record: record.pop("temperature"), "temperature: Field required"),
        (lambda record: record.update(threshold=1.5), "threshold"),
        (lambda record: record.update(files={}), "files"),
        (lambda record: record["files"]["head.ubj"].update(sha256="abc"), r"files\.head\.ubj\.sha256"),
    ],
)
def test_record_with_unknown_or_invalid_fields_is_rejected(
    registry: Registry, published: ModelRecord, change: Callable[[dict[str, Any]], object], problem: str
) -> None:
    rewrite(registry, change)
    with pytest.raises(ModelDamaged, match=f"another version of sightline: {problem}") as caught:
        registry.open("posture")
    assert "sightline rollback-model posture" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe"])
def test_record_that_is_not_json_is_rejected(registry: Registry, published: ModelRecord, content: bytes) -> None:
    storage.write_bytes(registry.root / "posture" / "1" / "record.json", content)
    with pytest.raises(ModelDamaged, match="the file: "):
        registry.open("posture")


def test_draft_is_validated_like_a_record(make_draft: Callable[..., ModelDraft]) -> None:
    with pytest.raises(ValueError, match="threshold"):
        make_draft(threshold=1.01)
    with pytest.raises(ValueError, match="temperature"):
        make_draft(temperature=0.0)
