"""Uploads: their identity, their leases, and the runs that process them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from typing import Literal
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterIdempotencyKey
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_run_logger
from prefect.runtime import deployment as own_deployment
from prefect.runtime import flow_run
from prefect.states import Scheduled
from pydantic import BaseModel, ConfigDict

from sightline import storage
from sightline.clock import now_in_utc
from sightline.errors import InvalidInput
from sightline.leases import LeaseTaken
from sightline.settings import settings
from sightline.uploads import MAX_ATTEMPTS, Kind, Upload, UploadLease, UploadOutcome, UploadRules, Uploads
from tasks.support.policy import ON_SERVER, ON_STORAGE, sightline_task

__all__ = [
    "Missed",
    "Started",
    "current_version",
    "find_missed",
    "find_upload",
    "start_uploads",
    "upload_lease",
]

_LEASE = timedelta(minutes=1)
_PAUSE = 2.0  # seconds between two attempts to take a lease


class Missed(BaseModel):
    """The result of a search for uploads; ``uploads`` are those that no run has processed."""

    model_config = ConfigDict(frozen=True)

    found: int
    done: int
    failed: int
    uploads: tuple[Upload, ...]


class Started(BaseModel):
    """What a sweep did with an upload; ``run`` is the id of its run.

    The run is started, for the first time or again, or waits or runs already; or a person cancelled it; or it crashed,
    and the reconciler retries it; or it is given up; or it has been processed or has failed since the search.
    """

    model_config = ConfigDict(frozen=True)

    uri: str
    outcome: Literal["started", "cancelled", "crashed", "given up", "processed", "failed"]
    run: str


def current_version(uri: str) -> str:
    """Return the current version of a file. Raises ``InvalidInput`` if there is no file."""
    location = storage.locate(uri)
    try:
        return storage.stored(location).version
    except FileNotFoundError as error:
        raise InvalidInput(storage.uri_of(location), "there is no such file", "Check the path") from error


@sightline_task(**ON_STORAGE)
def find_upload(uri: str, version: str | None, kind: Kind | None) -> tuple[Upload, bool]:
    """Return the file as an upload, and whether ``version`` is its current version.

    Raises ``InvalidInput`` for a missing file, and for one that matches no rule.
    """
    absolute = storage.uri_of(storage.locate(uri))
    current = current_version(absolute)
    upload = UploadRules.of(settings()).upload(absolute, version or current)
    if upload is None:
        raise InvalidInput(
            absolute, "matches no rule of UPLOAD_RULES, by its bucket, folder and suffix",
            "Change the rules, or run process-video or classify-images with it",
        )  # fmt: skip
    return Upload(upload.root, upload.uri, upload.version, kind or upload.kind, upload.patient), (
        upload.version == current
    )


@contextmanager
def upload_lease(upload: Upload, *, again: bool) -> Iterator[UploadLease]:
    """Hold the lease on this version.

    Raises ``Settled`` if it needs no processing, ``LeaseTaken`` if another run has it, and ``InvalidInput`` if it is
    given up.

    A killed run that is repeated finds its own earlier lease, and waits until that expires.
    """
    uploads, holder = _uploads(upload), _this_run()
    # The reconciler and the sweep limit the attempts of a deployment's run, and a person may start it once more.
    max_attempts = MAX_ATTEMPTS if own_deployment.id is None else None
    deadline = time.monotonic() + 2 * _LEASE.total_seconds()
    with ExitStack() as stack:
        while True:
            try:
                lease = stack.enter_context(uploads.take(upload, holder, again=again, max_attempts=max_attempts))
                break
            except LeaseTaken as taken:
                if taken.holder != holder or time.monotonic() > deadline:
                    raise
                time.sleep(_PAUSE)
        yield lease


@sightline_task(**ON_STORAGE)
def find_missed(older_than: timedelta, *, retry_failed: bool) -> Missed:
    """Count the uploads that have not changed for ``older_than``, and return those that no run has processed.

    With ``retry_failed``, the uploads whose processing failed are also returned.
    """
    uploads = list(UploadRules.of(settings()).find(now_in_utc() - older_than))
    outcomes: dict[str, UploadOutcome] = {}
    for root in {upload.root for upload in uploads}:
        outcomes |= Uploads(storage.locate(root), now_in_utc).outcomes()
    outcome_of = {upload.id: outcomes.get(str(upload.id)) for upload in uploads}
    counts = Counter(outcome_of.values())
    wanted = {None, UploadOutcome.FAILED} if retry_failed else {None}
    return Missed(
        found=len(uploads),
        done=counts[UploadOutcome.DONE],
        failed=counts[UploadOutcome.FAILED],
        uploads=tuple(upload for upload in uploads if outcome_of[upload.id] in wanted),
    )


@sightline_task(**ON_SERVER)
def start_uploads(uploads: Sequence[Upload], deployment: str, *, again: bool) -> list[Started]:
    """Start the run of every upload; an upload has one run, with the same idempotency key as in the listener.

    A run that failed without a record, or skipped the upload because another run had it, is started again, up to
    three failures in total. A run that a person cancelled stays cancelled until a person restarts it. The reconciler
    retries crashed runs.

    Args:
        uploads: The uploads.
        deployment: The deployment that creates a run that does not exist yet, as FLOW/NAME.
        again: Start every run again that is not cancelled, also if it failed, crashed or was given up.

    Raises ``InvalidInput`` if there is no such deployment.
    """
    logger = get_run_logger()
    results = []
    with get_client(sync_client=True) as client:
        try:
            deployment_id = client.read_deployment_by_name(deployment).id
        except ObjectNotFound as error:
            raise InvalidInput(
                deployment, "there is no such deployment",
                "Deploy process-upload, give another with --deployment, or none to process the uploads here",
            ) from error  # fmt: skip
        for upload in uploads:
            started = _start(client, deployment_id, upload, again=again)
            logger.info("%s: %s, run %s", started.uri, started.outcome, started.run)
            results.append(started)
    return results


def _uploads(upload: Upload) -> Uploads:
    return Uploads(storage.locate(upload.root), now_in_utc, _LEASE)


def _this_run() -> str:
    return f"run {flow_run.name} ({flow_run.id})"


def _start(client: SyncPrefectClient, deployment_id: UUID, upload: Upload, *, again: bool) -> Started:
    if again:
        _reopen(client, upload)
    run = client.create_flow_run_from_deployment(
        deployment_id,
        parameters={"uri": upload.uri, "object_version": upload.version, "kind": upload.kind},
        idempotency_key=str(upload.id),
    )
    return Started(uri=upload.uri, outcome=_start_again(client, run, upload, again=again), run=str(run.id))


def _reopen(client: SyncPrefectClient, upload: Upload) -> None:
    """Remove the record of a failure, which another run may have written, unless a person cancelled the run."""
    key = FlowRunFilterIdempotencyKey(any_=[str(upload.id)])
    runs = client.read_flow_runs(flow_run_filter=FlowRunFilter(idempotency_key=key))
    if not any(_is_cancelled(run) for run in runs):
        with suppress(LeaseTaken):  # A run is processing it.
            _uploads(upload).reopen(upload, _this_run())


def _is_cancelled(run: FlowRun) -> bool:
    return run.state is not None and run.state.is_cancelled()


def _start_again(
    client: SyncPrefectClient, run: FlowRun, upload: Upload, *, again: bool
) -> Literal["started", "cancelled", "crashed", "given up", "processed", "failed"]:
    """Schedule a run again that has ended and should not have; return the outcome."""
    state = run.state
    if state is None or not state.is_final():
        return "started"
    if state.is_cancelled():
        return "cancelled"
    if record := _uploads(upload).record(upload):  # written since the search
        return "processed" if record.outcome is UploadOutcome.DONE else "failed"
    if state.is_crashed() and not again:
        return "crashed"
    failures = sum(earlier.is_failed() for earlier in client.read_flow_run_states(run.id))
    if failures >= MAX_ATTEMPTS and not again:
        return "given up"
    scheduled: State[None] = Scheduled(name="AwaitingRetry", message=f"Started again by {_this_run()}")
    client.set_flow_run_state(run.id, scheduled, force=True)
    return "started"
