"""Documents about a session are read back unchanged."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sightline.names import SessionName
from sightline.sessions import Claim, Metadata, PoseIndices, analysis_csv

ORIGINAL_KEYS = [
    "video_path",
    "transcription",
    "emotion",
    "duration_seconds",
    "emotion_keywords_found",
    "annotations_found",
    "frames_extracted",
    "poses_extracted",
    "whisper_model",
    "processing_timestamp",
]


@pytest.fixture(scope="module")
def metadata(storing: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Metadata:
    folder: Path = tmp_path_factory.mktemp("outputs")
    metadata: Metadata = storing.outputs_of(
        Claim(SessionName.parse("ana/clip"), storing.sha256_of("x")), folder
    ).metadata
    return metadata


def rows_of(table: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(table.decode(), newline="")))


def test_metadata_has_the_original_keys_first(metadata: Metadata) -> None:
    written = json.loads(metadata.model_dump_json())
    assert list(written)[:10] == ORIGINAL_KEYS
    assert Metadata.model_validate_json(metadata.model_dump_json()) == metadata


def test_analysis_is_one_row_with_a_header(metadata: Metadata) -> None:
    header, row = rows_of(analysis_csv(metadata))
    assert header == ORIGINAL_KEYS[:8]
    assert row == ["/videos/ana/clip.mov", "John is happy", "happy", "12.5", "1", "1", "2", "2"]


@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_csv_keeps_quotes_commas_and_newlines(metadata: Metadata, text: str) -> None:
    header, row = rows_of(analysis_csv(metadata.model_copy(update={"transcription": text, "video_path": text})))
    assert len(header) == len(row) == 8
    assert row[:2] == [text, text]


def test_timestamps_need_a_zone_and_are_written_in_utc(metadata: Metadata) -> None:
    fields: dict[str, Any] = metadata.model_dump()
    local = datetime(2026, 1, 2, 5, 4, 5, tzinfo=timezone(timedelta(hours=2)))
    parsed = Metadata(**(fields | {"processing_timestamp": local}))
    assert json.loads(parsed.model_dump_json())["processing_timestamp"] == "2026-01-02T03:04:05Z"
    with pytest.raises(ValidationError, match="timezone"):
        Metadata(**(fields | {"processing_timestamp": datetime(2026, 1, 2)}))
    assert parsed.processing_timestamp == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_pose_indices_include_both_ends() -> None:
    assert PoseIndices.starting_at(7, 3) == PoseIndices(start=7, end=9, count=3)
    assert PoseIndices.starting_at(None, 0) == PoseIndices(start=None, end=None, count=0)


@pytest.mark.parametrize(
    ("emotion", "others", "reason"),
    [
        ("neutral", {"afraid": ["scared"]}, "express afraid"),
        ("happy", {"afraid": ["scared"]}, None),
        ("neutral", {}, None),
    ],
)
def test_session_with_an_unlabelled_emotion_only_is_no_training_data(
    emotion: str, others: dict[str, list[str]], reason: str | None, metadata: Metadata
) -> None:
    unusable = metadata.model_copy(update={"emotion": emotion, "other_emotions": others}).unusable
    assert (unusable is None) if reason is None else (unusable and reason in unusable)
