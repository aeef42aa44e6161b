"""Erasing a patient from a Prefect server through its API, and from the results that Prefect keeps in files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    LogFilter,
    LogFilterFlowRunId,
    TaskRunFilter,
    TaskRunFilterFlowRunId,
)
from prefect.client.schemas.objects import FlowRun, Log, StateType
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from pydantic import BaseModel

from sightline.erasure import ERASED, Kept, Traces
from tasks.erasure_database import FoundRows

__all__ = ["erase_runs", "hide_parameters", "result_folder", "unreachable_events"]

_PAGE = 200
_RUNS = 50
_WORKING = frozenset({StateType.RUNNING, StateType.PENDING, StateType.CANCELLING})
_OUTPUTS = ("folder", "output", "target")

Item = TypeVar("Item")


def erase_runs(traces: Traces, *, except_run: UUID | None = None, dry: bool = False) -> FoundRows:
    """Delete every flow run that names the patient, with its tasks, logs, inputs and artifacts, and what else does.

    Args:
        traces: The patient.
        except_run: The run that erases; it is not deleted.
        dry: Only return what there is.
    """
    found = FoundRows()
    with get_client(sync_client=True) as client:
        every = list(_pages(client.read_flow_runs))
        runs: set[UUID | None] = {run.id for run in every if traces.names(run.model_dump_json())}
        runs |= {
            task_run.flow_run_id
            for task_run in _pages(client.read_task_runs)
            if traces.names(task_run.model_dump_json())
        }
        for artifact in _pages(lambda **page: client.read_artifacts(artifact_filter=None, **page)):
            if traces.names(artifact.model_dump_json()):
                runs.add(artifact.flow_run_id)
                if artifact.flow_run_id is None:
                    found.rows += 1
                    if not dry:
                        client.delete_artifact(artifact.id)
        others = [run.id for run in every if run.id not in runs]
        runs |= {log.flow_run_id for log in _logs(client, others) if traces.names(log.message)}
        chosen = [run for run in runs if run is not None and run != except_run]
        for identifier in chosen:
            _describe(client, identifier, found, traces)
        if not dry:
            for identifier in chosen:
                _delete(client, identifier)
        found.runs = {str(identifier) for identifier in chosen}
        found.rows += len(chosen)
        _settings(client, traces, found, dry=dry)
    return found


def hide_parameters(run: UUID) -> None:
    """Replace the parameters of the run that erases, which name the patient, by a note."""
    with get_client(sync_client=True) as client:
        stored = client.read_flow_run(run)
        client.update_flow_run(run, parameters=dict.fromkeys(stored.parameters, ERASED))


def result_folder() -> Path:
    """Return the folder of the results that flows and tasks of this machine have cached."""
    return Path(get_current_settings().results.local_storage_path)


def unreachable_events() -> Kept:
    """Return the note on a server's events, which its API cannot delete."""
    return Kept(
        what="the Prefect server's events and log files, and deleted rows in its database's files",
        why="its API does not delete them",
        fix="The events expire after PREFECT_SERVER_EVENTS_RETENTION_PERIOD, 7 days by default. Delete them from the "
        "tables events and event_resources, and run VACUUM FULL, if that is too long",
    )


def _describe(client: SyncPrefectClient, identifier: UUID, found: FoundRows, traces: Traces) -> None:
    try:
        run = client.read_flow_run(identifier)
    except ObjectNotFound:
        return
    if run.state_type in _WORKING:
        found.working.add(f"{run.name} ({run.id})")
    places = (run.parameters.get(name) for name in _OUTPUTS)
    found.outputs |= {f"{_flow_of(client, run)}: {place}" for place in places if isinstance(place, str)}
    of_run = TaskRunFilter(flow_run_id=TaskRunFilterFlowRunId(any_=[identifier]))
    for task_run in _pages(lambda **page: client.read_task_runs(task_run_filter=of_run, **page)):
        found.transcripts |= traces.transcripts_in(task_run.model_dump_json())


def _flow_of(client: SyncPrefectClient, run: FlowRun) -> str:
    return client.read_flow(run.flow_id).name


def _delete(client: SyncPrefectClient, run: UUID) -> None:
    of_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run]))
    artifacts = list(_pages(lambda **page: client.read_artifacts(artifact_filter=of_run, **page)))
    for artifact in artifacts:
        try:
            client.delete_artifact(artifact.id)
        except ObjectNotFound:  # an earlier attempt was killed here
            continue
    try:
        client.delete_flow_run(run)
    except ObjectNotFound:
        return


def _logs(client: SyncPrefectClient, runs: Sequence[UUID]) -> Iterator[Log]:
    # Run by run, which the database has an index for: its search for text reads all lines, and fails on SQLite.
    for start in range(0, len(runs), _RUNS):
        of_runs = LogFilter(flow_run_id=LogFilterFlowRunId(any_=list(runs[start : start + _RUNS])))
        yield from _pages(partial(client.read_logs, of_runs))


def _settings(client: SyncPrefectClient, traces: Traces, found: FoundRows, *, dry: bool) -> None:
    for variable in client.read_variables(limit=_PAGE):
        if traces.names(variable.model_dump_json()):
            found.rows += 1
            if not dry:
                client.delete_variable_by_name(variable.name)
    for limit in _pages(client.read_global_concurrency_limits):
        if traces.names(limit.name):
            found.rows += 1
            if not dry:
                client.delete_global_concurrency_limit_by_name(limit.name)
    for tagged in _pages(client.read_concurrency_limits):
        if traces.names(tagged.tag):
            found.rows += 1
            if not dry:
                client.delete_concurrency_limit_by_tag(tagged.tag)
    kept: tuple[tuple[str, Callable[..., Sequence[BaseModel]]], ...] = (
        ("deployment", client.read_deployments),
        ("block", client.read_block_documents),
    )
    for kind, read in kept:
        for item in _pages(read):
            if traces.names(item.model_dump_json()):
                found.settings.add(f"{kind} {getattr(item, 'name', '')}")


def _pages(read: Callable[..., Sequence[Item]]) -> Iterator[Item]:
    offset = 0
    while page := read(limit=_PAGE, offset=offset):
        yield from page
        if len(page) < _PAGE:
            return
        offset += len(page)
