"""The complete system with the flows for fault injection: its runs, its queue and its files."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from deployments import RUN_LABEL
from deployments.reconciler.reconciler import GIVEN_UP
from tests.docker.chaos.alerts import Inbox
from tests.docker.chaos.components import Components, filters
from tests.docker.chaos.workload.traces import FOLDER, Traces
from tests.docker.stack import await_true, docker

__all__ = ["ENDED", "POOL", "ChaosStack", "Work", "is_due", "unique"]

POOL = "media-docker"
ENDED = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})

_SETTLE = 90  # seconds until the runs of the previous measurement, such as trainings, have ended
_PAGE = 200


@dataclass(frozen=True)
class Work:
    """A piece of work of the flows for fault injection, and its run."""

    key: str
    run: str


@dataclass
class ChaosStack(Components):
    """The system with the flows for fault injection."""

    inbox: Inbox = field(default_factory=Inbox)

    def heal(self) -> None:
        """Start what a failed measurement left stopped or paused, and remove its runs."""
        self.start_all()
        for queue in self.post(f"/work_pools/{POOL}/queues/filter", {}):
            if queue["is_paused"]:
                self.change_queue(queue["name"], is_paused=False)
        deadline = time.monotonic() + _SETTLE
        while (runs := self.active()) and time.monotonic() < deadline:
            time.sleep(2)
        self.remove_runs(run["id"] for run in runs)

    def start_runs(self, flow: str, keys: Iterable[str], **parameters: Any) -> list[Work]:
        """Start a run of a flow for each key."""
        return [Work(key, self.run(flow, key=key, **parameters)) for key in keys]

    def states(self, runs: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return the states of runs that exist."""
        return {run["id"]: run["state"] for run in self.find_runs({"id": {"any_": list(runs)}})} if runs else {}

    def in_progress(self, runs: Sequence[str]) -> list[str]:
        """Return those of the runs that exist and have not ended. A crashed run is retried until it is given up."""
        found = self.find_runs({"id": {"any_": list(runs)}}) if runs else []
        return [
            run["id"]
            for run in found
            if run["state"]["type"] not in ENDED or (run["state"]["type"] == "CRASHED" and GIVEN_UP not in run["tags"])
        ]

    def find_runs(self, criteria: dict[str, Any], flow: str | None = None) -> list[dict[str, Any]]:
        """Return all runs that meet the criteria."""
        body = {"flow_runs": criteria, "sort": "EXPECTED_START_TIME_ASC", "limit": _PAGE}
        if flow is not None:
            body["flows"] = {"name": {"any_": [flow]}}
        found: list[dict[str, Any]] = []
        while True:
            page = self.post("/flow_runs/filter", {**body, "offset": len(found)})
            found += page
            if len(page) < _PAGE:
                return found

    def active(self) -> list[dict[str, Any]]:
        """Return the runs that are in progress or due."""
        runs = self.find_runs({"state": {"type": {"any_": ["SCHEDULED", "PENDING", "RUNNING", "CANCELLING"]}}})
        return [run for run in runs if run["state"]["type"] != "SCHEDULED" or is_due(run)]

    def await_states(self, runs: Sequence[str], *states: str, seconds: float = 240) -> None:
        """Wait until every run is in one of the states, by type or name."""

        def reached() -> bool:
            found = self.states(runs)
            return len(found) == len(runs) and all(
                {state["type"], state["name"]} & set(states) for state in found.values()
            )

        await_true(reached, seconds, f"{len(runs)} runs are {' or '.join(states)}")

    def set_state(self, run: str, kind: str, name: str | None = None) -> None:
        self.post(
            f"/flow_runs/{run}/set_state", {"state": {"type": kind, "name": name}, "force": name == "AwaitingRetry"}
        )

    def cancel(self, run: str) -> None:
        """Cancel a run as the UI does."""
        self.set_state(run, "CANCELLING", "Cancelling")

    def answer(self, run: str) -> None:
        """Answer the question of a suspended review."""
        result = self.post(f"/flow_runs/{run}/resume", {"run_input": {"answer": "yes"}})
        assert result["status"] == "ACCEPT", result

    def containers_of(self, run: str, *, stopped: bool = False) -> list[str]:
        """Return the containers of a run, by default those that are running."""
        label = filters(f"label={RUN_LABEL}={run}")
        return docker("ps", *(["--all"] if stopped else []), "--quiet", "--no-trunc", *label).split()

    def remove_runs(self, runs: Iterable[str]) -> None:
        """Remove runs with their containers, so that they do not disturb the next measurement."""
        for run in runs:
            if containers := self.containers_of(run, stopped=True):
                docker("rm", "--force", "--volumes", *containers)
            try:
                self.request("DELETE", f"/flow_runs/{run}")
            except httpx.HTTPStatusError as error:
                if error.response.status_code != 404:
                    raise

    def change_queue(self, name: str, **changes: Any) -> None:
        """Change a work queue: ``is_paused`` or ``concurrency_limit``."""
        self.request("PATCH", f"/work_pools/{POOL}/queues/{name}", changes)

    @contextmanager
    def queue(self, name: str, **changes: Any) -> Iterator[None]:
        """Change a work queue inside the context."""
        before = self.get(f"/work_pools/{POOL}/queues/{name}")
        self.change_queue(name, **changes)
        try:
            yield
        finally:
            self.change_queue(name, **{field: before[field] for field in changes})

    @contextmanager
    def flow_variables(self, **variables: str) -> Iterator[None]:
        """Give the flows' containers further environment variables inside the context."""
        block = self.get(f"/block_types/slug/flow-environment/block_documents/name/{POOL}")
        path, before = f"/block_documents/{block['id']}", block["data"]
        self.request("PATCH", path, {"data": {"variables": {**before["variables"], **variables}}})
        try:
            yield
        finally:
            self.request("PATCH", path, {"data": before})

    def list_keys(self, bucket: str, prefix: str) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", ())]

    def read(self, bucket: str, key: str) -> bytes:
        """Return the content of an object."""
        return bytes(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())

    def traces(self, key: str) -> Traces:
        """Return the traces of a piece of work."""
        prefix = f"{FOLDER}/{key}/"
        return Traces.of(name.removeprefix(prefix) for name in self.list_keys("results", prefix))

    def await_steps(self, works: Sequence[Work], seconds: float = 240) -> None:
        """Wait until every work has made progress."""
        waiting = {work.key for work in works}

        def progressed() -> bool:
            waiting.difference_update([key for key in waiting if self.traces(key).steps])
            return not waiting

        await_true(progressed, seconds, f"{len(works)} runs work")

    def upload(self, key: str, content: bytes) -> str:
        """Put an object into the bucket of uploads; return its ETag."""
        return str(self.s3.put_object(Bucket="videos", Key=key, Body=content)["ETag"]).strip('"')

    def upload_runs(self, versions: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
        """Return the runs of uploads: keys in the bucket with their ETags."""
        found: dict[str, list[dict[str, Any]]] = {key: [] for key in versions}
        for run in self.find_runs({}, "process-upload"):
            key = str(run["parameters"].get("uri", "")).removeprefix("s3://videos/")
            if key in found and run["parameters"].get("object_version") == versions[key]:
                found[key].append(run)
        return found

    def remove_uploads(self, versions: Mapping[str, str]) -> None:
        """Remove uploads with their runs."""
        for key in versions:
            self.s3.delete_object(Bucket="videos", Key=key)
        self.remove_runs([run["id"] for runs in self.upload_runs(versions).values() for run in runs])

    def queue_url(self, name: str = "uploads") -> str:
        return str(self.aws("sqs").get_queue_url(QueueName=name)["QueueUrl"])

    def send_message(self, body: str) -> None:
        """Send a message to the queue of uploads."""
        self.aws("sqs").send_message(QueueUrl=self.queue_url(), MessageBody=body)

    def messages(self, name: str = "uploads") -> int:
        """Return the number of messages in a queue, waiting and received."""
        attributes = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.aws("sqs").get_queue_attributes(QueueUrl=self.queue_url(name), AttributeNames=attributes)
        return sum(int(found["Attributes"][attribute]) for attribute in attributes)


def unique(prefix: str) -> str:
    """Return a name that was not used before.

    The prefix of a patient's name is ``patient-…``: "overwritten" could be a name that people speak.
    """
    return f"{prefix}-{uuid.uuid4().hex[:6]}"


def is_due(run: dict[str, Any]) -> bool:
    at = run["next_scheduled_start_time"] or run["expected_start_time"]
    return at is None or datetime.fromisoformat(at) <= datetime.now(UTC)
