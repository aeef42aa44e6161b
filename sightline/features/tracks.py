"""The features of a session, from the stored track of its video."""

from __future__ import annotations

import io

from sightline import storage
from sightline.errors import InvalidInput
from sightline.features.session import track_features
from sightline.pose import PeopleTrack, Track
from sightline.storage import Location

__all__ = ["features_of_track", "read_track"]


def features_of_track(location: Location, person: int) -> dict[str, float]:
    """Return the 88 features of one person by name; unknown features are NaN.

    ``person`` is the person's number; in files of earlier versions everyone is person 1.

    Raises :class:`~sightline.errors.InvalidInput` if the file does not exist, is damaged, or has too few poses.
    """
    try:
        return track_features(read_track(location, person)).features
    except ValueError as error:
        uri = storage.uri_of(location)
        raise InvalidInput(uri, str(error), "Record another video that shows more of the person") from error


def read_track(location: Location, person: int) -> Track:
    """Read the track of one person of a finished session; in files of earlier versions everyone is person 1.

    Raises :class:`~sightline.errors.InvalidInput` if the file does not exist or is damaged.
    """
    uri = storage.uri_of(location)
    try:
        content = storage.read_bytes(location)
    except FileNotFoundError as error:
        raise InvalidInput(uri, "does not exist, but the session is finished", "Process the video again") from error
    return PeopleTrack.from_parquet(io.BytesIO(content), uri).of(person)
