"""A review from uncertain images to stored answers, with the requests that Prefect's UI sends."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.states import State

from flows.classify_images import ClassificationResult, classify_images
from flows.export_training_data import TrainingDataExport, export_training_data
from flows.predict_emotion import predict_emotion
from flows.remind_reviewers import ReminderResult, remind_reviewers
from flows.review_predictions import ReviewResult, review_predictions
from flows.train_emotion import train_emotion
from sightline.errors import InvalidInput
from sightline.registry import Registry
from sightline.reviews import Reviews
from sightline.sessions import SessionStore, read_sessions
from sightline.settings import settings
from sightline.training import emotions
from tests.deployed import Deployed, artifacts, event
from tests.images import grey, publish_by_brightness

pytestmark = pytest.mark.integration

UNSURE = (110, 118, 137, 145)
"""Grey levels about which the model is uncertain; it predicts bicycle for the first two."""


@pytest.fixture(scope="module", autouse=True)
def home(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of all buckets that the flows use."""
    folder = tmp_path_factory.mktemp("buckets")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("model", "results", "capture", "outbox", "reviews", "video", "patients"):
            patch.setenv(f"{name.upper()}_BUCKET", str(folder / name))
        patch.setattr("sightline.training.emotions.validation._TREES_FOR_SHUFFLED", 2)
        settings.cache_clear()
        publish_by_brightness(Registry(folder / "model", builtin=folder / "none"))
        yield folder
    settings.cache_clear()


@pytest.fixture
def reviews(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reviews]:
    """Questions and answers of this test alone."""
    monkeypatch.setenv("REVIEWS_BUCKET", str(tmp_path / "reviews"))
    settings.cache_clear()
    yield Reviews(tmp_path / "reviews")
    settings.cache_clear()


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    for index, level in enumerate((0, *UNSURE, 255)):
        (folder / f"{index:03d}.png").write_bytes(grey(level))
    return folder


@pytest.fixture(scope="module")
def classified(home: Path, images: Path) -> ClassificationResult:
    """A run with four uncertain images of six."""
    result: ClassificationResult = classify_images(str(images), "vehicles")
    assert result.low_confidence == len(UNSURE)
    return result


def test_review_suspends_per_page_and_resumes_with_the_answers(
    classified: ClassificationResult, reviews: Reviews
) -> None:
    started = event("sightline.images.uncertain", classified.results)
    run = Deployed(results=started["payload"]["results"], page_size=2)
    assert run.resume() is None
    assert (run.state["type"], run.state["name"]) == ("PAUSED", "Suspended")
    assert run.state["state_details"]["pause_reschedule"], "no process waits for the answers"
    form = run.form(1)
    assert list(form) == ["reviewer", "image_01", "image_02"]
    assert form["image_01"]["enum"] == ["later", "bicycle", "motorcycle", "none of these", "cannot tell"]
    assert form["image_01"]["default"] == "later", "submitting the form unchanged answers no question"
    assert "data:image/jpeg;base64," in form["image_01"]["description"]
    assert "**bicycle**" in form["image_01"]["description"]

    assert run.answer(reviewer="Kim", image_01="car") == "REJECT"
    assert run.answer(image_01="bicycle") == "REJECT", "without a name"
    assert run.answer(reviewer=" Kim ", image_01="bicycle", image_02="motorcycle") == "ACCEPT"
    results = Path(classified.results).parent
    results.rename(results.with_name("elsewhere"))
    assert run.state["name"] == "Resuming"
    assert run.resume() is None, "the second page, although the results have been moved"
    assert len(reviews.answered("vehicles")) == 2
    assert run.answer(reviewer="Lee", image_01="cannot tell") == "ACCEPT"
    state = run.resume()
    results.with_name("elsewhere").rename(results)
    assert state is not None

    result = state.result()
    assert (result.asked, result.answered, result.waiting) == (4, 3, 1)
    assert (result.this_run.judged, result.this_run.right, result.this_run.accuracy) == (2, 1, 0.5)
    assert result.by_model["vehicles/1"].per_class["bicycle"].right == 1
    stored = reviews.answered("vehicles")
    assert [(reviewed.last.reviewer, reviewed.last.answer) for reviewed in stored] == [
        ("Kim", "bicycle"), ("Kim", "motorcycle"), ("Lee", "cannot tell"),
    ]  # fmt: skip
    assert all(len(reviewed.answers) == 1 for reviewed in stored), (
        "the run was restarted twice; answers are stored once"
    )
    shown = artifacts(run.id)
    assert "Kim" in shown["review-answers"]
    assert "0.500 (95 %: 0.09 to 0.91)" in shown["review-agreement"]
    emitted = event("sightline.review.answered", run.id)
    assert (emitted["payload"]["model"], emitted["payload"]["learnable"], emitted["payload"]["right"]) == (
        "vehicles/1",
        2,
        1,
    )

    again = Deployed(model="vehicles")
    assert again.resume() is None
    assert list(again.form(1)) == ["reviewer", "image_01"], "only the question that was put off"


def test_overdue_questions_stay_open_and_are_alerted_once(classified: ClassificationResult, reviews: Reviews) -> None:
    run = Deployed(results=classified.results, hours=1 / 3600)
    assert run.resume() is None
    time.sleep(2)
    run.answer(reviewer="Kim", image_01="bicycle")
    assert (run.state["type"], "never resumed" in run.state["message"]) == ("FAILED", True)
    assert reviews.answered("vehicles") == []
    state: State[ReminderResult] = remind_reviewers(return_state=True)
    assert state.result().models == {"vehicles/1": 4}
    alert = artifacts(str(state.state_details.flow_run_id))["alert"]
    assert "4 questions have waited too long for an answer" in alert
    assert remind_reviewers(return_state=True).name == "Skipped"
    assert reviews.count_waiting("vehicles") == 4
    later = Deployed(results=classified.results)
    assert later.resume() is None
    assert len(later.form(1)) == 5, "they are asked again"


def test_review_without_deployment_is_skipped_with_instructions(
    classified: ClassificationResult, reviews: Reviews
) -> None:
    state: State[ReviewResult] = review_predictions(classified.results, return_state=True)
    assert (state.name, state.is_completed()) == ("Skipped", True)
    assert "make ui" in (state.message or "")
    assert "--answers FILE.json" in (state.message or "")
    assert state.result().waiting == 4
    assert all(waiting.taken_by is None for waiting in reviews.waiting("vehicles"))


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({}, "no source of predictions is given"),
        ({"model": "vehicles", "patient": "ana"}, "cannot be given together"),
        ({"results": "/"}, "no review"),
    ],
)
def test_review_needs_exactly_one_existing_source(options: dict[str, str], complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        review_predictions(**options)


def test_answers_from_a_file_are_stored_and_exported_once(
    classified: ClassificationResult, reviews: Reviews, images: Path, tmp_path: Path
) -> None:
    assert export_training_data("vehicles", str(tmp_path / "export"), return_state=True).name == "Skipped"
    file = tmp_path / "answers.json"
    third = hashlib.sha256((images / "003.png").read_bytes()).hexdigest()
    answers = {str(images / "001.png"): "motorcycle", third: "bicycle", str(images / "002.png"): "none of these"}
    file.write_text(json.dumps({"reviewer": "Kim", "answers": answers}))
    result = review_predictions(classified.results, answers=str(file))
    assert (result.answered, result.waiting, result.this_run.right) == (3, 1, 0)
    file.write_text(json.dumps({"reviewer": "Kim", "answers": {"/nowhere.png": "bicycle"}}))
    with pytest.raises(InvalidInput, match="there is no question about it"):
        review_predictions(classified.results, answers=str(file))

    first: TrainingDataExport = export_training_data("vehicles", str(tmp_path / "export"))
    assert (first.images, first.written, first.classes) == (2, 2, {"bicycle": 1, "motorcycle": 1})
    assert export_training_data("vehicles", str(tmp_path / "export")).written == 0


@pytest.mark.slow
@pytest.mark.soak
def test_training_uses_the_emotion_that_a_person_answered(home: Path, reviews: Reviews, tmp_path: Path) -> None:
    emotions.write_synthetic_sessions(
        home / "patients", "ana", video_bucket=home / "video", emotions=("happy", "sad"), sessions_per_emotion=6
    )
    train_emotion("ana", repeats=1, permutations=19)
    for name in ("synthetic-0001", "synthetic-0002"):
        assert predict_emotion(f"ana/{name}", threshold=0.999).review
    file = tmp_path / "answers.json"
    file.write_text(
        json.dumps({"reviewer": "Kim", "answers": {"ana/synthetic-0001": "sad", "ana/synthetic-0002": "none of these"}})
    )
    result = review_predictions(patient="ana", answers=str(file))
    assert (result.answered, result.by_model["patient--ana/1"].none_of_these) == (2, 1)
    assert reviews.waiting("patient--ana") == []
    assert SessionStore(home / "video", home / "patients").reviews("ana") == []

    trained = train_emotion("ana", repeats=1, permutations=19, force=True)
    assert [(session.session, session.reason) for session in trained.left_out] == [
        ("synthetic-0002", "a person's answer: none of these (Kim)")
    ]
    files = Registry(home / "model").open("patient--ana", 2)
    sessions = json.loads((files.folder / "training_sessions.json").read_bytes())["sessions"]
    assert {session["session"]: session["emotion"] for session in sessions}["synthetic-0001"] == "sad"
    [answered] = files.record.parameters["answered_by_people"]
    assert (answered["said"], answered["answer"], answered["reviewers"]) == ("happy", "sad", ["Kim"])
    [stored] = [session for session in read_sessions(home / "patients", "ana") if session.session == "synthetic-0001"]
    assert stored.emotion == "happy", "the stored emotion of the words is not changed"
