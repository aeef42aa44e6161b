"""The current code reads what version 0.1.0 stored, and continues its interrupted work."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sightline import storage
from sightline.affect import load_emotion_model, model_of, read_trainings
from sightline.affect.history import last_training
from sightline.alerts import Alert, Courier, Outbox
from sightline.features import features_of_track
from sightline.leases import LeaseTaken
from sightline.monitoring import (
    MonitoringReport,
    SkippedLines,
    build_report,
    read_captures,
    read_rejections,
    read_window,
    watch_model,
)
from sightline.names import PatientName
from sightline.pose import PeopleTrack, read_openpose
from sightline.ranking import PrepareParameters, Ranked, RankedPerson, RankingRun, load_ranker, with_bonus
from sightline.registry import BASELINE, Baseline, ModelDraft, Registry
from sightline.reviews import (
    Reviews,
    export_images,
    questions_of_model,
    questions_of_patient,
    questions_of_results,
    relabelled,
)
from sightline.sessions import SessionStore, open_session, read_sessions, track_of
from sightline.sessions.ranges import reserve
from sightline.settings import settings
from sightline.training.common.manifest import MANIFEST, read_manifest_csv
from sightline.training.common.stage_graph import StageGraph
from sightline.training.common.stages import Stage, StageRecord
from sightline.training.emotions import (
    SessionTable,
    TrainedForest,
    TrainingInProgress,
    promote_forest,
    publish_forest,
    synthetic_track,
    train_forest,
    training_lease,
)
from sightline.training.ranking import RankingParameters, open_ranking_data, parameters_of, ranking_graph, stages_root
from sightline.uploads import Settled, Upload, UploadOutcome, Uploads
from sightline.vision import (
    ClassificationRun,
    FinishedClassification,
    ImageRef,
    Limits,
    classify_chunk,
    decode,
    expand,
    finished_runs,
    load_classifier,
    read_records,
    record_of,
    run_key,
    serialize_chunk,
)
from tasks.images import ClassificationJob, plan
from tasks.models import ModelSpec
from tasks.ranking import plan_photos
from tasks.runs import chunks_to_do
from tests.clocks import START, Clock
from tests.emotions import table_of
from tests.images import grey
from tests.reviewing import answer, question

STORED = Path(__file__).parent / "v0.1"

PATIENT, MODEL_OF_PATIENT = "Ana B", "ana-b-f0633d59"
POSTURES = ("left", "right", "supine", "outofbed", "prone")
FINISHED, INTERRUPTED = "db3baa7c51e5f3a9d9d8103a28e5e6c1", "f85df3b765462e2318cc6913e9023ff0"
THROTTLED = "3db079b65a0e0835885d61a8b1011a54"
RANKED, RANKING_INTERRUPTED = "602114f338414f0d0c4d91f0c0017645", "8315457922775cadc277e3c227f2041e"
OPS = "slack-webhook/ops"


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A copy of all buckets."""
    return Path(shutil.copytree(STORED, tmp_path / "stored"))


@pytest.fixture
def configured(stored: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The same copy, with the settings that locate it."""
    for setting, folder in (("RESULTS", "results"), ("MODEL", "models"), ("CAPTURE", "captures")):
        monkeypatch.setenv(f"{setting}_BUCKET", str(stored / folder))
    settings.cache_clear()
    yield stored
    settings.cache_clear()


@pytest.fixture
def registry(stored: Path) -> Registry:
    return Registry(stored / "models", builtin=stored / "none")


@pytest.fixture
def sessions(stored: Path) -> SessionStore:
    return SessionStore(stored / "videos", stored / "patients")


def at(hour: int, minute: int = 0, day: int = 31) -> datetime:
    return datetime(2026, 1, day, hour, minute, tzinfo=UTC)


def sha256_of(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def payload() -> list[ImageRef]:
    """Return the images of the interrupted run."""
    files = [(STORED / "images" / f"{number}.png").read_bytes() for number in range(5)]
    return expand({"images": [base64.b64encode(data).decode() for data in files]})


def photos(*levels: int) -> list[ImageRef]:
    return expand({"images": [base64.b64encode(grey(level)).decode() for level in levels]})


# Runs over images.


def test_finished_run_is_found_with_its_counts(stored: Path) -> None:
    [(file, run)] = finished_runs(stored / "results" / "posture-1")
    assert isinstance(run, FinishedClassification)
    assert (run.key, run.model, run.threshold, run.final) == (FINISHED, "posture/1", 0.4, True)
    summary = run.summary
    assert (summary.images, summary.accepted, summary.low_confidence, summary.rejected) == (7, 3, 3, 1)
    assert summary.classes == {"left": 2, "right": 0, "supine": 2, "outofbed": 1, "prone": 1}
    assert summary.reasons == {"THRESHOLD_CONFIDENCE_NOT_MET": 3, "empty": 1}
    assert summary.least_certain[0].confidence == pytest.approx(0.2050448632514532)
    assert [image.uri[-5:] for image in summary.not_accepted] == ["0.png", "1.png", "5.png", "6.png"]
    assert ClassificationRun(Path(file).parent, FINISHED).finished() == run


def test_interrupted_run_resumes_without_repeating_chunks(stored: Path, registry: Registry, tmp_path: Path) -> None:
    images = payload()
    assert run_key(images, "posture/1", 0.4, 2) == INTERRUPTED
    folder = stored / "results" / "posture-1" / INTERRUPTED[:12]
    run = ClassificationRun(folder, INTERRUPTED)
    first_chunk = (folder / f".classify-{INTERRUPTED}" / "000000.jsonl").read_bytes()
    assert run.finished() is None
    assert run.done() == {0}
    assert run.started(1) == datetime(2026, 11, 29, 16, 4, 9, 673180, tzinfo=UTC)
    classifier = load_classifier(registry, "posture/1", device="cpu", backend="torch", half=False)
    for number in (1, 2):
        chunk = serialize_chunk(images[2 * number : 2 * number + 2], classifier.input, Limits(), tmp_path, number)
        run.keep(
            number,
            (record_of(prediction, POSTURES, "posture/1", 0.4) for prediction in classify_chunk(chunk, classifier)),
        )
    assert run.finish(3, POSTURES, "posture/1", 0.4, fixed=True).summary.images == 5
    results = (folder / "results.jsonl").read_bytes()
    assert results.startswith(first_chunk)
    assert [record.class_name for record in read_records(results)] == ["left", "supine", "supine", "prone", "outofbed"]
    assert run.finished()
    assert storage.folder_names(folder) == []


def test_job_on_same_payload_continues_the_interrupted_run(configured: Path) -> None:
    images = payload()
    size = {"width": 16, "height": 36, "mean": (0.0, 0.0, 0.5), "std": (0.25, 0.25, 0.25)}
    spec = ModelSpec.model_validate(
        {"name": "posture/1", "classes": POSTURES, "threshold": 0.4, "input": size, "registry": "models"}
    )
    job = plan(images, spec, 2, None, None)
    assert (job.key, job.fixed) == (INTERRUPTED, True)
    assert Path(job.output) == configured / "results" / "posture-1" / INTERRUPTED[:12]
    assert [chunk.number for chunk in chunks_to_do.fn(job, images)] == [1, 2]
    assert ClassificationJob.model_validate_json(job.model_dump_json()) == job


def test_run_of_throttled_endpoint_repeats_only_the_failed_chunk(stored: Path) -> None:
    folder = stored / "results" / "ward-cameras" / THROTTLED[:12]
    assert run_key(payload()[:3], "endpoint://ward-cameras", 0.8, 1) == THROTTLED
    run = ClassificationRun(folder, THROTTLED)
    assert run.finished() is None
    assert run.done() == {0, 2}
    [(_, ended)] = finished_runs(stored / "results" / "ward-cameras")
    assert isinstance(ended, FinishedClassification)
    assert (ended.final, ended.summary.reasons["endpoint_unavailable"]) == (False, 1)


def test_uncertain_images_of_finished_runs_become_questions(stored: Path) -> None:
    proposals = questions_of_results(stored / "results" / "posture-1" / FINISHED[:12])
    assert proposals == questions_of_model(stored / "results", "posture")
    assert [(question.uri[-5:], question.proposed) for question in proposals.questions] == [
        ("0.png", "left"), ("1.png", "supine"), ("5.png", "left"),
    ]  # fmt: skip
    assert questions_of_model(stored / "results", "endpoint://ward-cameras").left_out == ("inline:0", "inline:2")


def test_rejected_images_of_finished_runs_are_counted(stored: Path) -> None:
    since, until = datetime(2026, 11, 29, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC)
    folders = ("posture-1", "ward-cameras")
    rejections = read_rejections(stored / "results", folders, since, until, SkippedLines())
    assert rejections.reasons == {"empty": 1, "endpoint_unavailable": 1}


# Rankings of photos.


def test_finished_ranking_is_found_with_its_counts(stored: Path) -> None:
    ended = RankingRun(stored / "results" / "running-style-1" / RANKED[:12], RANKED).finished()
    assert ended
    assert (ended.model, ended.final) == ("running-style/1", True)
    summary = ended.summary
    assert (summary.images, summary.ranked, summary.low_confidence, summary.rejected) == (4, 3, 3, 1)
    assert summary.reasons == {"low_confidence": 3, "nobody_found": 1}
    assert [(person.uri, round(person.ranking or 0, 4)) for person in summary.best] == [
        ("inline:1", 0.989), ("inline:3", 0.6682), ("inline:0", 0.2674),
    ]  # fmt: skip
    box = summary.best[0].box
    assert box
    assert (box.left, box.top, box.right, box.bottom) == (0, 0, 8, 16)


@pytest.mark.parametrize(
    ("levels", "key", "missing"), [((40, 200, 0, 120), RANKED, []), ((40, 200, 90, 250), RANKING_INTERRUPTED, [1])]
)
def test_ranking_of_same_photos_continues_the_stored_one(
    configured: Path, levels: tuple[int, ...], key: str, missing: list[int]
) -> None:
    images = photos(*levels)
    spec = plan_photos(images, "running-style/1", PrepareParameters(), 0.25, 2, None)
    assert spec.key == key
    assert Path(spec.output) == configured / "results" / "running-style-1" / key[:12]
    assert (spec.run.finished() is None) == bool(missing)
    if missing:
        assert [chunk.number for chunk in chunks_to_do.fn(spec, images)] == missing


def test_interrupted_ranking_resumes_without_repeating_chunks(stored: Path) -> None:
    run = RankingRun(stored / "results" / "running-style-1" / RANKING_INTERRUPTED[:12], RANKING_INTERRUPTED)
    assert run.done() == {0}
    assert run.finished() is None
    last = RankedPerson(uri="inline:2", sha256=None, person=0, outcome="rejected", reason="missing", model="m/1")  # type: ignore[arg-type]
    run.keep(1, [Ranked(last, None)])
    summary = run.finish(2, 4, "running-style/1", fixed=True).summary
    assert (summary.ranked, summary.low_confidence, summary.rejected) == (2, 2, 1)
    assert summary.best[0].ranking == pytest.approx(0.9889558702707291)
    assert Image.open(io.BytesIO(storage.read_bytes(run.output / "sheet.jpg"))).format == "JPEG"


# Sessions.


def test_finished_sessions_are_listed_with_emotion_and_pose_numbers(sessions: SessionStore) -> None:
    records = read_sessions(sessions.patients_bucket, PATIENT)
    listed = [
        (record.session, record.emotion, record.folder, record.pose_indices.start, record.pose_indices.end)
        for record in records
    ]
    assert listed == [
        ("visit", "happy", "happiness", 0, 1),
        ("visit-3fc4ccfe", "happy", "happiness", 2, 4),
        ("evening", "sad", "sadness", 5, 6),
        ("empty", "happy", "happiness", None, None),
        ("morning", "happy", "happiness", 7, 7),
    ]
    assert records[0].processing_time == datetime(2026, 1, 2, 3, 1, tzinfo=UTC)
    assert records[0].video_file == "s3://wards/Ana B/visit.mp4"


def test_known_video_keeps_its_session_under_another_name(sessions: SessionStore) -> None:
    claim = sessions.claim(PATIENT, "renamed", sha256_of("one"))
    assert (claim.session, sessions.status(claim)) == ("visit", "finished")
    assert sessions.claim(PATIENT, "renamed", sha256_of("two")).session == "visit-3fc4ccfe"
    assert sessions.find(PATIENT, sha256_of("unknown")) is None
    another = sessions.claim(PATIENT, "visit", sha256_of("unknown"))
    assert another.session == f"visit-{sha256_of('unknown')[:8]}"
    assert sessions.status(another) == "new"


def test_files_of_finished_session_have_the_same_locations(sessions: SessionStore) -> None:
    outputs = sessions.outputs(sessions.claim(PATIENT, "visit", sha256_of("one")))
    files = (outputs.annotated_video, outputs.metadata_file, outputs.csv, outputs.record, outputs.track)
    assert all(Path(file).is_file() for file in files)
    assert outputs.highlights
    assert Path(outputs.highlights).is_file()
    assert len(storage.file_names(Path(outputs.frames))) == len(storage.file_names(Path(outputs.poses))) == 2
    metadata = outputs.metadata
    assert (metadata.transcription, metadata.engine, metadata.parameters["pose_fps"]) == (
        "John is happy",
        "whisper",
        10,
    )
    assert [(annotation.person, annotation.emotion) for annotation in metadata.annotations] == [("John", "happy")]
    assert metadata.changed_parameters({"pose_fps": 5.0}) == "pose_fps"


def test_session_claimed_without_a_plan_is_new(sessions: SessionStore) -> None:
    claim = sessions.claim(PATIENT, "anything", sha256_of("seven"))
    assert (claim.session, sessions.status(claim)) == ("new", "new")


def test_session_killed_midway_completes_with_its_reserved_numbers(sessions: SessionStore) -> None:
    claim = sessions.claim(PATIENT, "killed", sha256_of("five"))
    assert sessions.status(claim) == "planned"
    outputs = sessions.complete(claim)
    assert (outputs.pose_indices.start, outputs.pose_indices.end) == (5, 6)
    names = storage.file_names(Path(outputs.pose_folder))
    assert names == [f"pose_{number:06d}.json" for number in range(8)]
    assert sessions.status(claim) == "finished"
    assert [record.session for record in read_sessions(sessions.patients_bucket, PATIENT)][-2:] == ["killed", "morning"]


@pytest.mark.parametrize(("folder", "following"), [("happiness", 8), ("sadness", 7)])
def test_next_pose_number_follows_those_in_use(sessions: SessionStore, folder: str, following: int) -> None:
    poses = sessions.patients_bucket / PATIENT / folder
    assert reserve(poses, "another", sha256_of("another"), 3) == following
    known = {"happiness": ("visit", "one", 0), "sadness": ("evening", "three", 5)}[folder]
    assert reserve(poses, known[0], sha256_of(known[1]), 2) == known[2]


def test_track_and_poses_of_session_are_read(sessions: SessionStore) -> None:
    record, location = open_session(sessions.patients_bucket, f"{PATIENT}/visit")
    assert location == track_of(sessions.patients_bucket, record)
    track = PeopleTrack.from_parquet(Path(location))
    assert track.keypoints.shape == (8, 25, 3)
    keypoints = read_openpose(storage.read_bytes(sessions.patients_bucket / PATIENT / "happiness" / "pose_000002.json"))
    assert keypoints is not None
    assert keypoints[0, 0] == pytest.approx(int(sha256_of("two")[:4], 16) / 7, abs=1e-3)


def test_review_markers_are_listed_until_the_review_ends(sessions: SessionStore) -> None:
    first, second = sessions.reviews(PATIENT)
    assert (first.session, first.spoken_emotion, first.prediction.emotion) == ("visit", "happy", "angry")
    assert first.prediction.review == (
        "the model is 0.43 sure, and 0.6 is asked for", "the words say happy, the model angry",
    )  # fmt: skip
    assert (second.session, second.prediction.outcome) == ("visit-3fc4ccfe", "accepted")
    questions = questions_of_patient(sessions, PATIENT, ["happy", "sad", "angry", "neutral"]).questions
    assert [question.session for question in questions] == ["Ana B/visit", "Ana B/visit-3fc4ccfe"]
    assert questions[0].choices == ("angry", "happy", "sad", "neutral")
    sessions.end_review(PATIENT, "visit")
    assert sessions.reviews(PATIENT) == [second]


# Questions and answers.


@pytest.fixture
def noon(stored: Path) -> Reviews:
    """The reviews at noon: one run has a lease on its question, and the lease of another has expired."""
    return Reviews(stored / "reviews", lambda: at(12))


def images_of(questions: Any) -> list[str]:
    return sorted(queued.question.uri for queued in questions)


def test_open_questions_are_those_without_an_answer(noon: Reviews) -> None:
    assert noon.models() == [MODEL_OF_PATIENT, "endpoint.ward-cameras", "posture", "vehicles"]
    assert images_of(noon.waiting("vehicles")) == [f"/pictures/{number}.png" for number in (0, 1, 2, 6)]
    assert noon.count_waiting("vehicles/2") == 4
    assert noon.waiting("vehicles")[0].queued == START
    assert images_of(noon.waiting("endpoint://ward-cameras")) == ["/pictures/20.png"]
    assert noon.count_waiting("posture") == 2


def test_waiting_and_answered_questions_are_not_queued_again(noon: Reviews) -> None:
    assert noon.queue(question(number) for number in range(8)) == 1
    assert "/pictures/7.png" in images_of(noon.waiting("vehicles"))


def test_question_leased_by_another_run_is_not_asked_until_the_lease_expires(noon: Reviews) -> None:
    questions = [question(number) for number in range(6)]
    until = at(12, day=31) + timedelta(days=2)
    plan = noon.plan("run-new", questions, page_size=5, limit=10, until=until)
    assert [question.uri for question in plan.questions] == ["/pictures/0.png", "/pictures/2.png"]
    later = Reviews(noon.root, lambda: at(12) + timedelta(days=1))
    plan = later.plan("run-later", questions, page_size=5, limit=10, until=until)
    assert [question.uri for question in plan.questions] == ["/pictures/1.png"]


def test_resumed_run_asks_its_planned_questions(noon: Reviews) -> None:
    planned = noon.planned("run-expired")
    assert planned
    assert [[question.uri for question in page.questions] for page in planned.pages] == [
        ["/pictures/2.png"],
        ["/pictures/3.png"],
    ]
    assert (planned.left_out, planned.until) == (("inline:3",), at(11, 20))
    assert noon.plan("run-expired", [], page_size=9, limit=9, until=at(23)) == planned
    noon.release(planned)
    assert {queued.question.uri: queued.taken_by for queued in noon.waiting("vehicles")} == {
        "/pictures/0.png": None, "/pictures/1.png": "run-held", "/pictures/2.png": None, "/pictures/6.png": "run-told",
    }  # fmt: skip


def test_answered_questions_keep_their_verdicts_and_accept_answers(noon: Reviews) -> None:
    verdicts = {answered.question.uri: (answered.verdict, answered.label) for answered in noon.answered("vehicles")}
    assert verdicts == {
        "/pictures/3.png": ("motorcycle", "motorcycle"),
        "/pictures/4.png": ("contested", None),
        "/pictures/5.png": ("none of these", None),
    }
    changed = noon.answer(question(4), answer("motorcycle", run="run-2"))
    assert (len(changed.answers), changed.label, changed.reviewers) == (3, "motorcycle", ("kim", "lee"))


def test_overdue_question_is_alerted_once(noon: Reviews) -> None:
    [overdue] = noon.overdue()
    assert (overdue.question.uri, overdue.taken_by) == ("/pictures/2.png", "run-expired")
    noon.mark_alerted([overdue])
    assert noon.overdue() == []


def test_answer_about_a_session_changes_its_training_label(noon: Reviews, sessions: SessionStore) -> None:
    answered = noon.answered(PatientName.parse(PATIENT).model.name)
    [waiting] = noon.waiting(PatientName.parse(PATIENT).model.name)
    assert (answered[0].question.session, waiting.question.session) == ("Ana B/visit", "Ana B/visit-3fc4ccfe")
    relabelled_records, left_out, changed = relabelled(read_sessions(sessions.patients_bucket, PATIENT), answered)
    assert [record.emotion for record in relabelled_records] == ["sad", "happy", "sad", "happy", "happy"]
    assert (left_out, len(changed)) == ([], 1)


def test_exported_image_is_not_exported_again(noon: Reviews, stored: Path) -> None:
    exported = export_images("posture", noon.answered("posture"), stored / "exports", Limits())
    assert (exported.written, exported.found, exported.unusable) == (0, 1, {})
    assert [(row.file, row.reviewers) for row in exported.rows] == [("left/left_08794370521735208850.png", ("kim",))]
    assert (stored / "exports" / exported.rows[0].file).is_file()


# Models.


def test_registry_lists_versions_pointer_and_history(registry: Registry) -> None:
    assert registry.names() == [MODEL_OF_PATIENT, "posture", "running-style", "wards"]
    assert registry.versions("posture") == [1, 2], "the third one's publisher was killed"
    pointer = registry.current("posture")
    assert pointer
    assert (pointer.version, pointer.previous) == (1, None)
    assert [(move.version, move.how) for move in pointer.history] == [
        (1, "promoted"),
        (2, "promoted"),
        (1, "rolled back"),
    ]
    assert (pointer.history[1].metric, pointer.history[1].value, pointer.history[1].current_value) == (
        "macro_f1",
        0.99,
        0.5,
    )
    seeded = registry.current("wards")
    assert seeded
    assert [move.how for move in seeded.history] == ["seeded"]


def test_next_version_follows_the_number_of_a_killed_publisher(registry: Registry, tmp_path: Path) -> None:
    draft = ModelDraft(**registry.record("posture").model_dump(exclude={"version", "files"}))
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "readme.txt").write_text("no weights")
    assert registry.publish(draft, tmp_path / "files").version == 4
    assert registry.promote("posture", 4, metric="macro_f1", value=1.0, measure_current=lambda _: 0.5).promoted
    assert registry.rollback("posture").version == 1


def test_record_of_image_classifier_is_read(registry: Registry) -> None:
    record = registry.record("posture/1")
    assert (record.task, record.classes, record.threshold) == ("image-classification", POSTURES, 0.4)
    assert record.architecture == {
        "backbone": "baseline_cnn",
        "embedding": 128,
        "head": "xgboost",
        "flip": True,
        "half": True,
        "pretrained": False,
    }
    assert (record.image_input.width, record.image_input.height) == (16, 36)
    assert (record.data.samples, record.data.test, record.data.groups, record.data.synthetic) == (60, 20, 6, True)
    assert record.parameters["reviews"]["reviewers"] == {"kim": 1}
    assert record.metrics["accuracy"] == 0.8


def test_image_classifier_predicts_the_stored_probabilities(registry: Registry, stored: Path) -> None:
    classifier = load_classifier(registry, "posture", device="cpu", backend="torch", half=False)
    assert (classifier.name, classifier.classes) == ("posture/1", POSTURES)
    results = stored / "results" / "posture-1" / FINISHED[:12] / "results.jsonl"
    records = [record for record in read_records(results.read_bytes()) if record.probabilities]
    files = [(stored / "images" / record.uri.rpartition("/")[2]).read_bytes() for record in records]
    predicted = classifier.predict(np.stack([decode(data, classifier.input, Limits()).pixels for data in files]))
    assert predicted == pytest.approx(
        np.array([list((record.probabilities or {}).values()) for record in records]), abs=1e-3
    )
    assert predicted[2] == pytest.approx([0.0142, 0.0145, 0.8595, 0.0149, 0.097], abs=1e-3)


def test_baseline_and_manifest_of_image_classifier_are_read(registry: Registry) -> None:
    record = registry.record("posture/1")
    data, manifest = registry.read(record, BASELINE), registry.read(record, MANIFEST)
    assert data
    assert manifest
    baseline = Baseline.load(data)
    assert baseline.probabilities.shape == (20, 5)
    assert baseline.accuracy == 0.8
    assert baseline.embeddings is not None
    assert baseline.embeddings.shape == (20, 128)
    assert len(read_manifest_csv(manifest)["test"]) == 20
    second = registry.read(registry.record("posture/2"), BASELINE)
    assert second
    assert Baseline.load(second).labels is None


def test_emotion_model_predicts_the_stored_probabilities(registry: Registry, sessions: SessionStore) -> None:
    assert model_of(registry, PATIENT).name == MODEL_OF_PATIENT
    model = load_emotion_model(registry, PATIENT)
    assert (model.name, model.classes, len(model.features)) == (f"{MODEL_OF_PATIENT}/1", ("angry", "happy", "sad"), 88)
    for name, content in (("visit", "one"), ("visit-3fc4ccfe", "two"), ("evening", "three")):
        stored = sessions.outputs(sessions.claim(PATIENT, name, sha256_of(content)))
        assert stored.metadata.prediction
        predicted = model.predict(features_of_track(Path(stored.track), 1))
        assert predicted == pytest.approx(stored.metadata.prediction.probabilities, abs=1e-6)
    assert predicted == pytest.approx({"angry": 0.17296, "happy": 0.17296, "sad": 0.65407}, abs=1e-5)


def test_next_emotion_model_is_compared_with_the_stored_one(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sightline.training.emotions.publishing.draw_plots", lambda *_: [])
    table, trained = forest()
    (tmp_path / "files").mkdir()
    record = publish_forest(
        registry, PATIENT, table, trained, tmp_path / "files", threshold=0.6, parameters={}, source="patients"
    )
    promotion = promote_forest(registry, record, table, trained)
    assert (promotion.version, promotion.previous) == (2, 1)
    assert promotion.current_value == pytest.approx(0.41666666666666667), (
        "its cross-validated predictions of the same sessions"
    )


def forest() -> tuple[SessionTable, TrainedForest]:
    """Return the sessions of the stored model's training, and a forest trained on them."""
    from sightline.features import track_features

    emotions = ["happy", "sad", "angry"] * 4
    tracks = [synthetic_track(emotion, PATIENT, number) for number, emotion in enumerate(emotions, 1)]
    table = table_of(emotions, features=[list(track_features(track).features.values()) for track in tracks])
    return table, train_forest(table, repeats=1, permutations=0)


def test_ranking_model_predicts_the_stored_scores(registry: Registry) -> None:
    ranker = load_ranker(registry, "running-style")
    assert (ranker.name, ranker.bonus) == ("running-style/1", 0.25)
    # The feet of the photos that the stored runs ranked.
    crops = [np.full((23, 32, 3), level, np.uint8) for level in (200, 120, 40)]
    scores = ranker.scores(crops)
    assert scores == pytest.approx([0.98527, 0.55764, 0.0232], abs=1e-4)
    assert with_bonus(float(scores[2]), True, ranker.bonus) == pytest.approx(0.2674, abs=1e-4)
    assert parameters_of(ranker.record) == RankingParameters(
        prepared=True, pretrained=False, image_size=32, epochs=8, batch_size=8, lr=0.002, arms_bonus=0.25, seed=5
    )
    assert ranker.record.metrics["roc_auc"] == 1.0
    assert ranker.record.parameters["dropped"] == {"not_an_image": 1}


# Trainings of a patient's model.


def test_trainings_are_listed_in_the_order_of_their_ends(stored: Path) -> None:
    folder = stored / "models" / MODEL_OF_PATIENT
    first, second = read_trainings(folder)
    assert (first.outcome, first.version, first.accuracy, first.interval) == ("promoted", 1, 0.75, (0.5, 0.9))
    assert (second.outcome, second.error, second.version) == ("failed", "MemoryError: not enough", None)
    assert last_training(folder) == second


def test_lease_of_killed_training_is_respected_until_it_expires(stored: Path) -> None:
    folder = stored / "models" / MODEL_OF_PATIENT
    with (
        pytest.raises(TrainingInProgress, match="started by session Ana B/killed, since 2026-01-31 13:20:00 UTC"),
        training_lease(folder, "another", now=lambda: at(13, 24)),
    ):
        pytest.fail("two trainings run concurrently")
    with training_lease(folder, "another", now=lambda: at(13, 26)) as lease:
        assert lease.last_ended == at(11, 23)


# Uploads.


def upload(name: str) -> Upload:
    return Upload("s3://wards", f"s3://wards/ana/{name}.mp4", "1", "video", "ana")


def test_processed_and_failed_uploads_are_settled(stored: Path) -> None:
    uploads = Uploads(stored / "videos", lambda: at(11))
    done, failed = uploads.record(upload("done")), uploads.record(upload("failed"))
    assert done
    assert failed
    assert (done.outcome, done.run, done.at) == (UploadOutcome.DONE, "run one", START)
    assert (failed.outcome, failed.error, failed.attempts) == (UploadOutcome.FAILED, "InvalidMedia: no video in it", 1)
    assert uploads.outcomes() == {
        str(upload("done").id): UploadOutcome.DONE,
        str(upload("failed").id): UploadOutcome.FAILED,
    }
    for name in ("done", "failed"):
        with pytest.raises(Settled), uploads.take(upload(name), "run six"):
            pytest.fail("it is processed again")


def test_upload_of_killed_run_can_be_claimed_after_its_lease_expires(stored: Path) -> None:
    clock = Clock(timedelta(seconds=30))
    uploads = Uploads(stored / "videos", clock)
    with pytest.raises(LeaseTaken, match="run four has it"), uploads.take(upload("killed"), "run six"):
        pytest.fail("two runs hold the lease")
    clock.time += timedelta(seconds=31)
    with uploads.take(upload("killed"), "run six") as lease:
        assert lease.attempts == 2
        lease.done()
    with uploads.take(upload("broken"), "run six") as lease:
        assert lease.attempts == 3


# Alerts.


def test_waiting_alerts_are_delivered_after_their_leases_expire(stored: Path) -> None:
    sent: list[Alert] = []
    warned: list[str] = []
    clock = Clock(timedelta(minutes=4))
    courier = Courier(
        stored / "outbox", (OPS,), lambda _, alert, __: sent.append(alert), warned.append, waits=(), now=clock
    )
    news = Alert(key="new", kind="result", title="new", facts={}, run_name=None, run_url=None, at=START)
    assert courier.deliver(news) == (OPS,)
    assert [alert.key for alert in sent] == ["waiting", "failed", "new"], "another process is sending the fourth"
    assert sent[0].items[0].confidence == 0.6003
    assert (sent[0].run_name, sent[0].facts) == ("brave-otter", {"model": "posture/3"})
    assert sent[1].rows == ({"what": "a", "n": "1"},)
    clock.time = START + timedelta(minutes=9)
    courier.deliver(news.model_copy(update={"key": "newer"}))
    assert [alert.key for alert in sent[3:]] == ["held", "newer"]
    assert warned == []
    assert len(Outbox(stored / "outbox", now=clock).waiting([OPS, "email/ward"])) == 1


def test_delivered_alert_is_not_sent_again(stored: Path) -> None:
    outbox = Outbox(stored / "outbox", now=Clock(timedelta(days=20)))
    again = Alert(key="delivered", kind="result", title="again", facts={}, run_name=None, run_url=None, at=START)
    assert outbox.post(again, OPS) is None
    assert outbox.post(again, "email/ward")


def test_alerts_over_thirty_days_old_are_given_up(stored: Path) -> None:
    outbox = Outbox(stored / "outbox", now=Clock(timedelta(days=31)))
    assert len(outbox.sweep()) == 4
    assert outbox.waiting([OPS, "email/ward"]) == []


# Stages.


def test_stored_stages_are_reused(stored: Path, tmp_path: Path) -> None:
    def work(*_: object) -> None:
        pytest.fail("the stage runs again")

    stages = [
        Stage("read", work, ("words",), {"sorted": True}),
        Stage("double", work, ("read",), {"times": 2}),
    ]
    graph = StageGraph(stages, {"words": sha256_of("b a")}, stored / "stages", cache=tmp_path / "cache")
    assert [state.fresh for state in graph.plan()] == [True, True]
    assert (graph.folder("read") / "in" / "text").read_text() == "ab"
    assert (graph.folder("double") / "text").read_text() == "abab"
    assert not graph.run("double").ran


def test_stored_ranking_stages_are_stale_only_if_their_code_changed(stored: Path, registry: Registry) -> None:
    root = stages_root(stored / "models")
    data = open_ranking_data(stored / "runners", prepared=True)
    graph = ranking_graph(data, parameters_of(registry.record("running-style")), root)
    states = {state.name: state for state in graph.plan()}
    for name in ("prepare-train", "prepare-evaluate"):
        state = states[name]
        assert state.fresh or (state.why.startswith("code changed: ") and ";" not in state.why)
        record = StageRecord.model_validate_json(storage.read_bytes(root / name / "latest.json"))
        folder = root / name / record.key / record.folder
        for file, entry in record.files.items():
            assert storage.content_hash(folder / file) == entry.sha256


# Captures and reports.


def test_captures_are_read_compressed_or_not(stored: Path) -> None:
    captures = list(read_captures(stored / "captures", endpoint="posture"))
    assert [(capture.variant, max(capture.probabilities)) for capture in captures] == [
        ("v1", 0.9), ("v1", 0.8), ("v1", 0.4), ("v1", 0.8), ("v2", 0.9), ("v2", 0.8),
    ]  # fmt: skip
    first = captures[0]
    assert (first.inference_time, first.uri, first.seconds) == (START, "s3://pictures/0.png", 0.02)
    images = list(read_captures(stored / "captures", endpoint="ward-cameras", variant="AllTraffic"))
    assert [capture.data for capture in images] == [
        (stored / "images" / f"{number}.png").read_bytes() for number in (0, 2)
    ]
    assert [capture.uri for capture in images] == ["inline:0", "inline:2"]


def test_report_on_stored_captures_is_the_stored_report(stored: Path, registry: Registry) -> None:
    since, until = at(9, 20), at(10, 20) + timedelta(days=1)
    [folder] = (stored / "results" / "monitoring" / "posture").iterdir()
    then = MonitoringReport.model_validate_json((folder / "report.json").read_bytes())
    assert (then.version, then.events, then.accepted, then.period_hours) == ("posture/1", 6, 6, 1)
    assert {label: counts.events for label, counts in then.versions.items()} == {"posture/1": 4, "posture/2": 2}
    assert then.headline == "not compared with a baseline"
    watched = watch_model(registry, "posture", stored / "captures", since, until)
    now = build_report(read_window(watched, stored / "captures", since, until), note="a note")
    figures = {
        "model",
        "version",
        "events",
        "accepted",
        "mean_confidence",
        "expected_accuracy",
        "versions",
        "per_class",
    }
    assert json.loads(now.model_dump_json(include=figures)) == json.loads(then.model_dump_json(include=figures))
