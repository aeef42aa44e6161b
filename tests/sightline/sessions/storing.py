"""Storing of small sessions, concurrently or in killed processes; imported by the tests, and run as a program.

``python storing.py together BUCKET N SAME``: N processes concurrently store a session of one patient, with N different
    contents, or with one content if SAME is 1.
``python storing.py killed BUCKET N SIZE``: for k from 1 to N, in BUCKET/k, store a session with SIZE frames and poses
    in a process that is killed before its k-th change, then store it again, with other parameters, in a second process.
    Prints how many first processes were killed (the others ended before), and every k at which the first process had
    created a plan.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from sightline.emotion import Annotation, Stretch
from sightline.pose import Identity
from sightline.sessions import Claim, Metadata, SessionOutputs, SessionStore, StoredSession
from sightline.speech import Segment
from sightline.storage import Location, exists, locate

PATIENT = "José"
FIRST_RUN: dict[str, Any] = {"label": "first"}
SECOND_RUN: dict[str, Any] = {"label": "second", "frames": 1, "poses": 1, "highlights": False, "emotion_folder": "joy"}
CHANGES_ON_S3 = ("PutObject", "CopyObject", "DeleteObject", "CreateMultipartUpload", "CompleteMultipartUpload")
CHANGES_IN_FOLDER = ("os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "fcntl.flock")


def store_in(bucket: Location) -> SessionStore:
    """Return a store with both buckets in ``bucket``."""
    return SessionStore(bucket / "videos", bucket / "patients")


def sha256_of(content: str) -> str:
    """Return the hash that stands for a video."""
    return hashlib.sha256(content.encode()).hexdigest()


def outputs_of(
    claim: Claim,
    folder: Path,
    *,
    label: str = "",
    emotion_folder: str = "happiness",
    poses: int = 2,
    frames: int = 2,
    highlights: bool = True,
    identity: Identity | None = None,
) -> SessionOutputs:
    """Return the outputs of processing a video; ``label`` distinguishes two runs on one content."""
    (folder / "frames").mkdir(parents=True, exist_ok=True)
    names = [f"{i:03d}_at_{i * 1.5:.2f}s_john_happy" for i in range(max(frames, poses))]
    frame_files = [folder / "frames" / f"frame_{name}.jpg" for name in names[:frames]]
    files = [folder / "annotated.mp4", folder / "track.parquet", folder / "highlights.mp4", *frame_files]
    for file in files:
        file.write_bytes(f"{file.name} of {claim.sha256} {label}".encode())
    keypoints = [np.full((25, 3), i + int(claim.sha256[:4], 16) / 7, dtype=np.float32) for i in range(poses)]
    metadata = Metadata(
        video_path=f"/videos/{claim.patient}/{claim.session}.mov",
        transcription="John is happy",
        emotion="happy",
        duration_seconds=12.5,
        emotion_keywords_found=1,
        annotations_found=1,
        frames_extracted=frames,
        poses_extracted=poses,
        whisper_model="base",
        processing_timestamp=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        session=claim.session,
        content_hash=claim.sha256,
        engine="whisper",
        model="base",
        segments=(Segment(start=0.5, end=1.5, text="John is happy"),),
        annotations=(Annotation(person="John", emotion="happy", text="John is happy", start=0.5, end=1.5),),
        frames_tracked=125,
        frames_with_person=120,
        timeline=(Stretch(start=0, end=12.5, emotion="happy", evidence="John is happy"),),
        parameters={"pose_fps": 10.0, "label": label},
        timings={"probe": 0.25},
        versions={"sightline": "0.1.0"},
        identity=identity,
    )
    return SessionOutputs(
        metadata=metadata,
        folder=emotion_folder,
        annotated=folder / "annotated.mp4",
        track=folder / "track.parquet",
        frames=tuple(frame_files),
        poses=tuple((f"pose_{name}.json", {1: points}) for name, points in zip(names, keypoints, strict=False)),
        highlights=folder / "highlights.mp4" if highlights else None,
        people=_pictures(identity, folder / "people"),
    )


def _pictures(identity: Identity | None, folder: Path) -> tuple[Path, ...]:
    if identity is None or identity.is_decided:
        return ()
    folder.mkdir(exist_ok=True)
    pictures = tuple(folder / seen.picture for seen in identity.people if seen.picture)
    for picture in pictures:
        picture.write_bytes(picture.name.encode())
    return pictures


def process(store: SessionStore, content: str, stem: str = "clip", **options: Any) -> StoredSession:
    """Store a session as the flow does."""
    claim = store.claim(PATIENT, stem, sha256_of(content))
    if store.status(claim) != "new":
        return store.complete(claim)
    with tempfile.TemporaryDirectory() as folder:
        return store.save(claim, outputs_of(claim, Path(folder), **options))


def in_child(work: Callable[[], object]) -> int:
    """Run ``work`` in a child process; return its id."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(status)


def kill_before_change(k: int, bucket: Location) -> None:
    """Make this process die by SIGKILL before its k-th change in ``bucket``."""
    left = k

    def change(*_: object, **__: object) -> None:
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            writes = isinstance(arguments[1], str) and not set(arguments[1]).isdisjoint("xwa+")
        else:
            writes = event in CHANGES_IN_FOLDER
        if writes and (event == "fcntl.flock" or str(bucket) in str(arguments[0])):
            change()

    if isinstance(bucket, Path):
        sys.addaudithook(audit)
    else:
        for name in CHANGES_ON_S3:
            bucket.client.client.meta.events.register(f"before-send.s3.{name}", change)


def together(uri: str, number: int, same: bool) -> int:
    """Store sessions in concurrent processes; return the number of failed ones."""
    ready, go = os.pipe(), os.pipe()
    bucket = locate(uri)

    def one(i: int) -> None:
        store = store_in(bucket)
        os.write(ready[1], b"x")
        os.close(go[1])
        os.read(go[0], 1)
        content = "the same" if same else f"content {i}"
        process(store, content, stem=f"clip {i % 4}", label=f"run {i}", frames=1, poses=3 if same else 1 + i % 4)

    children = [in_child(lambda i=i: one(i)) for i in range(number)]  # type: ignore[misc]
    waiting = b""
    while len(waiting) < number:
        waiting += os.read(ready[0], number)
    os.close(go[1])  # all processes wait for this
    return sum(os.waitpid(child, 0)[1] != 0 for child in children)


def killed(uri: str, number: int, size: int) -> tuple[int, list[int]]:
    """Kill processes before successive changes; return the number of killed ones, and every k with a plan."""
    deaths, planned = 0, []
    root = locate(uri)
    plan = Path("videos", "annotated", PATIENT, ".sessions", f"{sha256_of('content')}.plan.json")
    for k in range(1, number + 1):

        def first(k: int = k) -> None:
            bucket = root / str(k)
            kill_before_change(k, bucket)
            process(store_in(bucket), "content", frames=size, poses=size, **FIRST_RUN)

        def again(k: int = k) -> None:
            process(store_in(root / str(k)), "content", **SECOND_RUN)

        _, status = os.waitpid(in_child(first), 0)
        deaths += os.WIFSIGNALED(status)
        if exists(root / str(k) / str(plan)):
            planned.append(k)
        if not os.WIFSIGNALED(status) and os.waitstatus_to_exitcode(status):
            sys.exit(f"the run to be killed before change {k} failed by itself")
        if os.waitpid(in_child(again), 0)[1]:
            sys.exit(f"the run after the one that was killed before change {k} failed")
    return deaths, planned


if __name__ == "__main__":
    command, uri, number, *rest = sys.argv[1:]
    if uri.startswith("s3:"):
        _ = locate(uri).client  # type: ignore[union-attr]  # created once, before the fork
    if command == "together":
        sys.exit(together(uri, int(number), rest == ["1"]))
    print(json.dumps(killed(uri, int(number), int(rest[0]))))
