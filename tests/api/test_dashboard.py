"""The pages about models and patients, and the same data as JSON."""

from __future__ import annotations

import asyncio
import re
import shutil
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from api import create_app
from sightline import monitoring
from sightline.names import PatientName
from sightline.registry import Registry
from sightline.reviews import Reviews
from sightline.sessions import SessionRecord, read_sessions
from sightline.training import emotions
from tests.api.serving import settings_for
from tests.browser import check_readable
from tests.captures import baseline_of, capture, predictions, publish_with
from tests.images import publish_by_brightness
from tests.reviewing import answer, question

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
JSON = {"Accept": "application/json"}
PATIENT = "José <b>"
MODEL = PatientName.parse(PATIENT).model.name
REPORT = "20260101T000000Z--20260108T000000Z"
MARKUP = '<img src=x onerror="alert(1)">'


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Buckets with two versions of a model, questions and answers about it, and a patient with two sessions."""
    home = tmp_path_factory.mktemp("home")
    registry = Registry(home / "models", builtin=home / "none")
    publish_by_brightness(registry)
    second = publish_by_brightness(registry)
    registry.rollback("vehicles", 1, why=f"by hand: {MARKUP}")
    assert second.version == 2
    reviews = Reviews(home / "reviews")
    reviews.queue(question(number) for number in range(4))
    reviews.answer(question(0), answer("motorcycle"))
    reviews.answer(question(1), answer("bicycle"))
    emotions.write_synthetic_sessions(
        home / "patients", PATIENT, video_bucket=home / "video", emotions=("happy", "sad"), sessions_per_emotion=1
    )
    session_question = question(
        kind="session", model=f"{MODEL}/1", sha256=sessions_of(home)[0].sha256, choices=("happy", "sad")
    )
    reviews.answer(session_question, answer("sad"))
    with suppress(ZeroDivisionError), emotions.training_lease(home / "models" / MODEL, MARKUP) as training:
        training.begin(["synthetic-0001"])
        raise ZeroDivisionError
    report = home / "results" / "monitoring" / "vehicles" / REPORT
    report.mkdir(parents=True)
    (report / "report.html").write_text("<h1>A week</h1><script>alert(1)</script>")
    (report / "report.json").write_text('{"model": "of another version"}')
    return home


def sessions_of(home: Path) -> list[SessionRecord]:
    """Return the patient's sessions, the oldest first."""
    return read_sessions(home / "patients", PATIENT)


class Client:
    """A client of a service that is not started: the pages read storage and need no loaded models."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app

    def get(self, path: str, **options: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://sightline") as client:
                return await client.get(path, **options)

        return asyncio.run(send())


def client_of(home: Path, **changes: Any) -> Client:
    """Return a client of a service with these buckets."""
    buckets = {f"{name}_bucket": str(home / name) for name in ("reviews", "results", "video", "patients")}
    config = settings_for(home / "models", **buckets, **changes)
    return Client(create_app(config))


@pytest.fixture(scope="module")
def client(home: Path) -> Client:
    return client_of(home)


@pytest.mark.parametrize("path", ["/models", "/models/vehicles", f"/patients/{quote(PATIENT)}"])
def test_page_fits_a_phone_and_can_be_printed(client: Client, path: str, tmp_path: Path) -> None:
    check_readable(client.get(path, headers=HTML).raise_for_status().text, tmp_path)


@pytest.mark.usefixtures("no_bundled_models")
class TestModels:
    def test_models_are_listed_with_version_accuracy_and_questions(self, client: Client) -> None:
        rows = client.get("/models.json").raise_for_status().json()["models"]
        assert [row["name"] for row in rows] == ["posture", "vehicles"]  # the first one is bundled
        row = rows[1]
        assert {name: row[name] for name in ("name", "version", "versions", "accuracy", "waiting", "patient")} == {
            "name": "vehicles", "version": 1, "versions": 2, "accuracy": 0.9, "waiting": 2, "patient": None,
        }  # fmt: skip
        page = client.get("/models", headers=HTML).raise_for_status().text
        assert 'href="/models/vehicles"' in page
        assert 'href="/patients/Jos%C3%A9%20%3Cb%3E"' in page

    def test_model_has_its_history_and_the_reviewers_agreement(self, client: Client) -> None:
        model = client.get("/models/vehicles", headers=JSON).raise_for_status().json()
        assert model == client.get("/models/vehicles.json").json()
        assert [(move["version"], move["how"]) for move in model["history"]] == [
            (1, "rolled back"), (2, "promoted"), (1, "promoted"),
        ]  # fmt: skip
        assert [(version["version"], version["current"]) for version in model["versions"]] == [(2, False), (1, True)]
        assert (model["waiting"], model["answered"]) == (2, 2)
        agreement = model["agreement"]["vehicles/1"]
        assert (agreement["judged"], agreement["right"], agreement["accuracy"]) == (2, 1, 0.5)

    def test_page_shows_the_same_and_escapes_stored_text(self, client: Client) -> None:
        response = client.get("/models/vehicles", headers=HTML).raise_for_status()
        for text in ("Version 1 is current", "2</b><span>open questions", "rolled back", "50.0 %", "cannot be read"):
            assert text in response.text
        assert MARKUP not in response.text
        assert "&lt;img src=x" in response.text
        assert "script-src 'none'" in response.headers["content-security-policy"]
        assert not re.search(r'<(script|link|img|iframe)[^>]+(src|href)="(?!data:)', response.text)

    def test_report_is_listed_with_its_figures(self, tmp_path: Path) -> None:
        random, begin = np.random.default_rng(4), datetime(2026, 3, 1, tzinfo=UTC)
        end = begin + timedelta(days=1)
        registry = Registry(tmp_path / "models", builtin=tmp_path / "none")
        publish_with(registry, baseline_of(predictions(random, 400), random))
        capture(tmp_path / "capture", predictions(random, 500, second=0.8), begin)
        model = monitoring.watch_model(registry, "vehicles", tmp_path / "capture", begin, end)
        window = monitoring.read_window(model, tmp_path / "capture", begin, end)
        folder = tmp_path / "results" / "monitoring" / "vehicles" / "20260301T000000Z--20260302T000000Z"
        written = monitoring.write_report(monitoring.build_report(window), window, folder)
        client = client_of(tmp_path)
        [row] = client.get("/models/vehicles.json").raise_for_status().json()["reports"]
        assert (row["version"], row["events"], row["low_confidence"]) == ("vehicles/1", 500, written.low_confidence)
        assert row["mean_confidence"] == pytest.approx(written.mean_confidence)
        assert written.expected_accuracy
        assert row["expected_accuracy"] == pytest.approx(written.expected_accuracy.value)
        assert row["drift"] is True
        assert row["headline"].startswith("the share of motorcycle rose from")
        page = client.get("/models/vehicles", headers=HTML).raise_for_status().text
        assert f"/models/vehicles/reports/{folder.name}" in page
        assert 'badge amber">drift' in page
        assert f"{written.expected_accuracy.value:.1%}".replace("%", " %") in page

    def test_report_is_shown_in_a_sandbox(self, client: Client) -> None:
        page = client.get(f"/models/vehicles/reports/{REPORT}").raise_for_status()
        assert "A week" in page.text
        assert page.headers["content-security-policy"].startswith("sandbox; default-src 'none'")

    @pytest.mark.parametrize(
        "path",
        [
            "/models/nobody", "/models/nobody.json", "/models/..%2F..", "/models/UPPER", "/patients/nobody",
            "/patients/.hidden.json", "/models/vehicles/reports/other", "/models/vehicles/reports/%2E%2E",
        ],
    )  # fmt: skip
    def test_unknown_names_are_404(self, client: Client, path: str) -> None:
        assert client.get(path, headers=HTML).status_code == 404

    def test_damaged_model_does_not_hide_the_others(self, home: Path, tmp_path: Path) -> None:
        shutil.copytree(home, tmp_path / "home")
        publish_by_brightness(Registry(tmp_path / "home" / "models", builtin=tmp_path), "posture")
        (tmp_path / "home" / "models" / "posture" / "current.json").write_text("{}")
        rows = client_of(tmp_path / "home").get("/models.json").raise_for_status().json()["models"]
        assert [(row["name"], row["version"]) for row in rows] == [("posture", None), ("vehicles", 1)]
        assert "does not state the current version" in rows[0]["problem"]
        assert client_of(tmp_path / "home").get("/models/posture").status_code == 503


class TestPatients:
    def test_patient_has_sessions_with_answers_and_trainings(self, client: Client) -> None:
        patient = client.get(f"/patients/{quote(PATIENT)}.json").raise_for_status().json()
        assert patient["sessions_in_all"] == 2
        newest, first = patient["sessions"]
        assert (first["said"], first["answered"], first["reviewers"]) == ("happy", "sad", ["kim"])
        assert (newest["said"], newest["answered"]) == ("sad", None)
        assert patient["emotions"] == {"sad": 2}, "the reviewer's answer counts"
        assert [(training["outcome"], training["error"]) for training in patient["trainings"]] == [
            ("failed", "ZeroDivisionError")
        ]

    def test_page_draws_one_row_per_session_and_escapes_names(self, client: Client) -> None:
        page = client.get(f"/patients/{quote(PATIENT)}", headers=HTML).raise_for_status().text
        assert "<h1>José &lt;b&gt;</h1>" in page
        assert MARKUP not in page
        drawing = page[page.index('<svg class="sessions"') :].partition("</svg>\n")[0]
        assert drawing.count('<line class="axis"') == 2
        assert "synthetic-0001" in drawing


class TestKeys:
    def test_pages_need_a_key_which_a_browser_sends_as_password(self, home: Path) -> None:
        client = client_of(home, api_keys=("0123456789abcdef-secret",))
        rejected = client.get("/models/vehicles", headers=HTML)
        assert (rejected.status_code, rejected.headers["www-authenticate"][:5]) == (401, "Basic")
        assert client.get("/models.json").status_code == 401
        assert client.get("/models.json", auth=("", "0123456789abcdef-secret")).status_code == 401, (
            "the client is no browser"
        )
        assert client.get("/models", headers=HTML, auth=("kim", "wrong")).status_code == 401
        assert client.get("/models", headers=HTML, auth=("kim", "0123456789abcdef-secret")).status_code == 200
        assert client.get("/models.json", headers={"X-API-Key": "0123456789abcdef-secret"}).status_code == 200
        malformed = {**HTML, "Authorization": "Basic ///"}
        assert client.get("/models", headers=malformed).status_code == 401
