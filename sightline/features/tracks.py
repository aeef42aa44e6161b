"""The features of a session, from the file that keeps the poses of its whole video."""

from __future__ import annotations

import io

from sightline import storage
from sightline.errors import InvalidInput
from sightline.features.session import track_features
from sightline.pose import Track
from sightline.storage import Location

__all__ = ["features_of_track"]


def features_of_track(location: Location) -> dict[str, float]:
    """The 88 features by name; NaN where one is not known.

    Raises :class:`~sightline.errors.InvalidInput` where there is no such file, or it is damaged, or too few poses are
    in it.
    """
    uri = storage.uri_of(location)
    try:
        content = storage.read_bytes(location)
    except FileNotFoundError as error:
        raise InvalidInput(uri, "is not there, though the session is finished", "Process the video again") from error
    try:
        return track_features(Track.from_parquet(io.BytesIO(content), uri))
    except ValueError as error:
        raise InvalidInput(uri, str(error), "Take another video, which shows more of the person") from error
