"""GitHub's workflows are valid, and expose no secrets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / ".github" / "workflows"
LINTERS = {
    "zizmor": ["--offline", "--no-progress", str(FOLDER)],
    "check-jsonschema": ["--builtin-schema", "vendor.github-workflows", *map(str, sorted(FOLDER.glob("*.yaml")))],
}


@pytest.mark.parametrize("linter", LINTERS)
def test_linter_reports_nothing(linter: str) -> None:
    program = Path(sys.executable).parent / linter
    if not program.exists():
        pytest.skip(f"{linter} is not installed; it is one of the dependencies of development")
    process = subprocess.run([program, *LINTERS[linter]], check=False, capture_output=True, text=True)
    assert process.returncode == 0, process.stdout + process.stderr
