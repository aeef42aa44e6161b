"""People's corrections change label, timeline and training data, and keep what was stored before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sightline import storage
from sightline.emotion import EmotionFindings, PatientNames, Stretch
from sightline.errors import InvalidInput
from sightline.sessions import (
    Claim,
    Correction,
    NamesUsed,
    SessionOutputs,
    SessionStore,
    StoredSession,
    corrected,
    open_session,
    read_sessions,
    set_statements,
)
from sightline.storage import Location

FOLDERS = {"happy": "happiness", "sad": "sadness", "angry": "anger", "neutral": "neutral"}
NOON = datetime(2026, 3, 8, 12, tzinfo=UTC)


def correct(store: SessionStore, claim: Claim, emotion: str, **options: Any) -> StoredSession:
    return store.correct(claim, emotion, FOLDERS, **{"by": "Kim", "at": NOON, **options})


@pytest.fixture
def stored(store: SessionStore, claim: Claim, outputs: SessionOutputs) -> StoredSession:
    return store.save(claim, outputs)


@pytest.mark.usefixtures("stored")
class TestLabel:
    def test_record_poses_and_track_move_to_the_emotions_folder(
        self, store: SessionStore, claim: Claim, storing: ModuleType, tree: Callable[[Location], dict[str, bytes]]
    ) -> None:
        other = storing.process(store, "other", stem="other")
        before = tree(store.patients_bucket)
        after = correct(store, claim, "angry")
        assert after.emotion == "angry"
        assert after.pose_folder.endswith("anger")
        files = tree(store.patients_bucket)
        ours = {
            name: data for name, data in files.items() if "/.ranges/" not in name and f"/{other.session}_" not in name
        }
        assert sorted(ours) == [
            "José/anger/.sessions/clip_session.json",
            "José/anger/.sessions/clip_track.parquet",
            "José/anger/pose_000000.json",
            "José/anger/pose_000001.json",
            "José/happiness/pose_000002.json",
            "José/happiness/pose_000003.json",
        ]
        for name in ("pose_000000.json", "pose_000001.json", ".sessions/clip_track.parquet"):
            assert files[f"José/anger/{name}"] == before[f"José/happiness/{name}"]
        records = read_sessions(store.patients_bucket, storing.PATIENT)
        assert {(record.session, record.emotion, record.folder) for record in records} == {
            ("clip", "angry", "anger"), ("other", "happy", "happiness"),
        }  # fmt: skip

    def test_who_and_when_and_the_earlier_values_are_kept(
        self, store: SessionStore, claim: Claim, stored: StoredSession
    ) -> None:
        correct(store, claim, "angry", note="as her sister says")
        after = correct(store, claim, "sad", by="Lee", at=NOON.replace(hour=13))
        first, second = after.metadata.corrections
        assert (first.by, first.at, first.note) == ("Kim", NOON, "as her sister says")
        assert (first.earlier_emotion, first.earlier_timeline) == ("happy", stored.metadata.timeline)
        assert (second.by, second.earlier_emotion) == ("Lee", "angry")
        assert after.metadata.spoken_emotion == "happy"
        record, track = open_session(store.patients_bucket, f"{after.patient}/clip")
        assert (record.corrections, record.spoken_emotion) == (after.metadata.corrections, "happy")
        assert storage.exists(track)
        assert b",sad," in storage.read_bytes(storage.locate(after.csv))

    def test_correction_to_the_same_emotion_moves_nothing(self, store: SessionStore, claim: Claim) -> None:
        after = correct(store, claim, "happy")
        assert after.pose_folder.endswith("happiness")
        assert len(after.metadata.corrections) == 1

    def test_correction_back_leaves_one_record(self, store: SessionStore, claim: Claim, storing: ModuleType) -> None:
        correct(store, claim, "angry")
        after = correct(store, claim, "happy")
        [record] = read_sessions(store.patients_bucket, storing.PATIENT)
        assert (record.folder, record.emotion) == ("happiness", "happy")
        assert after.pose_indices.start == 2, "numbers are never used twice"

    def test_other_names_keep_the_correction(self, store: SessionStore, claim: Claim, storing: ModuleType) -> None:
        correct(store, claim, "angry")
        [record] = read_sessions(store.patients_bucket, storing.PATIENT)
        sad = Stretch(start=0, end=12.5, emotion="sad", evidence="")
        findings = EmotionFindings(dominant="sad", keywords={}, hits=(), annotations=(), timeline=(sad,))
        changed = set_statements(store, record, findings, NamesUsed(known=PatientNames()))
        assert (changed.emotion, changed.spoken_emotion) == ("angry", "sad")

    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            ({"emotion": "hungry"}, "not one of the emotions happy, sad"),
            ({"start": 13.0}, "lasts from 0 to 12.5 s"),
            ({"end": 20.0}, "lasts from 0 to 12.5 s"),
            ({"start": 5.0, "end": 5.0}, "is not after"),
            ({"by": " "}, "--by"),
        ],
    )
    def test_invalid_corrections_are_refused(
        self, store: SessionStore, claim: Claim, storing: ModuleType, options: dict[str, Any], reason: str
    ) -> None:
        with pytest.raises(InvalidInput, match=reason):
            correct(store, claim, **{"emotion": "sad", **options})
        [record] = read_sessions(store.patients_bucket, storing.PATIENT)
        assert (record.emotion, record.corrections) == ("happy", ())


def test_session_of_another_video_bucket_is_not_corrected(
    store: SessionStore, claim: Claim, stored: StoredSession, tmp_path: Path
) -> None:
    with pytest.raises(Exception, match="Give --video-bucket"):
        correct(SessionStore(tmp_path / "elsewhere", store.patients_bucket), claim, "angry")


def stretches(*parts: tuple[float, float, str, str]) -> tuple[Stretch, ...]:
    return tuple(Stretch(start=start, end=end, emotion=emotion, evidence=said) for start, end, emotion, said in parts)


TIMELINE = stretches((0, 2, "neutral", ""), (2, 6, "happy", "so happy"), (6, 10, "neutral", ""))


def change(emotion: str, start: float | None = None, end: float | None = None) -> Correction:
    return Correction(
        emotion=emotion, by="Kim", at=NOON, start=start, end=end, earlier_emotion="happy", earlier_timeline=TIMELINE
    )


class TestTimeline:
    def test_stretch_replaces_parts_of_others(self) -> None:
        emotion, timeline = corrected("happy", TIMELINE, [change("angry", 4, 8)], 10)
        assert emotion == "happy", "it is still on the timeline"
        assert timeline == stretches(
            (0, 2, "neutral", ""), (2, 4, "happy", "so happy"), (4, 8, "angry", ""), (8, 10, "neutral", "")
        )

    def test_label_that_is_gone_becomes_the_longest_emotion(self) -> None:
        emotion, timeline = corrected("happy", TIMELINE, [change("angry", 1, 7), change("sad", 7, 8)], 10)
        assert emotion == "angry"
        assert timeline[1] == Stretch(start=1, end=7, emotion="angry", evidence="so happy")

    def test_neutral_session_gets_the_emotion_of_a_stretch(self) -> None:
        emotion, _ = corrected("neutral", stretches((0, 10, "neutral", "")), [change("sad", 3, 4)], 10)
        assert emotion == "sad"

    def test_neighbours_of_the_same_emotion_are_one_stretch(self) -> None:
        _, timeline = corrected("happy", TIMELINE, [change("happy", 6)], 10)
        assert timeline == stretches((0, 2, "neutral", ""), (2, 10, "happy", "so happy"))

    def test_correction_of_all_is_the_only_stretch(self) -> None:
        emotion, timeline = corrected("happy", TIMELINE, [change("sad", 1, 2), change("angry")], 10)
        assert (emotion, timeline) == ("angry", stretches((0, 10, "angry", "so happy")))
