"""Erasing patients from the buckets: what is theirs goes in all versions, what is another's stays."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from sightline import storage, versions
from sightline.alerts import Alert, Outbox
from sightline.clock import now_in_utc
from sightline.erasure import Scope, erase_stores, running_work
from sightline.errors import StorageError
from sightline.monitoring import CaptureEvent, write_capture
from sightline.names import PatientName
from sightline.reviews import Reviews
from sightline.sessions import SessionStore
from sightline.settings import Settings
from sightline.storage import Location
from sightline.uploads import Upload, Uploads
from tests.reviewing import answer, question
from tests.sightline.sessions.storing import outputs_of, sha256_of

PATIENT = "ana"
OTHERS = ("anabel", "ana maria", "ana-b", "Mary ana")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def configured(root: Location) -> Settings:
    buckets = {name: storage.uri_of(root / name) for name in ("videos", "patients", "models", "capture", "results")}
    return Settings(
        video_bucket=buckets["videos"],
        patients_bucket=buckets["patients"],
        model_bucket=buckets["models"],
        capture_bucket=buckets["capture"],
        results_bucket=buckets["results"],
    )


def fill(config: Settings, patient: str, folder: Path) -> None:
    """Store something of a patient in every store."""
    video = config.videos / patient / "visit.mp4"
    storage.write_bytes(video, f"video of {patient}".encode())
    image = storage.uri_of(config.videos / patient / "bed.png")
    store = SessionStore(config.videos, config.patients)
    claim = store.claim(patient, "visit", sha256_of(patient))
    store.save(claim, outputs_of(claim, folder / patient))
    name = PatientName.parse(patient)
    storage.write_bytes(config.patients / patient / "names.txt", b"Annie\n")
    for file in ("1/record.json", "1/training_sessions.json", "trainings/20260101T000000.000000Z-aaaaaaaa.json"):
        storage.write_bytes(config.models / name.model.name / file, json.dumps({"patient": patient}).encode())
    _ask(config, name, image)
    outbox = Outbox(config.outbox)
    for key in ("waits", "delivered"):
        outbox.post(
            Alert(key=f"{key} {patient}/visit", title="unsure", facts={"session": f"{patient}/visit"}), "slack/ops"
        )
    waiting = next(item for item in outbox.waiting(["slack/ops"]) if f"delivered {patient}/" in _text(item.file))
    taken = outbox.take(waiting)
    assert taken
    outbox.delivered(taken)
    outbox.post_unaddressed(Alert(key=patient, title="failed", facts={"parameters": json.dumps({"patient": patient})}))
    _record_upload(config, patient)
    storage.write_bytes(config.results / "posture@1" / sha256_of(patient)[:12] / "results.jsonl", image.encode())
    storage.write_bytes(config.results / "posture@1" / sha256_of(patient)[:12] / "results.parquet", b"table")
    transcript = config.results / ".prefect" / f"transcript-{sha256_of(patient)}-{sha256_of('options')}"
    storage.write_bytes(transcript, b'{"result": "I am happy"}')


def _ask(config: Settings, name: PatientName, image: str) -> None:
    reviews = Reviews(config.reviews)
    of_session = {
        "kind": "session", "model": f"{name.model.name}/1", "session": f"{name}/visit", "choices": ("happy", "sad"),
    }  # fmt: skip
    asked = question(1, **of_session, sha256=sha256_of(f"{name} 1"))
    pictured = question(2, uri=image, sha256=sha256_of(image))
    reviews.queue([asked, pictured])
    reviews.answer(question(3, **of_session, sha256=sha256_of(f"{name} 3")), answer("happy"))
    until = now_in_utc() + timedelta(hours=1)
    reviews.plan(f"run-{sha256_of(name.text)[:8]}", [asked], page_size=5, limit=5, until=until)


def _record_upload(config: Settings, patient: str) -> None:
    video = storage.stored(config.videos / patient / "visit.mp4")
    upload = Upload(storage.uri_of(config.videos), storage.uri_of(video.location), video.version, "video", patient)
    with Uploads(config.videos, now_in_utc).take(upload, "run brave-otter") as lease:
        lease.done()


def capture(config: Settings, *patients: str) -> Location:
    """Write one capture file with an image of each patient, whose bytes look like a path in base64."""
    events = [
        CaptureEvent(
            event_id=UUID(int=number),
            inference_time=datetime(2026, 1, 2, tzinfo=UTC),
            content_type="image/png",
            data=b"\xfd\xa9\xda" * 9,
            probabilities=(0.25, 0.75),
            uri=storage.uri_of(config.videos / patient / "bed.png"),
        )
        for number, patient in enumerate(patients)
    ]
    at = datetime(2026, 1, 2, 3, tzinfo=UTC)
    written = write_capture(config.captures, "posture", "v1", events, at=at, file_id=UUID(int=len(patients)))
    assert written
    return written


def erase(config: Settings, patient: str = PATIENT) -> tuple[list[Any], list[Any]]:
    return erase_stores(Scope.of(config, PatientName.parse(patient)))


def everything(root: Location) -> dict[str, bytes]:
    """Return the content of every version of every file, by its URI and version."""
    found = [version for version in versions.versions(root) if not version.is_marker]
    return {f"{storage.uri_of(item.location)}?{item.id}": versions.read(item) for item in found}


def about(root: Location, patient: str) -> list[str]:
    """Return the files whose names or contents have the patient's name as a path, a value or a hash."""
    marks = [f"s/{patient}/", f'"{patient}"', f'"{patient}/', f"--{patient}/", f"d/{patient}/", sha256_of(patient)]
    return [
        name
        for name, content in everything(root).items()
        if any(mark in name or mark in content.decode("utf-8", "replace") for mark in marks)
    ]


def _text(file: Location) -> str:
    return storage.read_bytes(file).decode()


def test_nothing_of_the_patient_is_left_in_any_store(bucket: Location, tmp_path: Path) -> None:
    config = configured(bucket)
    for patient in (PATIENT, *OTHERS):
        fill(config, patient, tmp_path / "outputs")
    assert about(bucket, PATIENT)
    before = {patient: about(bucket, patient) for patient in OTHERS}
    erased, kept = erase(config)
    assert {item.store for item in erased} == {
        "videos and upload records", "waiting alerts", "questions and answers", "results of image runs",
        "emotion models", "training data", "annotated videos",
    }  # fmt: skip
    assert kept == []
    assert about(bucket, PATIENT) == []
    assert {patient: about(bucket, patient) for patient in OTHERS} == before


def test_second_erasure_finds_nothing(bucket: Location, tmp_path: Path) -> None:
    config = configured(bucket)
    fill(config, PATIENT, tmp_path / "outputs")
    assert erase(config)[0]
    assert erase(config) == ([], [])


def test_captures_of_others_stay_in_a_shared_file(bucket: Location) -> None:
    config = configured(bucket)
    shared, own = capture(config, "anabel", PATIENT, "anabel"), capture(config, PATIENT)
    lines = storage.read_bytes(shared).splitlines()
    erase(config)
    assert storage.read_bytes(shared).splitlines() == [lines[0], lines[2]]
    assert not storage.exists(own)
    assert not about(bucket, PATIENT)


def test_compressed_captures_are_searched(tmp_path: Path) -> None:
    config = configured(tmp_path)
    plain = capture(config, "anabel", PATIENT)
    packed = plain.with_name(f"{plain.name}.gz")
    storage.write_bytes(packed, gzip.compress(storage.read_bytes(plain)))
    storage.remove(plain)
    erase(config)
    assert len(gzip.decompress(storage.read_bytes(packed)).splitlines()) == 1


def test_replaced_and_removed_versions_are_erased(s3_bucket: Any, tmp_path: Path) -> None:
    s3_bucket.client.client.put_bucket_versioning(
        Bucket=s3_bucket.bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    config = configured(s3_bucket)
    for patient in (PATIENT, "anabel"):
        fill(config, patient, tmp_path / "outputs")
    capture(config, "anabel", PATIENT)
    storage.remove(config.videos / PATIENT / "visit.mp4")
    storage.write_bytes(config.patients / PATIENT / "names.txt", b"Anna\n")
    others = len(about(s3_bucket, "anabel"))
    _, kept = erase(config)
    assert kept == []
    assert about(s3_bucket, PATIENT) == []
    assert len(about(s3_bucket, "anabel")) == others


def test_a_locked_version_is_reported_as_not_erased(s3_client: Any, s3_bucket: Any) -> None:
    name = f"{s3_bucket.bucket}-locked"
    s3_client.client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    locked = storage.locate(f"s3://{name}")
    config = configured(locked)
    video = config.videos / PATIENT / "visit.mp4"
    storage.write_bytes(video, b"video")
    s3_client.client.put_object_retention(
        Bucket=name,
        Key=f"videos/{PATIENT}/visit.mp4",
        Retention={"Mode": "COMPLIANCE", "RetainUntilDate": now_in_utc() + timedelta(days=1)},
    )
    _, kept = erase(config)
    assert [item.what for item in kept if item.failed] == [f"videos and upload records, {storage.uri_of(video)}"]


def test_erasure_that_is_killed_at_any_step_can_be_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[[versions.Version], versions.Removal] = versions._erase
    steps = 0
    for steps in itertools.count():
        root = tmp_path / str(steps)
        config = configured(root)
        fill(config, PATIENT, tmp_path / "outputs")
        left = iter(range(steps))

        def dies(version: versions.Version, left: Iterator[int] = left) -> versions.Removal:
            if next(left, None) is None:
                raise KeyboardInterrupt
            return real(version)

        monkeypatch.setattr(versions, "_erase", dies)
        try:
            erase(config)
            break
        except KeyboardInterrupt:
            monkeypatch.setattr(versions, "_erase", real)
        assert erase(config)[1] == []
        assert about(root, PATIENT) == []
    assert steps > 20


def test_store_that_cannot_be_listed_is_reported_and_others_are_erased(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configured(tmp_path)
    fill(config, PATIENT, tmp_path / "outputs")
    real = versions.versions

    def refuses(folder: Location) -> Iterator[versions.Version]:
        if folder == config.captures:
            raise StorageError("capture: denied")
        return real(folder)

    monkeypatch.setattr(versions, "versions", refuses)
    _, kept = erase(config)
    assert [(item.what, item.failed) for item in kept] == [("captures", True)]
    monkeypatch.setattr(versions, "versions", real)
    assert about(tmp_path / "videos", PATIENT) == []


def test_files_outside_of_the_buckets_are_named(tmp_path: Path) -> None:
    config = configured(tmp_path)
    outside = tmp_path / "desk" / "visit.mov"
    storage.write_bytes(outside, b"video")
    store = SessionStore(config.videos, config.patients)
    claim = store.claim(PATIENT, "visit", sha256_of(PATIENT))
    outputs = outputs_of(claim, tmp_path / "outputs")
    metadata = outputs.metadata.model_copy(update={"video_path": str(outside)})
    store.save(claim, type(outputs)(**{**vars(outputs), "metadata": metadata}))
    _, kept = erase(config)
    assert [(item.what, item.failed) for item in kept] == [(str(outside), False)]
    assert outside.exists()


def test_damaged_records_do_not_prevent_the_erasure(tmp_path: Path) -> None:
    config = configured(tmp_path)
    fill(config, PATIENT, tmp_path / "outputs")
    for file in list(storage.walk(config.patients)):
        if file.location.name.endswith(".json"):
            storage.write_bytes(file.location, b"{")
    assert erase(config)[1] == []
    assert about(tmp_path / "patients", PATIENT) == []


def test_model_of_an_earlier_version_is_erased_if_it_is_theirs(tmp_path: Path) -> None:
    config = configured(tmp_path)
    for name, owner in (("ana", "ana"), ("zoe-12345678", "Zoë")):
        record = {"task": "emotion-of-session", "architecture": {"patient": owner}}
        storage.write_bytes(config.models / name / "1" / "record.json", json.dumps(record).encode())
    storage.write_bytes(config.models / "ana" / "current.json", b"{}")
    erase(config)
    assert storage.folder_names(config.models) == ["zoe-12345678"]


def test_image_model_with_the_name_of_the_patient_stays(tmp_path: Path) -> None:
    config = configured(tmp_path)
    record = {"task": "image-classification", "architecture": {"backbone": "small"}}
    storage.write_bytes(config.models / "ana" / "1" / "record.json", json.dumps(record).encode())
    erase(config)
    assert storage.folder_names(config.models) == ["ana"]


def test_training_in_progress_is_found(tmp_path: Path) -> None:
    config = configured(tmp_path)
    now = now_in_utc()
    lease = {"owner": "a", "until": (now + timedelta(minutes=1)).isoformat(), "holder": "run brave-otter"}
    turn = config.models / "patient--ana" / "trainings" / "turns" / "turn-000001.json"
    storage.write_bytes(turn, json.dumps(lease).encode())
    scope = Scope.of(config, PatientName.parse(PATIENT))
    assert list(running_work(scope, now)) == ["a training of the model, started by run brave-otter"]
    assert list(running_work(scope, now + timedelta(minutes=2))) == []
