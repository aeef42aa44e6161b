"""The Prefect server that the commands of a user share."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace as with_fields
from pathlib import Path

import httpx
import pytest

from flows.local_server import Folder, LocalServerError, earlier_database, running, stop, using_server
from flows.local_server.database import copy_template, template
from tests.flows.local_servers import SERVER, STARTED, TOYS, Home, kill, lines_until


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home with a prepared database, whose server runs after the first test that starts it."""
    home = Home(tmp_path_factory.mktemp("home"))
    prepared = home.path / "cache" / "sightline" / template().name
    prepared.parent.mkdir(parents=True)
    copy_template(prepared)
    yield home
    stop(home.folder)


@pytest.fixture
def started(home: Home) -> Home:
    """A home whose server runs."""
    if running(home.folder) is None:
        assert home.run(*SERVER, "start")[0] == 0
    return home


@pytest.mark.slow
def test_two_first_commands_share_one_server(home: Home) -> None:
    commands = [home.start(*SERVER, "start", "--json") for _ in range(2)]
    results = [command.communicate(timeout=240) for command in commands]
    assert [command.returncode for command in commands] == [0, 0], results
    assert len({json.loads(output)["process"] for output, _ in results}) == 1
    assert sum(STARTED in errors for _, errors in results) == 1, "one command says that it starts the server"
    assert json.loads(home.run(*SERVER, "status", "--json")[1])["url"] == home.server().url


def test_only_the_user_can_read_the_files_and_use_the_server(started: Home) -> None:
    folder, state = started.folder, started.server()
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert folder.key_file.stat().st_mode & 0o777 == 0o600
    url = f"{state.api_url}/admin/version"
    assert httpx.get(url, trust_env=False).status_code == 401
    login = httpx.BasicAuth(*folder.key().split(":"))
    assert httpx.get(url, auth=login, trust_env=False).json() == state.prefect
    listening = [
        line.split() for line in Path("/proc/net/tcp").read_text().splitlines() if f":{state.port:04X} " in line
    ]
    assert {fields[1] for fields in listening if fields[3] == "0A"} == {f"0100007F:{state.port:04X}"}, "loopback only"


def test_server_outlives_an_interrupted_command(started: Home) -> None:
    before = started.server()
    with started.start(*TOYS, "add-up", "stones", "--seconds", "120") as command:
        lines = lines_until(command, "adding: 0 %")
        os.killpg(command.pid, signal.SIGINT)
        command.communicate(timeout=120)
    assert command.returncode == 130
    assert not any(STARTED in line for line in lines), "it uses the server that runs"
    assert running(started.folder) == before


@pytest.mark.slow
def test_killed_server_is_started_again_at_its_address(started: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that have been running meanwhile know no other address."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(started.path / "cache"))
    before = kill(started)
    said: list[str] = []
    with using_server(started.folder, 60, said.append) as state:
        assert (state.port, state.answers()) == (before.port, True)
        assert state.pid != before.pid
    assert said == ["the local Prefect server ended unexpectedly; starting it again"]


def test_process_with_the_id_of_a_dead_server_is_left_alone(
    started: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Folder(tmp_path / "prefect")
    folder.create()
    monkeypatch.setattr("flows.local_server.lifecycle._START_SECONDS", 0.2)
    with subprocess.Popen(["sleep", "60"]) as other:
        folder.write_state(with_fields(started.server(), pid=other.pid))
        assert running(folder) is None
        with closing(folder.server_lock()) as starting:
            assert starting.try_alone()
            with pytest.raises(LocalServerError, match=r"holds .*server\.lock and does not end"):
                stop(folder)
        assert stop(folder) is None
        assert other.poll() is None
        other.kill()
    assert folder.state() is None


def test_commands_of_another_prefect_keep_their_server(started: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    state = started.server()
    started.folder.write_state(with_fields(state, prefect="3.8.7"))
    monkeypatch.setattr("flows.local_server.lifecycle._REPLACE_SECONDS", 0.2)
    users = started.folder.users_lock()
    users.share()
    message = r"commands use the local server of Prefect 3\.8\.7, but this command has .*sightline server stop"
    with pytest.raises(LocalServerError, match=message), using_server(started.folder, 60, print):
        pytest.fail("a second server uses the database")
    users.close()
    started.folder.write_state(state)
    assert running(started.folder) == state


def test_server_of_another_machine_is_named(started: Home) -> None:
    state = started.server()
    started.folder.write_state(with_fields(state, machine="elsewhere"))
    with pytest.raises(LocalServerError, match="runs on elsewhere, and only one server can use its database"):
        stop(started.folder)
    started.folder.write_state(state)


def test_folder_that_cannot_be_written_is_named_with_the_fix(home: Home) -> None:
    status, _, errors = home.run(*SERVER, "start", XDG_STATE_HOME="/dev/null/state")
    assert status == 1
    assert errors.startswith("sightline: server: the local server needs /dev/null/state/sightline/prefect: Not a dir")
    assert "set XDG_STATE_HOME to another folder, or set LOCAL_SERVER=temporary" in errors


def test_full_disk_is_named_with_the_fix(home: Home, tmp_path: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))

    status, _, errors = home.run(*SERVER, "start", XDG_STATE_HOME=str(tmp_path), preexec=limit)
    assert status == 1
    assert f"the local server needs {tmp_path}/sightline/prefect: File too large" in errors
    assert running(Folder(tmp_path / "sightline" / "prefect")) is None


def test_off_is_no_server(home: Home) -> None:
    status, _, errors = home.run(*TOYS, "add-up", "stones", LOCAL_SERVER="off")
    reason = "there is no Prefect server: set PREFECT_API_URL, or LOCAL_SERVER=persistent"
    assert (status, errors) == (1, f"sightline: add-up could not run: {reason}\n")


def test_database_of_make_ui_before_0_2_is_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    folder = Folder(tmp_path / "sightline")
    assert earlier_database(folder) is None
    (tmp_path / "prefect.db").touch()
    assert earlier_database(folder) == tmp_path / "prefect.db"
