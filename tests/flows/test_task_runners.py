"""A run on the processes of a local cluster has the same results as one in threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sightline.settings import settings
from tasks.support.runner import ConfiguredTaskRunner

ROOT = Path(__file__).resolve().parent.parent.parent


def classify(images: Path, folder: Path, api: str, runner: str) -> list[dict[str, Any]]:
    environment = {
        **os.environ,
        "PREFECT_API_URL": api,
        "TASK_RUNNER": runner,
        "MODEL_BUCKET": str(folder / "models"),
        "CAPTURE_BUCKET": str(folder / "capture"),
        "OUTBOX_BUCKET": str(folder / "outbox"),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    command = ["classify-images", str(images), "--model=vehicles", "--chunk-size=2", f"--output={folder / runner}"]
    done = subprocess.run(
        [sys.executable, "-m", "flows", *command, "--json"],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    records = Path(json.loads(done.stdout)["results"]).read_text("utf-8").splitlines()
    return [{key: record[key] for key in ("uri", "probabilities", "outcome")} for record in map(json.loads, records)]


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("runner", ["dask", "ray"])
def test_cluster_results_equal_thread_results(prefect_server: str, tmp_path: Path, runner: str) -> None:
    images, random = tmp_path / "images", np.random.default_rng(5)
    images.mkdir()
    for number in range(5):
        Image.fromarray(random.integers(0, 255, (48, 48, 3), np.uint8)).save(images / f"{number}.png")
    records = classify(images, tmp_path, prefect_server, runner)
    assert len(records) == 5
    assert records == classify(images, tmp_path, prefect_server, "threads")


def test_missing_task_runner_names_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prefect_dask", None)
    monkeypatch.setenv("TASK_RUNNER", "dask")
    settings.cache_clear()
    try:
        with pytest.raises(Exception, match=r"TASK_RUNNER is dask.*Install sightline\[dask\]"):
            ConfiguredTaskRunner().duplicate()
    finally:
        settings.cache_clear()
