"""The flow process-video on a video whose transcript is in another language than English."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.clip import build_clip
from flows.process_video import process_video
from sightline.emotion import find_emotions_in
from sightline.sessions import Metadata
from sightline.settings import settings

pytestmark = pytest.mark.integration


def write_transcript(path: Path, language: str, *texts: str) -> str:
    segments = [{"start": 0.4 * i, "end": 0.4 * i + 0.3, "text": text} for i, text in enumerate(texts)]
    path.write_text(json.dumps({"language": language, "segments": segments}), encoding="utf-8")
    return str(path)


@pytest.fixture
def clip(tmp_path: Path) -> str:
    return str(build_clip(tmp_path / "visit.mp4", None, seconds=1, size=(480, 360)))


def process(clip: str, transcript: str, folder: Path) -> Metadata:
    result = process_video(
        clip,
        patient="ana",
        transcript=transcript,
        video_bucket=str(folder / "videos"),
        patients_bucket=str(folder / "patients"),
    )
    return Metadata.model_validate_json(Path(result.metadata_file).read_bytes())


def test_german_video_ends_with_the_right_emotion(clip: str, tmp_path: Path) -> None:
    spoken = ("Ist Ana traurig? Nein, Ana ist nicht traurig.", "Heute sieht Ana richtig glücklich aus.")
    metadata = process(clip, write_transcript(tmp_path / "visit.json", "de", *spoken), tmp_path)
    assert (metadata.emotion, metadata.language, metadata.languages) == ("happy", "de", ("de",))
    assert [one.text for one in metadata.annotations] == [spoken[1]]
    # Stored sessions are labelled again from their segments.
    again = find_emotions_in(
        metadata.segments, metadata.duration_seconds, names=metadata.names.known, language=metadata.language
    )
    assert (again.annotations, again.timeline) == (metadata.annotations, metadata.timeline)


def test_language_without_table_is_reported(clip: str, tmp_path: Path) -> None:
    metadata = process(clip, write_transcript(tmp_path / "visit.json", "es", "Ana está triste."), tmp_path)
    assert metadata.emotion == "neutral"
    assert any("es.toml" in warning for warning in metadata.warnings)


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a table of a user."""
    tables = tmp_path / "tables"
    tables.mkdir()
    (tables / "es.toml").write_text(
        'name = "Spanish"\nemotions.sad = ["triste"]\nlinking = ["está"]\nnegation = ["no"]\nprepositions = ["con"]\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("LANGUAGE_TABLES", str(tables))
    settings.cache_clear()
    yield tables
    settings.cache_clear()


@pytest.mark.usefixtures("tables")
def test_table_of_a_user_is_used(clip: str, tmp_path: Path) -> None:
    metadata = process(clip, write_transcript(tmp_path / "visit.json", "es", "Ana está triste."), tmp_path)
    assert metadata.emotion == "sad"
