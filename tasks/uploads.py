"""Files that arrive: which they are, whether they have been done, and starting what does them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias, cast

from prefect import task
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from pydantic import BaseModel, ConfigDict

from sightline import storage
from sightline.errors import InvalidInput
from sightline.leases import LeaseTaken
from sightline.settings import settings
from sightline.uploads import MAX_TRIES, Claim, Intakes, Outcome, Upload, Uploads
from tasks.support.policy import ON_SERVER, ON_STORAGE

__all__ = [
    "Kind",
    "Missed",
    "Started",
    "claim_of",
    "current_version",
    "find_missed",
    "find_upload",
    "start_uploads",
]

Kind: TypeAlias = Literal["video", "image"]

_LEASE = timedelta(minutes=1)
_PAUSE = 2.0  # seconds between two looks at a lease


class Missed(BaseModel):
    """The uploads that a sweep has found; ``uploads`` are those that no run has processed."""

    model_config = ConfigDict(frozen=True)

    found: int
    done: int
    failed: int
    uploads: tuple[Upload, ...]


class Started(BaseModel):
    """What became of an upload that a sweep has handed on; ``run`` is the identity of the run."""

    model_config = ConfigDict(frozen=True)

    uri: str
    outcome: Literal["started", "cancelled", "given up"]
    run: str


def current_version(uri: str) -> str:
    """The version that the file has at present. Raises ``InvalidInput`` where there is no file."""
    location = storage.locate(uri)
    try:
        return storage.stored(location).version
    except FileNotFoundError as error:
        raise InvalidInput(storage.uri_of(location), "there is no such file", "Check the path") from error


@task(**ON_STORAGE)
def find_upload(uri: str, version: str | None, kind: Kind | None) -> tuple[Upload, bool]:
    """The file as an upload, and whether the version is the one that the file has at present.

    Raises ``InvalidInput`` for a file that is not there, or that no rule takes.
    """
    where = storage.uri_of(storage.locate(uri))
    current = current_version(where)
    upload = Intakes.of(settings()).upload(where, version or current)
    if upload is None:
        raise InvalidInput(
            where, "is taken by no rule of UPLOAD_RULES, by its bucket, its folder or its ending",
            "Change the rules, or run process-video or classify-images with it",
        )  # fmt: skip
    return Upload(upload.root, upload.uri, upload.version, kind or upload.kind, upload.patient), (
        upload.version == current
    )


@contextmanager
def claim_of(upload: Upload, *, again: bool) -> Iterator[Claim]:
    """Have this version to oneself. Raises ``Settled`` where it needs nothing, ``LeaseTaken`` where it is another's.

    A run that was killed and is run again finds its own earlier claim, and waits until that has run out.
    """
    uploads, mine = Uploads(storage.locate(upload.root), _now, _LEASE), _this_run()
    deadline = time.monotonic() + 2 * _LEASE.total_seconds()
    with ExitStack() as stack:
        while True:
            try:
                claim = stack.enter_context(uploads.claim(upload, mine, again=again))
                break
            except LeaseTaken as taken:
                if taken.holder != mine or time.monotonic() > deadline:
                    raise
                time.sleep(_PAUSE)
        yield claim


@task(**ON_STORAGE)
def find_missed(older_than: timedelta, *, retry_failed: bool) -> Missed:
    """The uploads that have lain there for a while, and those of them that no run has processed."""
    found = list(Intakes.of(settings()).find(_now() - older_than))
    outcomes: dict[str, Outcome] = {}
    for root in {upload.root for upload in found}:
        outcomes |= Uploads(storage.locate(root), _now).outcomes()
    of = {upload.id: outcomes.get(str(upload.id)) for upload in found}
    counts = Counter(of.values())
    wanted = {None, Outcome.FAILED} if retry_failed else {None}
    return Missed(
        found=len(found),
        done=counts[Outcome.DONE],
        failed=counts[Outcome.FAILED],
        uploads=tuple(upload for upload in found if of[upload.id] in wanted),
    )


@task(**ON_SERVER)
def start_uploads(uploads: Sequence[Upload], deployment: str, *, again: bool) -> list[Started]:
    """Start a run of the deployment for each, once, however often it is asked for.

    A version whose run ended without processing it, crashed before it began, say, gets another, up to three. ``again``:
    whatever became of it before. Raises ``InvalidInput`` where there is no such deployment.
    """
    logger = get_run_logger()
    done = []
    for upload in uploads:
        started = _start(upload, deployment, again=again)
        logger.info("%s: %s, run %s", started.uri, started.outcome, started.run)
        done.append(started)
    return done


def _this_run() -> str:
    return f"run {flow_run.name} ({flow_run.id})"


def _now() -> datetime:
    return datetime.now(UTC)


def _start(upload: Upload, deployment: str, *, again: bool) -> Started:
    key, ended = f"{upload.id} {flow_run.id}" if again else str(upload.id), 0
    while True:
        run = _run(upload, deployment, key, again=again)
        state = run.state
        if state is None or not state.is_final():
            return Started(uri=upload.uri, outcome="started", run=str(run.id))
        if state.is_cancelled():
            return Started(uri=upload.uri, outcome="cancelled", run=str(run.id))
        # One that completed has found another run at work, which may have been killed since.
        ended += not state.is_completed()
        if ended >= MAX_TRIES:
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
