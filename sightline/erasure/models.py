"""The patient's emotion model, its copies on this machine, and models that were trained on their images."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from sightline import storage
from sightline.affect import SESSIONS, TASK
from sightline.erasure.report import Kept
from sightline.erasure.scope import Scope
from sightline.names import ModelName
from sightline.registry import default_cache
from sightline.storage import Location

__all__ = ["model_folders", "trained_on_images"]

_RECORD = "record.json"
_LISTS = (".json", ".jsonl", ".csv", ".txt")


def model_folders(scope: Scope) -> Iterator[Location]:
    """Yield the folders of the patient's model in the registry and in the cache.

    A model of version 0.1 has a name that another model can have too: it is the patient's if its versions say so.
    """
    name = scope.patient.model
    for registry in (scope.config.models, *_cached_registries()):
        yield registry / name.name
        if name.earlier:
            yield from _earlier(registry / name.earlier.name, scope)


def trained_on_images(scope: Scope) -> Iterator[Kept]:
    """Yield the models of other kinds whose training data list images in the patient's folders."""
    for model in storage.folder_names(scope.config.models):
        for version in filter(ModelName.is_version, storage.folder_names(scope.config.models / model)):
            files = storage.walk(scope.config.models / model / version)
            lists = [file.location for file in files if file.location.name.endswith(_LISTS)]
            if any(scope.traces.holds(storage.read_bytes(file).decode("utf-8", "replace")) for file in lists):
                yield Kept(
                    what=f"model {model}/{version}",
                    why="it was trained on images of the patient",
                    fix=f"Train {model} again without them, and remove this version's folder",
                )


def _earlier(folder: Location, scope: Scope) -> Iterator[Location]:
    owned = [version for version in storage.folder_names(folder) if _is_owned(folder / version, scope)]
    numbers = [version for version in storage.folder_names(folder) if ModelName.is_version(version)]
    yield from [folder] if numbers and len(owned) == len(numbers) else (folder / version for version in owned)


def _is_owned(version: Location, scope: Scope) -> bool:
    for name, owner in ((_RECORD, _owner_in_record), (SESSIONS, _owner_in_sessions)):
        try:
            stored = json.loads(storage.read_bytes(version / name))
        except (FileNotFoundError, ValueError):
            continue
        if owner(stored) == scope.patient.text:
            return True
    return False


def _owner_in_record(stored: object) -> object:
    if not isinstance(stored, dict) or stored.get("task") != TASK:
        return None
    return stored.get("architecture", {}).get("patient")


def _owner_in_sessions(stored: object) -> object:
    return stored.get("patient") if isinstance(stored, dict) else None


def _cached_registries() -> list[Path]:
    cache = default_cache()
    return [cache / name for name in storage.folder_names(cache)]
