"""The 88 named features of a session: a person's posture, motion and rhythm."""

from sightline.features.files import extract_features_from_json_files
from sightline.features.names import FEATURE_NAMES
from sightline.features.poses import MIN_POSES
from sightline.features.session import session_features, track_features
from sightline.features.tracks import features_of_track

__all__ = [
    "FEATURE_NAMES",
    "MIN_POSES",
    "extract_features_from_json_files",
    "features_of_track",
    "session_features",
    "track_features",
]
