"""``make up`` and ``make down`` take their settings from the environment, the file of ENV, or the defaults."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = ("PREFECT_PORT", "API_PORT", "AWS_PORT", "PREFECT_UI_URL", "SIGHTLINE_NETWORK", "SIGHTLINE_SECRETS")


def commands(target: str, file: Path, **variables: str) -> str:
    """Return the commands that make would execute."""
    environment = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    command = ["make", "--dry-run", target, f"ENV={file}"]
    output = subprocess.run(
        command, check=True, cwd=ROOT, env={**environment, **variables}, stdout=subprocess.PIPE, text=True
    )
    return output.stdout


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my.env"
    path.write_text(
        "COMPOSE_PROFILES=local\nPREFECT_PORT=4300\nPREFECT_PORT=4301\nAPI_PORT='8301'\nSIGHTLINE_NETWORK=\"ward\"\n"
    )
    return path


def test_configured_ports_are_printed(file: Path) -> None:
    output = commands("up", file, API_PORT="8400")
    assert 'echo "Prefect: http://localhost:4301  HTTP service: http://localhost:8400"' in output
    assert "AWS_ENDPOINT_URL=http://localhost:5000" in output


def test_default_ports_are_printed() -> None:
    output = commands("up", ROOT / "deployments" / "local.env")
    assert 'echo "Prefect: http://localhost:4200  HTTP service: http://localhost:8000"' in output


def test_secrets_are_read_from_the_configured_folder(file: Path, tmp_path: Path) -> None:
    assert f" {ROOT}/data/secrets " in commands("up", file)
    assert f" {tmp_path}/elsewhere " in commands("up", file, SIGHTLINE_SECRETS=f"{tmp_path}/elsewhere")


def test_down_stops_workers_then_runs_then_the_rest(file: Path) -> None:
    output = commands("down", file)
    steps = ["stop worker housekeeper", "--filter network=ward --filter label=io.prefect.flow-run-id", "down --remove"]
    assert sorted(steps, key=output.index) == steps
