"""Bundle a trained model with the package, as the version that a new registry starts with.

sightline train-image-classifier posture ../shared/data/pressure-maps --no-pretrained --cross-validate
python -m sightline.training.images.bundling data/models posture
"""

from __future__ import annotations

import argparse
import shutil
import tomllib
from importlib.resources import files
from pathlib import Path

from sightline import storage
from sightline.registry import ModelRecord, Registry
from sightline.registry.record import RECORD

__all__ = ["TERMS", "bundle", "main"]

TERMS = "terms"
"""The parameter of a bundled model's record that states the licences of its data and of its initial weights."""

_VERSION = 1


def bundle(registry: Registry, name: str, target: Path) -> ModelRecord:
    """Copy the current version of a model into the folder ``target``, with the terms of ``terms.toml``.

    The record names the data, but not the folder where they were. Raises ``KeyError`` for a model without terms.
    """
    terms = tomllib.loads(Path(__file__).with_name("terms.toml").read_text(encoding="utf-8"))[name]
    trained = registry.open(name)
    parameters = trained.record.parameters | {"data": trained.record.data.source, TERMS: terms}
    record = trained.record.model_copy(update={"version": _VERSION, "parameters": parameters})
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for file in record.files:
        shutil.copyfile(trained.folder / file, target / file)
    (target / RECORD).write_text(record.model_dump_json(indent=2), encoding="utf-8")
    return record


def main() -> None:
    """Bundle the model that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m sightline.training.images.bundling")
    parser.add_argument("registry", help="the registry with the model: a folder or an s3:// URI")
    parser.add_argument("name", help="the model's name")
    arguments = parser.parse_args()
    target = Path(str(files("sightline.registry") / "builtin")) / arguments.name
    record = bundle(Registry(storage.locate(arguments.registry)), arguments.name, target)
    print(f"{target}: {sum(entry.size for entry in record.files.values()):,} bytes")


if __name__ == "__main__":
    main()
