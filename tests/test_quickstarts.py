"""The scripts in docs/quickstarts do a working day of each kind of user, on a machine without sightline's files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = sorted((ROOT / "docs" / "quickstarts").glob("*.sh"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_quickstart_runs_from_start_to_end(script: Path, tmp_path: Path) -> None:
    """A script is run by bash in an empty folder, as a user runs it, and fails at the first command that fails.

    ``sightline`` and ``python`` are those of the tests, and the commands share one local server. The script checks its
    results itself.
    """
    work = tmp_path / "work"
    work.mkdir()
    # Neither the settings of the tests nor those of the user.
    kept = ("LANG", "OMP_NUM_THREADS", "SIGHTLINE_SHARED_DATA")
    own = {name: os.environ[name] for name in kept if name in os.environ}
    environment = {
        **own,
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "LOCAL_SERVER": "persistent",
    }
    try:
        run = subprocess.run(
            ["bash", "-euo", "pipefail", str(script)],
            cwd=work, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
    finally:
        subprocess.run(["sightline", "server", "stop"], cwd=work, env=environment, check=False)
    print(run.stdout)
    assert run.returncode == 0, run.stdout[-2000:]
