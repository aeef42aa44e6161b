"""Erasing a patient from the database of a Prefect server on this machine, which is a SQLite file.

The server's API deletes runs but not events, and SQLite keeps deleted rows in free pages and in the write-ahead log.
This removes the rows and rewrites the file. A server may use the file meanwhile.
"""

# The names of tables and columns in the statements are the database's own.
# ruff: noqa: S608

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from sightline.erasure import Traces

__all__ = ["FoundRows", "compact", "erase_rows"]

_BUSY_SECONDS = 60.0
_SETTINGS = frozenset(
    {
        "automation", "automation_related_resource", "block_document", "deployment", "deployment_schedule",
        "deployment_version", "flow", "work_pool", "work_queue", "worker", "agent",
    }
)  # fmt: skip
"""Tables that people configure: what names the patient there is reported, not removed."""
_FIXED = frozenset({"alembic_version", "configuration", "csrf_token", "block_type", "block_schema", "sqlite_sequence"})
_WORKING = frozenset({"RUNNING", "PENDING", "CANCELLING"})
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_EXPORTS = re.compile(r'"(?:folder|output|target)": ?"([^"]+)"')


@dataclass
class FoundRows:
    """What names a patient on a Prefect server.

    ``runs``: the flow runs that do. ``working``: those of them that are in progress. ``rows``: the rows of all tables,
    or the runs and other things of a server's API. ``settings``: deployments and the like, as text. ``transcripts``:
    the keys of cached results. ``outputs``: where these runs wrote files.
    """

    rows: int = 0
    runs: set[str] = field(default_factory=set)
    working: set[str] = field(default_factory=set)
    settings: set[str] = field(default_factory=set)
    transcripts: set[str] = field(default_factory=set)
    outputs: set[str] = field(default_factory=set)


def erase_rows(database: Path, traces: Traces, *, except_run: str | None = None, dry: bool = False) -> FoundRows:
    """Remove every flow run that names the patient with all that belongs to it, and every other row that does.

    Args:
        database: The SQLite file.
        traces: The patient.
        except_run: The run that erases; it is not removed.
        dry: Only return what there is.
    """
    with closing(sqlite3.connect(database, timeout=_BUSY_SECONDS, isolation_level=None)) as connection:
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("BEGIN" if dry else "BEGIN IMMEDIATE")
        try:
            found = _Search(connection, traces, except_run).found()
            if not dry:
                found.rows = _remove(connection, found, traces, except_run)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
    return found


def compact(database: Path) -> bool:
    """Rewrite the file without what was deleted, and empty the write-ahead log; return whether nothing prevented it."""
    with closing(sqlite3.connect(database, timeout=_BUSY_SECONDS, isolation_level=None)) as connection:
        connection.execute("VACUUM")
        busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


class _Search:
    def __init__(self, connection: sqlite3.Connection, traces: Traces, except_run: str | None) -> None:
        self._connection = connection
        self._traces = traces
        self._except_run = except_run
        self._tables = _tables(connection)

    def found(self) -> FoundRows:
        found = FoundRows()
        owners: set[str] = set()
        for table, columns in self._tables.items():
            if table in _FIXED:
                continue
            for row in self._connection.execute(f'SELECT * FROM "{table}"'):
                text = _text(row)
                if not self._traces.names(text):
                    continue
                fields = dict(zip(columns, row, strict=True))
                if table in _SETTINGS:
                    found.settings.add(f"{table.replace('_', ' ')} {fields.get('name') or fields.get('slug') or ''}")
                    continue
                owners |= {str(fields.get(column)) for column in ("flow_run_id", "task_run_id") if fields.get(column)}
                owners |= {str(fields["id"])} if table in ("flow_run", "task_run") else set()
                if str(fields.get("id")) != self._except_run and fields.get("flow_run_id") != self._except_run:
                    found.rows += 1
        found.runs = self._closed(owners) - {self._except_run}
        for run in found.runs:
            self._describe(run, found)
        return found

    def _closed(self, owners: set[str]) -> set[str]:
        """Return the flow runs of the flow and task runs ``owners``, with all runs that these have started."""
        run_of = dict(self._connection.execute("SELECT id, flow_run_id FROM task_run"))
        parents = list(self._connection.execute("SELECT id, parent_task_run_id FROM flow_run"))
        runs = {run for run, _ in parents} & (owners | {run_of.get(owner) for owner in owners})
        while more := {run for run, task in parents if task and run_of.get(task) in runs} - runs:
            runs |= more
        return runs

    def _describe(self, run: str, found: FoundRows) -> None:
        row = self._connection.execute(
            "SELECT f.name, r.name, r.state_type, r.parameters FROM flow_run r JOIN flow f ON f.id = r.flow_id "
            "WHERE r.id = ?",
            (run,),
        ).fetchone()
        flow, name, state, parameters = row
        if state in _WORKING:
            found.working.add(f"{flow} ({name}, {run})")
        found.outputs |= {f"{flow}: {place}" for place in _EXPORTS.findall(str(parameters))}
        for table in ("flow_run_state", "task_run", "task_run_state"):
            if table not in self._tables:
                continue
            column = "task_run_id" if table == "task_run_state" else "flow_run_id"
            source = "(SELECT id FROM task_run WHERE flow_run_id = ?)" if column == "task_run_id" else "(?)"
            for values in self._connection.execute(f'SELECT * FROM "{table}" WHERE {column} IN {source}', (run,)):
                found.transcripts |= self._traces.transcripts_in(_text(values))


def _remove(connection: sqlite3.Connection, found: FoundRows, traces: Traces, except_run: str | None) -> int:
    """Remove the rows, and return their number."""
    tables = _tables(connection)
    connection.execute("CREATE TEMP TABLE gone (id TEXT PRIMARY KEY)")
    connection.executemany("INSERT INTO gone VALUES (?)", [(run,) for run in found.runs])
    connection.execute("INSERT INTO gone SELECT id FROM task_run WHERE flow_run_id IN (SELECT id FROM gone)")
    gone = {row[0] for row in connection.execute("SELECT id FROM gone")}
    before = connection.total_changes
    for table, columns in tables.items():
        if table in _FIXED or table in _SETTINGS:
            continue
        owned = [column for column in ("flow_run_id", "task_run_id") if column in columns]
        for column in owned:
            if table not in ("flow_run", "task_run", "artifact_collection"):
                connection.execute(f'DELETE FROM "{table}" WHERE "{column}" IN (SELECT id FROM gone)')
    if "events" in tables:
        _remove_events(connection, tables, gone)
    connection.execute("DELETE FROM task_run WHERE id IN (SELECT id FROM gone)")
    connection.execute("DELETE FROM flow_run WHERE id IN (SELECT id FROM gone)")
    for table, columns in tables.items():
        if table in _FIXED or table in _SETTINGS:
            continue
        # What names the patient and belongs to no run, or to the run that erases.
        identity = columns.index("id") if "id" in columns else None
        others = [
            (rowid,)
            for rowid, *row in connection.execute(f'SELECT rowid, * FROM "{table}"')
            if not (table == "flow_run" and identity is not None and row[identity] == except_run)
            and traces.names(_text(row))
        ]
        connection.executemany(f'DELETE FROM "{table}" WHERE rowid = ?', others)
    removed = connection.total_changes - before
    if "artifact_collection" in tables:
        _repair_collections(connection)
    connection.execute("DROP TABLE gone")
    return removed


def _remove_events(connection: sqlite3.Connection, tables: dict[str, list[str]], gone: set[str]) -> None:
    of_runs = [
        (identifier,)
        for identifier, *texts in connection.execute("SELECT id, resource_id, related_resource_ids FROM events")
        if any(match[0] in gone for match in _ID.finditer(_text(texts)))
    ]
    connection.executemany("DELETE FROM events WHERE id = ?", of_runs)
    if "event_resources" in tables:
        connection.executemany("DELETE FROM event_resources WHERE event_id = ?", of_runs)


def _repair_collections(connection: sqlite3.Connection) -> None:
    """Let the latest artifact of every key be one that exists."""
    stale = "SELECT key FROM artifact_collection WHERE latest_id NOT IN (SELECT id FROM artifact)"
    for (key,) in connection.execute(stale).fetchall():
        latest = connection.execute(
            "SELECT id, task_run_id, flow_run_id, type, data, description, metadata_ FROM artifact WHERE key = ? "
            "ORDER BY created DESC LIMIT 1",
            (key,),
        ).fetchone()
        if latest is None:
            connection.execute("DELETE FROM artifact_collection WHERE key = ?", (key,))
        else:
            connection.execute(
                "UPDATE artifact_collection SET latest_id = ?, task_run_id = ?, flow_run_id = ?, type = ?, data = ?, "
                "description = ?, metadata_ = ? WHERE key = ?",
                (*latest, key),
            )


def _tables(connection: sqlite3.Connection) -> dict[str, list[str]]:
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {
        name: [row[1] for row in connection.execute(f'PRAGMA table_info("{name}")')]
        for name in names
        if not name.startswith("sqlite_")
    }


def _text(values: Iterable[object]) -> str:
    return "\n".join(_texts(values))


def _texts(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        if isinstance(value, bytes):
            yield value.decode("utf-8", "replace")
        elif isinstance(value, str):
            yield value
