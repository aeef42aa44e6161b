"""The local server when it is idle, upgraded, killed or without space."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace as with_fields
from pathlib import Path

import pytest

from flows.local_server import LocalServerError, running, stop, using_server
from tests.flows.local_servers import SERVER, TOYS, Home, ended, kill, lines_until

pytestmark = [pytest.mark.slow, pytest.mark.soak]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the ready database, which the first start fills."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def home(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    (tmp_path / "cache").symlink_to(cache)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    home = Home(tmp_path)
    home.folder.create()
    yield home
    stop(home.folder)


def test_idle_server_stops_and_the_next_command_starts_one(home: Home) -> None:
    with using_server(home.folder, 0.02, print) as state:
        assert not ended(home, 5), "a command uses it"
        assert home.server() == state
    assert ended(home)
    assert home.folder.state() is None
    status, output, _ = home.run(*TOYS, "add-up", "stones")
    assert (status, output.splitlines()[0]) == (0, "add-up: Completed")


def test_taken_port_is_replaced_by_a_free_one(home: Home) -> None:
    with using_server(home.folder, 60, print):
        pass
    state = kill(home)
    with socket.create_server(("127.0.0.1", state.port)), using_server(home.folder, 60, print) as other:
        assert other.port != state.port
        assert other.answers()


def test_server_of_another_prefect_is_replaced_when_unused(home: Home) -> None:
    said: list[str] = []
    with using_server(home.folder, 60, said.append) as state:
        pass
    home.folder.write_state(with_fields(state, prefect="3.8.7"))
    with using_server(home.folder, 60, said.append) as other:
        assert other.pid != state.pid
        assert (other.prefect, other.answers()) == (state.prefect, True)
    assert said[1] == f"replacing the local server of Prefect 3.8.7 by one of {state.prefect}"


def test_run_survives_the_death_of_its_server(home: Home) -> None:
    with home.start(*TOYS, "add-up", "stones", "--seconds", "10") as command:
        lines_until(command, "adding: 0 %")
        os.kill(home.server().pid, signal.SIGKILL)  # its command starts it again at once
        output, errors = command.communicate(timeout=240)
    assert command.returncode == 0, errors
    assert output.splitlines()[0] == "add-up: Completed"
    assert "the local Prefect server ended unexpectedly; starting it again" in errors
    with closing(sqlite3.connect(home.folder.database)) as database:
        assert database.execute("select state_type from flow_run").fetchall() == [("COMPLETED",)]


def test_stopped_server_is_not_started_again_by_its_commands(home: Home) -> None:
    with using_server(home.folder, 60, print) as state:
        stopped = stop(home.folder)
        assert stopped == state
        assert running(home.folder) is None


def test_damaged_database_is_reported_with_the_log(home: Home) -> None:
    home.folder.database.write_bytes(b"no database" * 1000)
    with pytest.raises(LocalServerError, match=r"did not start: .*not a database.*server\.log"):
        using_server(home.folder, 60, print).__enter__()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_disk_that_fills_during_a_run_is_named(home: Home, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    small = Home(disk)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(disk)], check=True)
    try:
        (disk / "cache").symlink_to(os.environ["XDG_CACHE_HOME"])
        assert small.run(*SERVER, "start")[0] == 0
        free = os.statvfs(disk)
        (disk / "filler").write_bytes(bytes(free.f_bavail * free.f_frsize - 8192))
        status, _, errors = small.run(*TOYS, "add-up", "stones")
        assert status == 1
        assert f"the disk with {small.folder.database} is full" in errors.splitlines()[-1]
    finally:
        stop(small.folder)
        subprocess.run(["umount", str(disk)], check=True)
