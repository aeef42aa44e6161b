"""The 88 named features of a session: a person's posture, motion and rhythm."""

from sightline.features.files import extract_features_from_json_files
from sightline.features.names import FEATURE_NAMES
from sightline.features.poses import MIN_POSES, Continuity
from sightline.features.session import TrackFeatures, continuity_of, session_features, track_features, valid_seconds
from sightline.features.tracks import features_of_track, read_track

__all__ = [
    "FEATURE_NAMES",
    "MIN_POSES",
    "Continuity",
    "TrackFeatures",
    "continuity_of",
    "extract_features_from_json_files",
    "features_of_track",
    "read_track",
    "session_features",
    "track_features",
    "valid_seconds",
]
