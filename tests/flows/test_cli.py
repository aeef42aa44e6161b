"""The command line, with small flows instead of the real ones."""

from __future__ import annotations

import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.__main__ import run
from flows.catalogue import CATALOGUE
from tests.flows.toy_cli import TOYS

ROOT = Path(__file__).resolve().parent.parent.parent
TOY_CLI = [sys.executable, "-m", "tests.flows.toy_cli"]


def sightline(*arguments: str) -> tuple[int, str]:
    """Return the exit status and the standard output."""
    output = io.StringIO()
    return run(arguments, output, TOYS), output.getvalue()


def run_process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TOY_CLI, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_help_lists_every_flow_without_importing_prefect() -> None:
    code = (
        "import atexit, sys, flows.__main__ as cli\n"
        "atexit.register(lambda: print('imported:', {'prefect', 'pydantic', 'torch'} & set(sys.modules)))\n"
        "sys.argv = ['sightline', '--help']\n"
        "cli.main()"
    )
    completed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert completed.stderr == "imported: set()\n"
    for entry in CATALOGUE:
        assert entry.name in completed.stdout
        assert entry.summary.split()[0] in completed.stdout


def test_command_help_is_the_docstring() -> None:
    status, output = sightline("add-up", "--help")
    assert status == 0
    assert "The sum is divided at the end." in output
    assert "The divisor of the sum." in output
    assert "metre, mile" in output


def test_console_script_prints_its_version() -> None:
    script = Path(sys.executable).with_name("sightline")
    completed = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert completed.stdout == "0.1.0\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["add-sub"], 'Unknown command "add-sub". Did you mean "add-up"?'),
        (["add-up"], 'Command "add-up" parameter --name requires an argument'),
        (["add-up", "stones", "--untis", "mile"], "Unknown option: --untis. Did you mean --unit?"),
        (["add-up", "stones", "--unit", "inch"], 'Invalid value "inch" for --unit. Choose from: "metre", "mile"'),
        (["add-up", "stones", "--by", "-1"], 'Invalid value "-1" for --by. Input should be greater than or equal to 0'),
        (["add-up", "stones", "--seconds"], 'Command "add-up" parameter --seconds requires an argument'),
    ],
)
def test_invalid_usage_is_one_line_that_names_the_option(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sightline(*arguments) == (2, "")
    assert capsys.readouterr().err.startswith(f"sightline: {message}")


@pytest.mark.integration
def test_result_is_printed_field_by_field() -> None:
    status, output = sightline("add-up", "stones", "--parts", "3", "--parts", "4", "--by", "2")
    assert status == 0
    assert output.splitlines() == [
        "add-up: Completed",
        "  name      stones",
        "  total     3.5",
        "  parts     3, 4",
        "  note      none",
        "  extremes  smallest 3",
        "  exact     yes",
    ]


@pytest.mark.integration
def test_skipped_run_prints_the_reason_and_exits_with_0() -> None:
    assert sightline("refuse", "done.mp4") == (0, "refuse: Skipped, done.mp4 was processed before\n")
    status, output = sightline("refuse", "done.mp4", "--json")
    assert (status, json.loads(output)) == (0, {"state": "Skipped", "message": "done.mp4 was processed before"})


@pytest.mark.integration
def test_standard_output_contains_only_the_json_result(prefect_server: str) -> None:
    completed = run_process("add-up", "stones", "--unit", "mile", "--json", PREFECT_API_URL=prefect_server)
    assert completed.returncode == 0
    assert json.loads(completed.stdout) == {
        "name": "stones",
        "total": 6.0,
        "parts": [1, 2, 3],
        "note": "mile",
        "extremes": {"smallest": 1},
        "exact": True,
    }
    assert "a print from Python" in completed.stderr
    assert "a print from C" in completed.stderr
    shares = [line.rpartition("adding: ")[2] for line in completed.stderr.splitlines() if "adding: " in line]
    assert shares == ["0 %", "30 %", "60 %", "100 %"]


@pytest.mark.integration
def test_failure_is_one_line_with_error_and_location(prefect_server: str) -> None:
    completed = run_process("crash-after-retry", PREFECT_API_URL=prefect_server)
    assert (completed.returncode, completed.stdout) == (1, "")
    retry, failure = completed.stderr.splitlines()
    assert "Retry 1/1 will start" in retry
    assert failure.startswith("sightline: crash-after-retry failed: OSError: nobody there (in task reach, toys.py:")


@pytest.mark.integration
def test_verbose_prints_the_traceback(prefect_server: str) -> None:
    completed = run_process("--verbose", "crash-after-retry", PREFECT_API_URL=prefect_server)
    assert completed.returncode == 1
    assert "Traceback (most recent call last)" in completed.stderr
    assert completed.stderr.splitlines()[-1].startswith("sightline: crash-after-retry failed: OSError: nobody there")


@pytest.mark.integration
def test_sightline_error_is_printed_without_location(capsys: pytest.CaptureFixture[str]) -> None:
    assert sightline("refuse", "a.mov") == (1, "")
    assert "sightline: refuse failed: a.mov: holds no video stream. Give a video\n" in capsys.readouterr().err


@pytest.mark.integration
def test_unreachable_server_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        assert sightline("add-up", "stones") == (1, "")
    failure = capsys.readouterr().err
    assert failure.startswith(
        "sightline: add-up could not run: RuntimeError: Failed to reach API at http://127.0.0.1:9"
    )
    assert failure.count("\n") == 1


def interrupt(at: str, home: Path) -> tuple[int, list[str]]:
    """Start a run with its own server and interrupt it; return the exit status and the lines on standard error.

    When ``at`` appears there, all processes of the group receive SIGINT, as from Ctrl-C in a terminal.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    with subprocess.Popen(
        [*TOY_CLI, "add-up", "stones", "--seconds", "120"],
        cwd=ROOT,
        env={**environment, "PREFECT_HOME": str(home), "XDG_CACHE_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        deadline = threading.Timer(240, running.kill)
        deadline.start()
        assert running.stderr
        lines = []
        for line in running.stderr:
            lines.append(line)
            if at in line:
                os.killpg(running.pid, signal.SIGINT)
        deadline.cancel()
    return running.returncode, lines


@pytest.mark.integration
def test_first_start_reports_database_creation_and_can_be_interrupted(tmp_path: Path) -> None:
    status, lines = interrupt("creating", tmp_path)
    assert status == 130
    assert lines == [
        f"sightline: creating Prefect's database {tmp_path / 'prefect.db'} (first start only)\n",
        "sightline: interrupted\n",
    ]


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.soak
def test_ctrl_c_ends_the_run_before_its_server(prefect_home: Path) -> None:
    """If the server ended first, Prefect would try for a minute to report the end of the run, and fail."""
    status, lines = interrupt("adding: 0 %", prefect_home)
    assert status == 130
    assert lines[-1] == "sightline: interrupted\n"
    assert len(lines) == 4, lines  # two prints, the progress, the end
    with closing(sqlite3.connect(prefect_home / "prefect.db")) as database:
        (state,) = database.execute("select state_type from flow_run order by created desc limit 1").fetchone()
    assert state == "CRASHED"
