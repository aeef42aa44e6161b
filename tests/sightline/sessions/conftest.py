"""Session stores in a folder and on S3, and small sessions."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from sightline.sessions import Claim, SessionOutputs, SessionStore
from sightline.storage import Location

_STORING = Path(__file__).with_name("storing.py")


@pytest.fixture(scope="session")
def storing() -> ModuleType:
    """The module that creates and stores small sessions."""
    spec = importlib.util.spec_from_file_location("storing", _STORING)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def run_storing() -> Callable[..., str]:
    """Return a function that runs the module as a program and returns its output."""

    def run(*arguments: object) -> str:
        command = [sys.executable, str(_STORING), *map(str, arguments)]
        process = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
        assert process.returncode == 0, process.stderr
        return process.stdout

    return run


@pytest.fixture
def store(bucket: Location, storing: ModuleType) -> SessionStore:
    """An empty store, in a folder and on S3."""
    store: SessionStore = storing.store_in(bucket)
    return store


@pytest.fixture
def tree() -> Callable[[Location], dict[str, bytes]]:
    """Return a function that reads all files below a location, hidden ones included, by key."""

    def read(root: Location) -> dict[str, bytes]:
        if isinstance(root, Path):
            return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        client, prefix = root.client.client, f"{root.key}/" if root.key else ""
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=root.bucket, Prefix=prefix)
        keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
        return {key.removeprefix(prefix): client.get_object(Bucket=root.bucket, Key=key)["Body"].read() for key in keys}

    return read


@pytest.fixture
def claim(store: SessionStore, storing: ModuleType) -> Claim:
    """A new session."""
    return store.claim(storing.PATIENT, "clip", storing.sha256_of("content"))


@pytest.fixture
def outputs(claim: Claim, storing: ModuleType, tmp_path: Path) -> SessionOutputs:
    """The outputs of processing the session's video."""
    outputs: SessionOutputs = storing.outputs_of(claim, tmp_path / "outputs")
    return outputs


@pytest.fixture
def results_of() -> Callable[[dict[str, bytes]], set[str]]:
    """Return a function that selects the results among all files, without the store's own files."""

    def select(files: dict[str, bytes]) -> set[str]:
        return {
            key for key in files if ".sessions/" not in key or (key.startswith("patients/") and "/.ranges/" not in key)
        }

    return select
