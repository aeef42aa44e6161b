"""Uploads: their identity, their leases, and the runs that process them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Literal, TypeAlias, cast

from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from pydantic import BaseModel, ConfigDict

from sightline import storage
from sightline.clock import now_in_utc
from sightline.errors import InvalidInput
from sightline.leases import LeaseTaken
from sightline.settings import settings
from sightline.uploads import MAX_ATTEMPTS, Upload, UploadLease, UploadOutcome, UploadRules, Uploads
from tasks.support.policy import ON_SERVER, ON_STORAGE, sightline_task

__all__ = [
    "Kind",
    "Missed",
    "Started",
    "current_version",
    "find_missed",
    "find_upload",
    "start_uploads",
    "upload_lease",
]

Kind: TypeAlias = Literal["video", "image"]

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
    """What a sweep did with an upload; ``run`` is the id of its run."""

    model_config = ConfigDict(frozen=True)

    uri: str
    outcome: Literal["started", "cancelled", "given up"]
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

    Raises ``Settled`` if it needs no processing, and ``LeaseTaken`` if another run has it.

    A killed run that is repeated finds its own earlier lease, and waits until that expires.
    """
    uploads, holder = Uploads(storage.locate(upload.root), now_in_utc, _LEASE), _this_run()
    deadline = time.monotonic() + 2 * _LEASE.total_seconds()
    with ExitStack() as stack:
        while True:
            try:
                lease = stack.enter_context(uploads.take(upload, holder, again=again))
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
    """Start one run of the deployment for every upload; repeated calls start no further run.

    A version whose run ended without processing it, for example by a crash, gets another run, up to three in total.
    ``again`` starts a run whatever the outcome. Raises ``InvalidInput`` if there is no such deployment.
    """
    logger = get_run_logger()
    results = []
    for upload in uploads:
        started = _start(upload, deployment, again=again)
        logger.info("%s: %s, run %s", started.uri, started.outcome, started.run)
        results.append(started)
    return results


def _this_run() -> str:
    return f"run {flow_run.name} ({flow_run.id})"


def _start(upload: Upload, deployment: str, *, again: bool) -> Started:
    key, ended = f"{upload.id} {flow_run.id}" if again else str(upload.id), 0
    while True:
        run = _run(upload, deployment, key, again=again)
        state = run.state
        if state is None or not state.is_final():
            return Started(uri=upload.uri, outcome="started", run=str(run.id))
        if state.is_cancelled():
            return Started(uri=upload.uri, outcome="cancelled", run=str(run.id))
        # A completed run has skipped the upload because another run had it; that one may have been killed since.
        ended += not state.is_completed()
        if ended >= MAX_ATTEMPTS:
            return Started(uri=upload.uri, outcome="given up", run=str(run.id))
        key = str(run.id)


def _run(upload: Upload, deployment: str, key: str, *, again: bool) -> FlowRun:
    parameters = {"uri": upload.uri, "object_version": upload.version, "kind": upload.kind, "again": again}
    try:
        return cast(
            "FlowRun",
            run_deployment(deployment, parameters=parameters, timeout=0, idempotency_key=key, as_subflow=False),
        )
    except ObjectNotFound as error:
        raise InvalidInput(
            deployment, "there is no such deployment",
            "Deploy process-upload, give another with --deployment, or none to process the uploads here",
        ) from error  # fmt: skip
