"""Concurrent trainings can publish and promote."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sightline import storage
from sightline.registry import ModelDraft, Registry

CONCURRENT = 20

PUBLISHING = """
import sys
from pathlib import Path
from sightline.registry import ModelDraft, Registry
from sightline.storage import locate
root, builtin, draft, weights, value = sys.argv[1:]
registry = Registry(locate(root), builtin=Path(builtin))
values = lambda version: registry.record("posture", version).metrics["macro_f1"]
draft = ModelDraft.model_validate_json(draft)
sys.stdin.read()
version = registry.publish(draft, Path(weights)).version
registry.promote("posture", version, metric="macro_f1", value=float(value), measure_current=values)
"""


def check(registry: Registry, count: int) -> None:
    """Check that all versions are complete, and that the pointer never moved to a worse version."""
    assert registry.versions("posture") == list(range(1, count + 1))
    values = {}
    for version in registry.versions("posture"):
        record = registry.open("posture", version).record
        values[version] = record.metrics["macro_f1"]
    assert sorted(values.values()) == [number / 100 for number in range(count)]
    pointer = registry.current("posture")
    assert pointer
    moves = [values[move.version] for move in pointer.history]
    assert moves == sorted(moves)
    assert moves[-1] == (count - 1) / 100
    names = {file.location.name for file in storage.walk(registry.root)}
    assert names == {"backbone.safetensors", "head.ubj", "claim", "record.json", "current.json"}


def test_best_of_twenty_concurrent_threads_is_current(
    registry: Registry, make_draft: Callable[..., ModelDraft], weights: Path, builtin: Path, tmp_path: Path
) -> None:
    start = threading.Barrier(CONCURRENT)

    def train(number: int) -> None:
        concurrent = Registry(registry.root, cache=tmp_path / "cache", builtin=builtin)
        draft = make_draft(metrics={"macro_f1": number / 100})
        start.wait()
        version = concurrent.publish(draft, weights).version
        concurrent.promote(
            "posture",
            version,
            metric="macro_f1",
            value=number / 100,
            measure_current=lambda current: concurrent.record("posture", current).metrics["macro_f1"],
        )

    with ThreadPoolExecutor(CONCURRENT) as pool:
        list(pool.map(train, range(CONCURRENT)))
    check(registry, CONCURRENT)


@pytest.mark.integration
def test_best_of_concurrent_processes_is_current(
    tmp_path: Path, make_draft: Callable[..., ModelDraft], weights: Path, builtin: Path
) -> None:
    processes = []
    for number in range(4):
        draft = make_draft(metrics={"macro_f1": number / 100}).model_dump_json()
        command = [sys.executable, "-c", PUBLISHING, tmp_path / "models", builtin, draft, weights, str(number / 100)]
        processes.append(subprocess.Popen(command, stdin=subprocess.PIPE))
    for process in processes:
        assert process.stdin
        process.stdin.close()
    assert [process.wait() for process in processes] == [0] * 4
    check(Registry(tmp_path / "models", builtin=builtin), 4)
