"""Models are loaded once per process."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from tasks.support.loading import loaded_once


def test_simultaneous_calls_load_a_model_once() -> None:
    calls: list[str] = []

    @loaded_once
    def load(name: str) -> list[str]:
        calls.append(name)
        time.sleep(0.05)
        return [name]

    with ThreadPoolExecutor(8) as pool:
        models = list(pool.map(load, ["a", "b"] * 8))
    assert sorted(calls) == ["a", "b"]
    assert models == [["a"], ["b"]] * 8
    assert len({id(model) for model in models}) == 2
