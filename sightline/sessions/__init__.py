"""The store of sessions: safe against crashes, repeated runs and concurrent runs."""

from sightline.sessions.changes import read_metadata, set_identity, set_statements
from sightline.sessions.claims import Claim
from sightline.sessions.corrections import Correction, corrected, label_corrected_at
from sightline.sessions.folders import FoundVideos, find_videos, finished_videos
from sightline.sessions.looks import recent_looks
from sightline.sessions.names import check_source, patient_of
from sightline.sessions.plan import SessionOutputs
from sightline.sessions.reading import open_session, read_sessions, track_of
from sightline.sessions.records import (
    LeftOutSession,
    Metadata,
    NamesUsed,
    PoseIndices,
    Prediction,
    ReviewItem,
    SessionRecord,
    StoredSession,
    TranscriptFile,
    analysis_csv,
)
from sightline.sessions.rendering import prediction_page, review_alert, session_page, trained_on_note
from sightline.sessions.source import Source, fetch_source
from sightline.sessions.store import SessionStore
from sightline.sessions.voices import known_voices

__all__ = [
    "Claim",
    "Correction",
    "FoundVideos",
    "LeftOutSession",
    "Metadata",
    "NamesUsed",
    "PoseIndices",
    "Prediction",
    "ReviewItem",
    "SessionOutputs",
    "SessionRecord",
    "SessionStore",
    "Source",
    "StoredSession",
    "TranscriptFile",
    "analysis_csv",
    "check_source",
    "corrected",
    "fetch_source",
    "find_videos",
    "finished_videos",
    "known_voices",
    "label_corrected_at",
    "open_session",
    "patient_of",
    "prediction_page",
    "read_metadata",
    "read_sessions",
    "recent_looks",
    "review_alert",
    "session_page",
    "set_identity",
    "set_statements",
    "track_of",
    "trained_on_note",
]
