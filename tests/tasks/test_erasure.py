"""Erasing a patient from Prefect: its API, and the file of its database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect import flow, get_client, task
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.events import emit_event
from prefect.logging import get_run_logger
from prefect.settings import get_current_settings
from prefect.states import Running
from prefect.variables import Variable
from sqlalchemy.engine import make_url

from sightline.erasure import Traces
from sightline.names import PatientName
from tasks.erasure_database import compact, erase_rows
from tasks.erasure_runs import erase_runs, hide_parameters

pytestmark = pytest.mark.integration

SENTENCE = "I am happy about the zebra"


@flow(name="look", flow_run_name="look at {patient}")
def look(patient: str) -> UUID:
    """Leave traces of the patient wherever a flow can."""
    from prefect.runtime import flow_run

    @task(task_run_name="see {who}")
    def see(who: str) -> None:
        create_markdown_artifact(f"{who}: {SENTENCE}", key="session", description=who)

    see(patient)
    get_run_logger().warning("%s was seen", patient)
    emit_event("seen", resource={"prefect.resource.id": f"session.{patient}"}, payload={"said": SENTENCE})
    return UUID(str(flow_run.id))


def traces(patient: str, *others: str) -> Traces:
    return Traces(PatientName.parse(patient), others)


def exists(run: UUID) -> bool:
    with get_client(sync_client=True) as client:
        return bool(client.read_flow_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run]))))


def copy_of_database(folder: Path) -> Path:
    """Return a copy of the database of the server of the tests, in WAL mode."""
    connection = get_current_settings().server.database.connection_url
    assert connection
    source = str(make_url(connection.get_secret_value()).database)
    with closing(sqlite3.connect(source)) as original, closing(sqlite3.connect(folder / "prefect.db")) as copy:
        original.backup(copy)
    return folder / "prefect.db"


def stored_bytes(database: Path) -> bytes:
    files = [database, database.with_name(f"{database.name}-wal")]
    return b"".join(file.read_bytes() for file in files if file.exists())


@pytest.fixture
def variable() -> Iterator[str]:
    Variable.set("last_patient", "zora")
    yield "last_patient"
    Variable.unset("last_patient")


def test_file_of_the_database_does_not_contain_the_patient(tmp_path: Path, variable: str) -> None:
    gone, stays = look("zora"), look("zorabel")
    database = copy_of_database(tmp_path)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(
            "INSERT INTO events (occurred, event, resource_id, resource, payload, received, recorded, id) "
            "VALUES ('2026', 'seen', 'session.zora', '{}', ?, '2026', '2026', 'e1')",
            (SENTENCE,),
        )
        connection.execute(
            "INSERT INTO log (id, name, level, flow_run_id, message, timestamp) VALUES ('l1', 'x', 20, ?, ?, '2026')",
            (str(gone), f"zora: {SENTENCE}"),
        )
        connection.commit()
        found = erase_rows(database, traces("zora"))
    assert found.runs == {str(gone)}
    assert compact(database)
    content = stored_bytes(database)
    assert b"zorabel" in content
    assert b"zora" not in content.replace(b"zorabel", b"")
    with closing(sqlite3.connect(database)) as connection:
        left = connection.execute("SELECT id FROM flow_run WHERE id IN (?, ?)", (str(gone), str(stays))).fetchall()
        latest = connection.execute("SELECT description FROM artifact_collection WHERE key = 'session'").fetchall()
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert left == [(str(stays),)]
    assert latest == [("zorabel",)]
    assert erase_rows(database, traces("zora"), dry=True).rows == 0


def test_rows_are_counted_without_being_removed(tmp_path: Path) -> None:
    look("zora")
    database = copy_of_database(tmp_path)
    first = erase_rows(database, traces("zora"), dry=True)
    assert first.rows > 0
    assert erase_rows(database, traces("zora"), dry=True) == first


def test_run_in_progress_is_named(tmp_path: Path) -> None:
    run = look("zora")
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run, Running(), force=True)
    found = erase_rows(copy_of_database(tmp_path), traces("zora"), dry=True)
    assert [str(run) in text for text in found.working] == [True]
    assert any(str(run) in text for text in erase_runs(traces("zora"), dry=True).working)
    erase_runs(traces("zora"))


def test_api_deletes_what_names_the_patient(variable: str) -> None:
    gone, stays = look("zora"), look("zorabel")
    erase_runs(traces("zora"))
    assert (exists(gone), exists(stays)) == (False, True)
    with get_client(sync_client=True) as client:
        described = [artifact.description for artifact in client.read_artifacts(limit=200)]
        assert client.read_variable_by_name(variable) is None
    assert "zorabel" in described
    assert "zora" not in described
    assert erase_runs(traces("zora"), dry=True).rows == 0


def test_run_that_erases_keeps_no_parameter() -> None:
    run = look("zora")
    hide_parameters(run)
    with get_client(sync_client=True) as client:
        stored: dict[str, Any] = client.read_flow_run(run).parameters
    assert "zora" not in str(stored)
    erase_runs(traces("zora"))
