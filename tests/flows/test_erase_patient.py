"""The command erase-patient, and the flow of the same name, with a Prefect server."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest
from prefect import get_client
from prefect.settings import get_current_settings
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from demo.clip import build_clip
from flows.__main__ import run
from flows.erase_patient import erase_patient_flow
from flows.process_video import process_video
from sightline.settings import settings

pytestmark = pytest.mark.integration

SENTENCE = "I am happy about the zebra."
TRANSCRIPT = f"WEBVTT\n\n00:00.020 --> 00:00.090\n{SENTENCE}\n"


@pytest.fixture
def buckets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of all buckets, which the settings name."""
    for name in ("video", "patients", "model", "capture", "results"):
        monkeypatch.setenv(f"{name.upper()}_BUCKET", str(tmp_path / "data" / name))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("flows.erasing._FLUSH_SECONDS", 0.5)
    settings.cache_clear()
    yield tmp_path / "data"
    settings.cache_clear()


def process(patient: str, folder: Path, seconds: int = 1) -> None:
    (folder / "desk").mkdir(exist_ok=True)
    transcript = folder / "desk" / "visit.vtt"
    transcript.write_text(TRANSCRIPT)
    video = build_clip(folder / "desk" / f"{seconds}.mp4", None, seconds=seconds, size=(240, 180))
    process_video(str(video), patient, transcript=str(transcript))


def rows_with(*words: str) -> list[str]:
    """Return the rows of the server's database that have one of the words."""
    connection = get_current_settings().server.database.connection_url
    assert connection
    found = []
    with closing(sqlite3.connect(str(make_url(connection.get_secret_value()).database))) as database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in database.execute(f'SELECT * FROM "{table}"'):
                found += [f"{table}: {row}" for word in words if word in str(row).replace("zorabel", "")]
    return found


def test_command_erases_a_patient_after_their_folders_were_deleted(
    buckets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    process("zora", tmp_path)
    for folder in ("video", "patients"):
        for path in sorted((buckets / folder).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
    assert rows_with("zora", SENTENCE)
    output = io.StringIO()
    assert run(["erase-patient", "zora", "--yes", "--json"], output) == 0, capsys.readouterr().err
    report = json.loads(output.getvalue())
    assert report["complete"]
    assert {item["store"] for item in report["erased"]} == {"Prefect's runs"}
    assert rows_with("zora", SENTENCE) == []


def test_command_asks_before_it_erases(buckets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["erase-patient", "zora"], io.StringIO()) == 1
    assert "give --yes" in capsys.readouterr().err


def test_run_of_a_deployment_names_the_patient_nowhere(buckets: Path, tmp_path: Path) -> None:
    process("zora", tmp_path)
    process("zorabel", tmp_path, seconds=2)
    state = erase_patient_flow(SecretStr("zora"), SecretStr("zora"), return_state=True)
    report = state.result()
    assert report.complete, report
    assert state.state_details.flow_run_id is not None
    assert _parameters(state.state_details.flow_run_id)["name"] == "(erased patient)"
    assert rows_with("zora") == []
    assert not [path for path in buckets.rglob("*") if path.name == "zora"]
    assert [path for path in buckets.rglob("*") if path.name == "zorabel"]


def test_different_names_erase_nothing(buckets: Path, tmp_path: Path) -> None:
    process("zora", tmp_path)
    state = erase_patient_flow(SecretStr("zora"), SecretStr("zorro"), return_state=True)
    assert state.is_failed()
    assert "zor" not in str(state.message)
    assert (buckets / "patients" / "zora").exists()


def _parameters(identifier: UUID) -> dict[str, object]:
    with get_client(sync_client=True) as client:
        return client.read_flow_run(identifier).parameters
