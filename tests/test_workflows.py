"""GitHub's workflows are what GitHub takes, and give no stranger a key."""

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
def test_a_linter_has_nothing_to_say(linter: str) -> None:
    program = Path(sys.executable).parent / linter
    if not program.exists():
        pytest.skip(f"{linter} is not installed; it is one of the dependencies of development")
    done = subprocess.run([program, *LINTERS[linter]], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
