"""What the command line and the flows import: nothing heavy that they do not use."""

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

from demo.clip import build_clip
from flows.catalogue import CATALOGUE, COMMANDS
from sightline.registry import Registry
from tests.images import image_file
from tests.ranking import publish_brightness

ROOT = Path(__file__).resolve().parent.parent.parent

# fmt: off
HEAVY = {
    "av", "boto3", "cloudpathlib", "ctranslate2", "cv2", "dask", "distributed", "dvc", "fastapi", "faster_whisper",
    "imageio_ffmpeg", "librosa", "matplotlib", "mediapipe", "moviepy", "numba", "onnx", "onnxruntime", "openvino",
    "pandas", "PIL", "prefect.server", "prefect_aws", "prefect_dask", "prefect_email", "prefect_ray", "pyarrow", "ray",
    "scipy", "skimage", "sklearn", "skops", "sqlalchemy", "sympy", "torch", "torch._dynamo", "torchaudio",
    "torchvision", "transformers", "uvicorn", "whisper", "xgboost",
}
# fmt: on

HELP = """
import io, sys
from flows.__main__ import run
for name in sys.argv[1:]:
    output = io.StringIO()
    assert run([name, "--help"], output) == 0 and "Usage" in output.getvalue(), name
print(*sys.modules)
"""

RUNS = """
import io, json, sys
from flows.__main__ import run
from flows.terminal import set_prefect_defaults
set_prefect_defaults()
imported, before = [], set()
for arguments in json.loads(sys.argv[1]):
    output = io.StringIO()
    status = run([*arguments, "--json"], output)
    imported.append([status, output.getvalue(), sorted(set(sys.modules) - before)])
    before |= set(sys.modules)
print(json.dumps(imported))
"""


def run_code(code: str, *arguments: str, **environment: str) -> str:
    completed = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    return completed.stdout


def test_help_of_every_command_imports_nothing_heavy() -> None:
    names = [entry.name for entry in (*CATALOGUE, *COMMANDS)]
    assert (HEAVY | {"prefect"}) & set(run_code(HELP, *names).split()) == set()


def test_modules_of_all_flows_import_nothing_heavy() -> None:
    code = "import sys\nfor name in sys.argv[1:]: __import__(name)\nprint(*sys.modules)"
    modules = {entry.target.partition(":")[0] for entry in CATALOGUE}
    assert HEAVY & set(run_code(code, *sorted(modules)).split()) == set()


@pytest.mark.integration
def test_flows_import_only_what_they_use(prefect_server: str, tmp_path: Path) -> None:
    """One process runs the flows, so that every flow is asked for what it imports in addition to those before it."""
    publish_brightness(Registry(tmp_path / "model"))
    image, photo = tmp_path / "image.png", tmp_path / "photo.jpg"
    image.write_bytes(image_file())
    Image.fromarray(np.full((240, 320, 3), 90, np.uint8)).save(photo)
    clip = build_clip(tmp_path / "clip.mp4", None, seconds=1, size=(320, 240))
    words = tmp_path / "words.vtt"
    words.write_text("WEBVTT\n\n00:00.100 --> 00:00.900\nHe is happy.\n")
    video = ["process-video", str(clip), "--patient", "ana", "--transcript", str(words)]
    runs: list[tuple[list[str], set[str]]] = [
        (["rollback-model", "vehicles/1"], set()),
        (["export-training-data", "vehicles", str(tmp_path / "exported")], set()),
        (["remind-reviewers"], set()),
        (["sweep-uploads"], set()),
        (["train-emotion", "ana"], set()),
        (["classify-images", str(image), "--model", "vehicles"], {"PIL", "cv2", "openvino", "pyarrow"}),
        (["monitor-model", "vehicles"], {"matplotlib"}),
        (video, {"av", "mediapipe"}),
        (["rank-images", str(photo)], {"onnxruntime"}),
    ]
    buckets = ("model", "results", "capture", "outbox", "video", "patients", "reviews")
    environment: dict[str, Any] = {f"{name.upper()}_BUCKET": str(tmp_path / name) for name in buckets}
    environment |= {"PREFECT_API_URL": prefect_server, "DEVICE": "cpu"}
    commands = [arguments for arguments, _ in runs]
    answers = json.loads(run_code(RUNS, json.dumps(commands), **environment).splitlines()[-1])
    for (arguments, used), (status, output, imported) in zip(runs, answers, strict=True):
        assert (arguments[0], status, bool(output)) == (arguments[0], 0, True)
        assert (arguments[0], HEAVY & set(imported)) == (arguments[0], used)
