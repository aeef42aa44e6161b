"""The steps of erasing a patient, for the command and for the flow of the same name."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from prefect.settings import get_current_settings

from flows.local_server import Folder, default_folder, earlier_database, running, stop
from sightline.clock import now_in_utc
from sightline.erasure import Erased, Erasure, Kept, Scope, Traces, erase_cache, erase_stores, running_work
from sightline.errors import SightlineError
from sightline.names import PatientName
from sightline.settings import Settings, settings
from tasks.erasure_database import FoundRows, compact, erase_rows
from tasks.erasure_runs import erase_runs, result_folder, unreachable_events

__all__ = ["erase"]

_FLUSH_SECONDS = 6.0
"""A server writes events and logs at most this long after they happened."""
_PASSES = 5


@dataclass(frozen=True)
class _Servers:
    """The Prefect servers.

    ``databases`` are files of this machine, ``live`` if a server uses one of them, ``remote`` if there is a server
    whose database cannot be reached.
    """

    databases: tuple[Path, ...]
    caches: tuple[Path, ...]
    logs: tuple[Path, ...]
    live: bool
    remote: bool


@dataclass
class _Notes:
    erased: list[Erased] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)

    @property
    def report(self) -> tuple[bool, tuple[Erased, ...], tuple[Kept, ...]]:
        kept = tuple(dict.fromkeys(self.kept))
        return not any(item.failed for item in kept), tuple(self.erased), kept


def erase(
    patient: PatientName,
    *,
    even_if_running: bool = False,
    own_run: UUID | None = None,
    before_last: Callable[[], None] = lambda: None,
) -> Erasure:
    """Erase everything that is stored about the patient, and return what was and what was not.

    It can be killed at any time and run again. Raises :class:`~sightline.errors.SightlineError` if work on the
    patient's data is in progress.

    Args:
        patient: The patient.
        even_if_running: Erase although a run of the patient seems to be in progress.
        own_run: The flow run that erases, which is not erased.
        before_last: Called after everything else, before the databases are searched again and compacted.
    """
    config = settings()
    scope, notes = Scope.of(config, patient), _Notes()
    with _servers() as servers:
        if not even_if_running:
            _refuse_if_running(scope, servers, own_run)
        keys = _erase_prefect(scope.traces, servers, own_run, notes)
        for folder in servers.caches:
            removed = erase_cache(folder, scope.traces, keys)
            if removed.versions:
                notes.erased.append(Erased(store="cached results", place=str(folder), count=removed.versions))
        erased, kept = erase_stores(scope)
        notes.erased += erased
        notes.kept += kept
        before_last()
        _finish(scope, servers, own_run, notes)
    notes.kept += _out_of_reach(config, servers)
    complete, all_erased, all_kept = notes.report
    return Erasure(patient=patient.text, complete=complete, erased=all_erased, not_erased=all_kept)


@contextmanager
def _servers() -> Iterator[_Servers]:
    """Find the servers, and stop the local one if no command uses it: then nothing is written meanwhile."""
    folder, api = default_folder(), get_current_settings().api.url
    local = running(folder)
    is_local = local is not None and api in (None, local.api_url)
    with ExitStack() as stack:
        live = local is not None
        if local is not None and api is None:
            users = stack.enter_context(closing(folder.users_lock()))
            if users.try_alone():
                stop(folder)
                live = False
        earlier = earlier_database(folder)
        yield _Servers(
            databases=_databases(folder, earlier),
            caches=tuple({result_folder(), *([earlier.with_name("storage")] if earlier else [])}),
            logs=(folder.log,),
            live=live,
            remote=api is not None and not is_local,
        )


def _databases(folder: Folder, earlier: Path | None) -> tuple[Path, ...]:
    current = get_current_settings()
    own = current.home / "prefect.db"
    if connection := current.server.database.connection_url:
        from sqlalchemy.engine import make_url

        url = make_url(connection.get_secret_value())
        if url.get_backend_name() == "sqlite" and url.database and ":memory:" not in url.database:
            own = Path(url.database)
    known = [folder.database, *([earlier] if earlier else []), own]
    return tuple(path for path in dict.fromkeys(path.absolute() for path in known) if path.exists())


def _refuse_if_running(scope: Scope, servers: _Servers, own_run: UUID | None) -> None:
    busy = set(running_work(scope, now_in_utc()))
    if servers.live or servers.remote:  # otherwise no command is left that could do what a database states
        for database in servers.databases:
            busy |= erase_rows(database, scope.traces, except_run=_text(own_run), dry=True).working
        if servers.remote:
            busy |= erase_runs(scope.traces, except_run=own_run, dry=True).working
    if busy:
        raise SightlineError(
            f"{scope.patient}: work on this patient is in progress: {'; '.join(sorted(busy))}. Wait for it, or cancel "
            "it. If its process has been killed, give --even-if-running"
        )


def _erase_prefect(traces: Traces, servers: _Servers, own_run: UUID | None, notes: _Notes) -> set[str]:
    """Erase the patient's runs; return the keys of their cached transcripts."""
    keys: set[str] = set()
    if servers.remote:
        found = erase_runs(traces, except_run=own_run)
        keys |= found.transcripts
        _note(found, "Prefect's runs", str(get_current_settings().api.url), notes)
    for database in servers.databases:
        with _failures(database, notes):
            found = erase_rows(database, traces, except_run=_text(own_run))
            keys |= found.transcripts
            _note(found, "Prefect's runs", str(database), notes)
    return keys


def _finish(scope: Scope, servers: _Servers, own_run: UUID | None, notes: _Notes) -> None:
    """Search everything again, and rewrite the databases without what was deleted."""
    for attempt in range(_PASSES):
        if servers.live or servers.remote:
            time.sleep(_FLUSH_SECONDS)
        found = 0
        if servers.remote:
            found += erase_runs(scope.traces, except_run=own_run).rows
        for database in servers.databases:
            with _failures(database, notes):
                found += erase_rows(database, scope.traces, except_run=_text(own_run)).rows
        if not found:
            break
        if attempt == _PASSES - 1:
            notes.kept.append(_appeared("Prefect's database"))
    for database in servers.databases:
        with _failures(database, notes):
            if not compact(database):
                notes.kept.append(
                    Kept(
                        what=str(database),
                        why="a server reads it, so that deleted rows are still in its write-ahead log",
                        fix="Stop the server with sightline server stop",
                        failed=True,
                    )
                )
    for log in servers.logs:
        _clean_log(log, scope.traces, notes)
    left, _ = erase_stores(scope, dry=True)
    refused = any(item.failed for item in notes.kept)
    notes.kept += [] if refused else [_appeared(f"{item.store} in {item.place}") for item in left]


def _appeared(what: str) -> Kept:
    return Kept(what=what, why="it was written meanwhile", fix="Let no run of the patient start", failed=True)


def _clean_log(log: Path, traces: Traces, notes: _Notes) -> None:
    if not log.exists():
        return
    lines = log.read_text("utf-8", "replace").splitlines(keepends=True)
    others = [line for line in lines if not traces.names(line)]
    if len(others) < len(lines):
        # In place: the server keeps the file open, and appends to it.
        with log.open("r+", encoding="utf-8") as file:
            file.writelines(others)
            file.truncate()
        notes.erased.append(Erased(store="log of the Prefect server", place=str(log), count=len(lines) - len(others)))


def _note(found: FoundRows, store: str, place: str, notes: _Notes) -> None:
    if found.rows:
        notes.erased.append(Erased(store=store, place=place, count=found.rows))
    notes.kept += [
        Kept(what=setting, why="its settings name the patient", fix="Change or delete it in the Prefect UI")
        for setting in sorted(found.settings)
    ]
    notes.kept += [
        Kept(what=output, why="a run of the patient wrote files there", fix="Remove them yourself")
        for output in sorted(found.outputs)
    ]


def _out_of_reach(config: Settings, servers: _Servers) -> Iterator[Kept]:
    if servers.remote:
        yield unreachable_events()
    if config.alert_channels:
        yield Kept(
            what=f"messages that were sent to {', '.join(config.alert_channels)}",
            why="they have left the system",
            fix="Delete them there",
        )
    if config.s3_events_queue_url:
        yield Kept(
            what=f"messages in {config.s3_events_queue_url} and its dead-letter queue",
            why="a queue cannot be searched",
            fix="They expire; purge the dead-letter queue if that is too late",
        )
    temporary = Path(tempfile.gettempdir())
    if left := len(list(temporary.glob("sightline-*"))):
        yield Kept(
            what=f"{left} temporary folders and files, {temporary}/sightline-*",
            why="a command that was killed may have left a copy of a video there",
            fix="Remove them when no command runs",
        )
    yield Kept(
        what="backups, snapshots and replicas of buckets and disks, and logs of containers",
        why="they are not known here",
        fix="Apply the rules of their retention",
    )


@contextmanager
def _failures(database: Path, notes: _Notes) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        notes.kept.append(
            Kept(what=str(database), why=f"SQLite: {error}", fix="Free disk space, or stop its server", failed=True)
        )


def _text(run: UUID | None) -> str | None:
    return None if run is None else str(run)
