"""Who is the patient: the options of process-video, the questions, their answers, and the training that uses them."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import State

from demo.clip import build_clip
from deployments.serve import server
from flows.export_openpose import export_openpose
from flows.predict_emotion import predict_emotion
from flows.process_video import VideoResult, process_video
from flows.review_predictions import review_predictions
from flows.train_emotion import EmotionTrainingResult, train_emotion
from sightline import pose
from sightline.emotion import names_of
from sightline.errors import InvalidInput
from sightline.pose import TrackedVideo, read_openpose_people
from sightline.reviews import SOMEONE_ELSES, THEIRS, Reviews
from sightline.sessions import SessionStore, read_sessions
from sightline.settings import settings
from sightline.training import emotions
from tests.browser import launch_browser, log_in_to_prefect
from tests.crowds import PATIENT, store_crowd, undecided
from tests.deployed import Deployed, artifacts, event

pytestmark = pytest.mark.integration

MODEL = f"patient--{PATIENT}"
TRANSCRIPT = "WEBVTT\n\n00:00.000 --> 00:00.400\nAnna is happy.\n\n00:00.500 --> 00:00.900\nBen is sad.\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of all buckets."""
    for name in ("model", "results", "capture", "outbox", "reviews", "video", "patients"):
        monkeypatch.setenv(f"{name.upper()}_BUCKET", str(tmp_path / name))
    monkeypatch.setattr("sightline.training.emotions.validation._TREES_FOR_SHUFFLED", 2)
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


@pytest.fixture
def sessions(home: Path) -> SessionStore:
    return SessionStore(home / "video", home / "patients")


@pytest.fixture
def reviews(home: Path) -> Reviews:
    return Reviews(home / "reviews")


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of one second with a person, and a transcript beside it."""
    folder = tmp_path_factory.mktemp("clip")
    (folder / "visit.vtt").write_text(TRANSCRIPT)
    return build_clip(folder / "visit.mp4", None, seconds=1, size=(480, 360))


def process(clip: Path, **options: Any) -> State[VideoResult]:
    return process_video(str(clip), PATIENT, transcript=str(clip.with_suffix(".vtt")), return_state=True, **options)


def train() -> EmotionTrainingResult:
    result: EmotionTrainingResult = train_emotion(PATIENT, repeats=1, permutations=19, force=True)
    return result


def answer(home: Path, **answers: str) -> Any:
    file = home / "answers.json"
    file.write_text(json.dumps({"reviewer": "Kim", "answers": answers}))
    return review_predictions(patient=PATIENT, answers=str(file), return_state=True)


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            ({"person": 1, "person_at": "1,2@0"}, "--person and --person-at cannot be given together"),
            ({"person_at": "left"}, "not a point of the picture at a time"),
            ({"reference": "{folder}/visit.vtt"}, "cannot be the reference"),
            ({"reference": "{folder}/gone.jpg"}, "cannot be the reference"),
            ({"names": ["17"]}, "is not a name"),
        ],
    )
    def test_invalid_option_is_refused_before_the_video_is_read(
        self, home: Path, clip: Path, options: dict[str, Any], reason: str
    ) -> None:
        filled = {
            name: value.format(folder=clip.parent) if isinstance(value, str) else value
            for name, value in options.items()
        }
        with pytest.raises(InvalidInput, match=reason):
            process(clip, **filled).result()
        assert not (home / "video" / "annotated").exists()

    def test_point_outside_the_picture_is_refused_before_the_transcription(self, home: Path, clip: Path) -> None:
        with pytest.raises(InvalidInput, match="480 by 360"):
            process(clip, person_at="500,20@0.5").result()

    def test_names_decide_whom_the_statements_are_about(self, home: Path, clip: Path) -> None:
        result = process(clip, names=["Ben"]).result()
        assert result.emotion == "sad"
        [record] = read_sessions(home / "patients", PATIENT)
        assert record.names is not None
        assert (record.names.known.theirs, record.names.given) == (("Ben",), ("Ben",))


@pytest.fixture
def two_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tracker finds two people who are equally likely."""
    original = pose.track_video

    def track_video(*arguments: Any, **options: Any) -> TrackedVideo:
        tracked, identity, folder = original(*arguments, **options), undecided(9, 8), arguments[2]
        pictures = [folder / str(seen.picture) for seen in identity.people]
        for picture in pictures:
            Image.new("RGB", (60, 120), "green").save(picture)
        return dataclasses.replace(tracked, identity=identity, pictures=pictures)

    monkeypatch.setattr(pose, "track_video", track_video)


@pytest.mark.usefixtures("two_people")
def test_video_with_unknown_patient_is_stored_and_asked_about_with_one_alert(
    home: Path, clip: Path, reviews: Reviews
) -> None:
    state = process(clip)
    result = state.result()
    questions = [item.question for item in reviews.waiting(MODEL)]
    assert {question.label for question in questions} == {
        f"{PATIENT}/visit#person", f"{PATIENT}#Anna", f"{PATIENT}#Ben"
    }  # fmt: skip
    [record] = read_sessions(home / "patients", PATIENT)
    assert record.unusable == "it has no known patient: two people are about equally likely"
    alert = artifacts(str(state.state_details.flow_run_id))["alert"]
    assert f"who is the patient in session {result.session}?" in alert
    emitted = event("sightline.session.unidentified", f"{PATIENT}/visit#person")
    assert emitted["payload"]["patient"] == PATIENT
    with pytest.raises(InvalidInput, match="nothing to predict"):
        predict_emotion(f"{PATIENT}/visit")

    for file in (home / "reviews" / MODEL / "waiting").iterdir():
        file.unlink()
    assert process(clip).name == "Skipped"
    assert len(reviews.waiting(MODEL)) == 3, "asked by the repeated run, if the first was killed before it asked"


class TestAnswers:
    def test_training_leaves_the_session_out_until_it_is_answered(
        self, home: Path, sessions: SessionStore, reviews: Reviews
    ) -> None:
        store_crowd(sessions, home / "outputs")
        before = train()
        assert [session.reason for session in before.left_out] == [
            "it has no known patient: two people are about equally likely"
        ]
        assert before.waiting.startswith("1 session waits for an answer about who the patient is")
        assert f"sightline review-predictions --patient {PATIENT} --answers" in before.waiting

        skipped = review_predictions(patient=PATIENT, return_state=True)
        assert f'"{PATIENT}/visit#person"' in str(skipped.message)
        assert answer(home, **{f"{PATIENT}/visit#person": "person 2"}).result().answered == 1
        [record] = read_sessions(home / "patients", PATIENT)
        assert (record.person, record.identity and record.identity.how) == (2, "answered")
        after = train()
        assert after.waiting == ""
        assert [session.reason for session in after.left_out if "patient" in session.reason] == []

    def test_answer_that_was_not_applied_is_applied_before_the_training(
        self, home: Path, sessions: SessionStore, reviews: Reviews, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store_crowd(sessions, home / "outputs")
        with monkeypatch.context() as patch:
            patch.setattr("tasks.reviews.reviews.apply_answers", lambda *_: None)
            answer(home, **{f"{PATIENT}/visit#person": "person 2"})
        assert read_sessions(home / "patients", PATIENT)[0].person is None
        assert train().waiting == ""
        assert read_sessions(home / "patients", PATIENT)[0].person == 2

    def test_names_are_answered_from_the_command_line(
        self, home: Path, sessions: SessionStore, reviews: Reviews
    ) -> None:
        known = undecided(9, 8).model_copy(update={"person": 1, "how": "prominent"})
        store_crowd(sessions, home / "outputs", said=("Anna is happy.", "Ben is sad.", "Ben is sad."), identity=known)
        state = answer(home, **{f"{PATIENT}#Anna": THEIRS, f"{PATIENT}#Ben": SOMEONE_ELSES})
        assert state.result().answered == 2
        assert state.result().by_model == {}, "no answer to a prediction"
        [record] = read_sessions(home / "patients", PATIENT)
        assert (record.emotion, record.unusable) == ("happy", None)
        assert names_of(home / "patients" / PATIENT, PATIENT).theirs == ("Anna",)

    def test_one_person_or_everyone_is_exported(self, home: Path, sessions: SessionStore, reviews: Reviews) -> None:
        store_crowd(sessions, home / "outputs")
        name = f"{PATIENT}/visit"
        with pytest.raises(InvalidInput, match="no known patient"):
            export_openpose(name, str(home / "none"), patient_only=True)
        answer(home, **{f"{PATIENT}/visit#person": "person 2"})
        everyone = export_openpose(name, str(home / "everyone"))
        assert (everyone.people, everyone.patient) == ((1, 2), 2)
        first = min((home / "everyone").iterdir())
        assert [number for number, _ in read_openpose_people(first.read_bytes())] == [2, 1]
        assert export_openpose(name, str(home / "patient"), patient_only=True).people == (2,)
        assert export_openpose(name, str(home / "carer"), person=1).people == (1,)
        with pytest.raises(InvalidInput, match="cannot be given together"):
            export_openpose(name, str(home / "both"), person=1, patient_only=True)


@pytest.fixture
def ui(prefect_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server with the UI, which the server of the other tests does not have."""
    monkeypatch.setenv("PREFECT_HOME", str(prefect_home))
    monkeypatch.setenv("PREFECT_API_URL", "")
    with server() as url, temporary_settings({PREFECT_API_URL: f"{url}/api"}):
        yield url


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_patient_is_chosen_in_the_browser_and_the_session_is_trained_on(
    home: Path, sessions: SessionStore, ui: str
) -> None:
    emotions.write_synthetic_sessions(
        home / "patients", PATIENT, video_bucket=home / "video", emotions=("happy", "sad"), sessions_per_emotion=4
    )
    store_crowd(sessions, home / "outputs")
    review = Deployed(patient=PATIENT)
    assert review.resume() is None, "it waits for a person"
    with launch_browser() as browser:
        tab = browser.new_page(viewport={"width": 1280, "height": 1000})
        tab.set_default_timeout(120_000)  # the first page of a new server loads its scripts
        log_in_to_prefect(tab, ui, os.environ["PREFECT_API_AUTH_STRING"])
        tab.goto(f"{ui}/runs/flow-run/{review.id}")
        tab.get_by_role("button", name="Resume").first.click()
        form = tab.locator(".p-modal__card")
        form.locator("textarea").first.fill("Kim")
        for number in (1, 2):
            picture = form.get_by_alt_text(f"person {number}")
            assert picture.evaluate("(image) => image.decode().then(() => image.naturalHeight)") == 240
        # A click can scroll the form, which closes the list.
        form.get_by_role("button", name="later").press("Space")
        tab.locator(".p-select-option").filter(has_text="person 2").click()
        form.get_by_text("person 2").last.wait_for()
        form.get_by_role("button", name="Submit").click()
        tab.get_by_text("Resuming").first.wait_for()
    state = review.resume()
    assert state is not None
    assert state.result().answered == 1
    assert "Kim" in artifacts(review.id)["review-answers"]

    trained = train()
    assert (trained.left_out, trained.waiting) == ((), "")
    assert trained.model is not None
    assert trained.model.sessions == 9, "with the session that was asked about"
