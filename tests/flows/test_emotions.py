"""The flows that train emotion models and predict with them, with a Prefect server."""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect.states import State

from demo.clip import build_clip
from flows.predict_emotion import predict_emotion
from flows.process_video import VideoResult, process_video
from flows.retrain_all import SweepResult, retrain_all
from flows.train_emotion import EmotionTrainingResult, train_emotion
from sightline.affect import read_trainings
from sightline.registry import ModelNotFound, Registry
from sightline.reviews import Reviews
from sightline.sessions import SessionRecord, track_of
from sightline.settings import settings
from sightline.training import emotions

pytestmark = pytest.mark.integration

EMOTIONS = ("happy", "sad")


@pytest.fixture(scope="module", autouse=True)
def home(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the flows' buckets; every test uses other patients."""
    folder = tmp_path_factory.mktemp("buckets")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("video", "patients", "model", "outbox", "reviews"):
            patch.setenv(f"{name.upper()}_BUCKET", str(folder / name))
        # The permutation test takes most of the time, and its result does not matter here.
        patch.setattr("sightline.training.emotions.validation._TREES_FOR_SHUFFLED", 2)
        settings.cache_clear()
        yield folder
    settings.cache_clear()


def store_sessions(home: Path, patient: str, per_emotion: int = 5, **options: Any) -> list[SessionRecord]:
    """Store synthetic sessions of a patient, ``per_emotion`` of every emotion."""
    return emotions.write_synthetic_sessions(
        home / "patients",
        patient,
        video_bucket=home / "video",
        emotions=EMOTIONS,
        sessions_per_emotion=per_emotion,
        **options,
    )


def train(patient: str, **options: Any) -> State[EmotionTrainingResult]:
    return train_emotion(patient, repeats=1, permutations=19, return_state=True, **options)


def artifacts(api: str, state: State[Any]) -> dict[str, str]:
    """Return the content of the flow run's artifacts by key."""
    assert state.state_details.flow_run_id
    query = {"artifacts": {"flow_run_id": {"any_": [str(state.state_details.flow_run_id)]}}}
    rows = httpx.post(f"{api}/artifacts/filter", json=query, trust_env=False).raise_for_status().json()
    return {artifact["key"]: str(artifact["data"]) for artifact in rows}


def latest_event(api: str, name: str, patient: str) -> dict[str, Any]:
    """Return the latest event of this name about the patient; fail if there is none after ten seconds."""
    for _ in range(50):
        query = {"filter": {"event": {"name": [name]}}}
        events = httpx.post(f"{api}/events/filter", json=query, trust_env=False).raise_for_status().json()["events"]
        of_patient = [event for event in events if patient in json.dumps([event["resource"], event["payload"]])]
        if of_patient:
            return dict(of_patient[0])
        time.sleep(0.2)
    raise AssertionError(f"no {name} of {patient}")


@pytest.fixture(scope="module")
def registry(home: Path) -> Registry:
    """The registry that the flows use."""
    return Registry(home / "model")


@pytest.fixture(scope="module")
def trained(home: Path) -> State[EmotionTrainingResult]:
    """The training of ana, who has enough sessions."""
    store_sessions(home, "ana")
    return train("ana")


class TestTraining:
    def test_patient_with_enough_sessions_gets_a_complete_model(
        self, trained: State[EmotionTrainingResult], registry: Registry, prefect_server: str
    ) -> None:
        result = trained.result()
        assert result.trained
        assert result.model is not None
        model = result.model
        assert (model.name, model.version, model.promoted, model.sessions, model.synthetic) == (
            "patient--ana",
            1,
            True,
            10,
            True,
        )
        assert model.emotions == ("happy", "sad")
        files = registry.open("patient--ana")
        assert set(files.record.files) == {
            "model.skops", "training_sessions.json", "confusion_matrix.png", "feature_importance.png", "model.tar.gz",
        }  # fmt: skip
        assert files.record.metrics["verdict"] == model.verdict
        assert files.record.metrics["p_value"] >= 0.05, "the smallest p-value of 19 permutations"
        manifest = json.loads((files.folder / "training_sessions.json").read_bytes())
        assert [session["session"] for session in manifest["sessions"]] == [f"synthetic-{n:04d}" for n in range(1, 11)]
        with tarfile.open(fileobj=io.BytesIO((files.folder / "model.tar.gz").read_bytes())) as archive:
            assert {"model.skops", "record.json", "training_sessions.json"} < set(archive.getnames())

        shown = artifacts(prefect_server, trained)
        assert {"training-gate", "training-history", "model", "alert"} <= set(shown)
        assert "FILE_THRESHOLD" in shown["training-gate"]
        assert "The sessions are synthetic" in shown["model"]
        assert model.verdict[1:] in shown["model"]
        assert "is now the current model" in shown["alert"]
        assert latest_event(prefect_server, "sightline.model.promoted", "ana")

    def test_patient_with_too_few_sessions_is_skipped_without_alert(
        self, home: Path, registry: Registry, prefect_server: str
    ) -> None:
        store_sessions(home, "bea", per_emotion=2)
        state = train("bea")
        assert (state.name, state.is_completed()) == ("Skipped", True)
        result = state.result()
        assert (result.trained, result.model) == (False, None)
        assert any("MIN_SAMPLES_PER_CLASS" in reason for reason in result.reasons)
        assert result.reasons[0] in (state.message or "")
        shown = artifacts(prefect_server, state)
        assert "training-gate" in shown
        assert "alert" not in shown
        assert registry.current("patient--bea") is None

    def test_unknown_patient_is_skipped(self, home: Path) -> None:
        assert train("nobody").name == "Skipped"

    def test_cooldown_skips_the_next_training_unless_forced(
        self, trained: State[EmotionTrainingResult], prefect_server: str
    ) -> None:
        assert trained.result().model
        again = train("ana")
        assert again.name == "Skipped"
        assert "COOLDOWN_HOURS" in (again.message or "")
        forced = train("ana", force=True)
        second = forced.result()
        assert second.model
        assert (second.model.version, second.model.promoted) == (2, True), "the same sessions give the same model"
        assert "by their out-of-fold predictions" in second.model.why
        history = artifacts(prefect_server, forced)["training-history"]
        assert history.count("promoted") == 2

    def test_failed_training_fails_the_run_and_alerts_with_the_gate(
        self, home: Path, registry: Registry, prefect_server: str
    ) -> None:
        records = store_sessions(home, "cleo")
        track = track_of(home / "patients", records[3])
        Path(str(track)).write_bytes(b"no track")
        state = train("cleo")
        assert state.is_failed()
        assert "synthetic-0004_track.parquet" in (state.message or "")
        alert = artifacts(prefect_server, state)["alert"].replace("\\", "")
        assert "synthetic-0004_track.parquet" in alert
        assert "MIN_TOTAL_SAMPLES" in alert
        assert registry.versions("patient--cleo") == [], "there is no fallback model"
        [training] = read_trainings(home / "model" / "patient--cleo")
        assert training.outcome == "failed"

    @pytest.mark.slow
    def test_burst_of_events_trains_once(self, home: Path, registry: Registry) -> None:
        store_sessions(home, "dora")
        with ThreadPoolExecutor(5) as pool:
            states = list(pool.map(lambda _: train("dora"), range(12)))
        assert sorted({state.name for state in states}) == ["Completed", "Skipped"]
        assert sum(state.name == "Completed" for state in states) == 1
        assert registry.versions("patient--dora") == [1]


class TestSweep:
    def test_failed_patient_is_named_and_others_are_trained(self, home: Path, registry: Registry) -> None:
        ward = home / "ward"
        store_sessions(ward, "emma")
        store_sessions(ward, "finn", per_emotion=1)
        Path(str(track_of(ward / "patients", store_sessions(ward, "gil")[0]))).unlink()
        state: State[SweepResult] = retrain_all(
            patients_bucket=str(ward / "patients"), repeats=1, permutations=19, return_state=True
        )
        assert state.is_failed()
        assert str(state.message).startswith("1 of 3 trainings failed. gil: ")
        result = state.data if isinstance(state.data, SweepResult) else state.result(raise_on_failure=False)
        assert {outcome.patient: outcome.outcome for outcome in result.outcomes} == {
            "emma": "trained", "finn": "skipped", "gil": "failed",
        }  # fmt: skip
        assert registry.current("patient--emma")


class TestPrediction:
    def test_prediction_is_stored_and_an_uncertain_one_goes_to_review(
        self, home: Path, trained: State[EmotionTrainingResult], prefect_server: str
    ) -> None:
        agreed = predict_emotion("ana/synthetic-0001", threshold=0.3)
        assert (agreed.emotion, agreed.keyword_emotion, agreed.review) == ("happy", "happy", ())
        metadata = json.loads(Path(agreed.metadata_file).read_bytes())
        assert metadata["emotion"] == "happy"
        assert metadata["prediction"]["probabilities"] == agreed.probabilities
        assert sum(agreed.probabilities.values()) == pytest.approx(1)
        assert (agreed.trained_on, metadata["prediction"]["trained_on"]) == (True, True)

        state = predict_emotion("synthetic-0002", "ana", threshold=0.999, return_state=True)
        unsure = state.result()
        assert unsure.outcome == "low_confidence"
        waiting = Reviews(home / "reviews").waiting("patient--ana")
        assert [item.question.session for item in waiting] == ["ana/synthetic-0002"]
        assert "needs a review" in artifacts(prefect_server, state)["alert"]
        assert latest_event(prefect_server, "sightline.session.uncertain", "synthetic-0002")

    def test_missing_model_error_states_the_training_command(self, home: Path) -> None:
        store_sessions(home, "hugo", per_emotion=1)
        with pytest.raises(ModelNotFound, match="sightline train-emotion"):
            predict_emotion("hugo/synthetic-0001")


def write_transcript(folder: Path, emotion: str) -> str:
    path = folder / f"{emotion}.vtt"
    path.write_text(f"WEBVTT\n\n00:00.100 --> 00:01.000\nIvy is {emotion}.\n")
    return str(path)


@pytest.mark.slow
@pytest.mark.soak
def test_ten_videos_pass_the_gate_and_an_eleventh_is_predicted(home: Path, prefect_server: str, tmp_path: Path) -> None:
    def film(number: int) -> str:
        video = home / "video" / "ivy" / f"visit-{number:02d}.mp4"
        video.parent.mkdir(parents=True, exist_ok=True)
        # Every video needs another content: two videos with the same content are one session.
        return str(build_clip(video, None, seconds=1.2 + number / 10, size=(240, 180), rate=10))

    def process(number: int, emotion: str) -> VideoResult:
        return process_video(film(number), transcript=write_transcript(tmp_path, emotion))

    for number in range(9):
        video_result = process(number, EMOTIONS[number % 2])
        assert video_result.poses_extracted >= 5
    closed = train("ivy")
    assert closed.name == "Skipped"
    assert closed.message == "sessions in total: 9 found, 10 needed (MIN_TOTAL_SAMPLES)"
    tenth = process(9, "sad")
    stored = latest_event(prefect_server, "sightline.session.stored", tenth.session)
    assert stored["payload"]["patient"] == stored["resource"]["sightline.patient"] == "ivy"

    opened = train(stored["payload"]["patient"]).result()
    assert opened.model
    assert (opened.model.version, opened.model.sessions, opened.model.emotions) == (1, 10, ("happy", "sad"))
    assert opened.model.verdict.startswith("not yet: "), "the movement does not depend on the emotion"

    video = film(10)  # encoded once: x264 is not deterministic, and other bytes would be another session
    eleventh = predict_emotion(video, transcript=write_transcript(tmp_path, "happy"))
    assert (eleventh.session, eleventh.model, eleventh.keyword_emotion) == ("visit-10", "patient--ivy/1", "happy")
    assert set(eleventh.probabilities) == {"happy", "sad"}
    assert predict_emotion(video).session == "visit-10", "a stored session is not processed again"
