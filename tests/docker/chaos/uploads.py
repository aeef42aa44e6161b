"""Files that arrive in the bucket, and the runs that process them."""

from __future__ import annotations

import json
import struct
import uuid
from datetime import UTC, datetime
from hashlib import md5
from typing import Any, TypeAlias
from urllib.parse import quote_plus

from tests.docker.chaos.system import ENDED, ChaosStack, unique
from tests.docker.stack import await_true

__all__ = [
    "FLOW",
    "Versions",
    "await_drained",
    "await_processing",
    "await_runs",
    "distinct",
    "etags",
    "notification",
    "record",
    "runs_of",
    "session_hashes",
    "small_files",
    "upload_all",
    "upload_video",
]

FLOW = "process-upload"

Versions: TypeAlias = dict[str, str]
"""Keys in the bucket of uploads, with the ETags of their content."""


def distinct(video: bytes) -> bytes:
    """Return the MP4 with a free-space box at its end, so that its content differs from any other."""
    content = uuid.uuid4().bytes
    return video + struct.pack(">I4s", 8 + len(content), b"free") + content


def small_files(name: str, count: int) -> dict[str, bytes]:
    """Return files in a new folder that are videos by their names only, by key."""
    folder = unique(name)
    return {f"{folder}/{number}.mp4": f"{folder} {number}".encode() for number in range(count)}


def etags(contents: dict[str, bytes]) -> Versions:
    """Return the ETags that S3 would give the objects."""
    return {key: md5(content, usedforsecurity=False).hexdigest() for key, content in contents.items()}


def upload_all(stack: ChaosStack, contents: dict[str, bytes]) -> Versions:
    """Put the objects into the bucket."""
    return {key: stack.upload(key, content) for key, content in contents.items()}


def upload_video(stack: ChaosStack, patient: str, video: bytes) -> Versions:
    """Put a video of a patient into the bucket."""
    return upload_all(stack, {f"{patient}/clip.mp4": video})


def record(key: str, etag: str) -> dict[str, Any]:
    """Return the record of S3's notification about an object."""
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventTime": datetime.now(UTC).isoformat(),
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": "videos"}, "object": {"key": quote_plus(key, safe="/"), "size": 1, "eTag": etag}},
    }


def notification(*records: dict[str, Any]) -> str:
    """Return the body of a message with records."""
    return json.dumps({"Records": records})


def runs_of(stack: ChaosStack, versions: Versions) -> list[str]:
    """Return the runs of uploads."""
    return [run["id"] for runs in stack.upload_runs(versions).values() for run in runs]


def await_drained(stack: ChaosStack, seconds: float = 300) -> None:
    """Wait until the queue has no message."""
    await_true(lambda: stack.messages() == 0, seconds, "the queue is empty")


def await_runs(stack: ChaosStack, versions: Versions, count: int | None = None, seconds: float = 240) -> None:
    """Wait until uploads have ``count`` runs, by default one each."""
    wanted = len(versions) if count is None else count
    await_true(lambda: len(runs_of(stack, versions)) >= wanted, seconds, f"{len(versions)} uploads have {wanted} runs")


def await_processing(stack: ChaosStack, version: Versions) -> str:
    """Wait until the run of one upload has fetched the file and reads it; return its id."""

    def find_processing() -> list[str]:
        runs = runs_of(stack, version)
        if not runs:
            return []
        ended = [state for state in stack.states(runs).values() if state["type"] in ENDED]
        assert not ended, f"the run has ended too early: {ended}"
        tasks = stack.post("/task_runs/filter", {"flow_runs": {"parent_flow_run_id": {"any_": runs}}})
        return runs if any(task["name"].startswith("probe_video") for task in tasks) else []

    [run] = await_true(find_processing, 400, f"{', '.join(version)} is processed")
    return str(run)


def session_hashes(stack: ChaosStack, patient: str) -> list[str]:
    """Return the content hashes of the videos that a patient's sessions were made from."""
    keys = [key for key in stack.list_keys("patients", f"{patient}/") if key.endswith("_session.json")]
    return [json.loads(stack.s3.get_object(Bucket="patients", Key=key)["Body"].read())["sha256"] for key in keys]
