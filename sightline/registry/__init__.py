"""Versioned models on storage, with a record of every version and a pointer to the current one.

registry = Registry(locate("s3://models"))
files = registry.open("posture")
print(files.record.metrics["macro_f1"])
"""

from sightline.errors import InvalidModelName
from sightline.registry.baseline import BASELINE, Baseline
from sightline.registry.cache import ModelFiles, default_cache
from sightline.registry.errors import ModelDamaged, ModelNotFound, WrongTask
from sightline.registry.pointer import Move, Pointer, Promotion
from sightline.registry.provenance import code_version, versions_of_libraries
from sightline.registry.record import DataVersion, FeatureInput, FileEntry, ImageInput, ModelDraft, ModelRecord
from sightline.registry.store import Registry

__all__ = [
    "BASELINE",
    "Baseline",
    "DataVersion",
    "FeatureInput",
    "FileEntry",
    "ImageInput",
    "InvalidModelName",
    "ModelDamaged",
    "ModelDraft",
    "ModelFiles",
    "ModelNotFound",
    "ModelRecord",
    "Move",
    "Pointer",
    "Promotion",
    "Registry",
    "WrongTask",
    "code_version",
    "default_cache",
    "versions_of_libraries",
]
