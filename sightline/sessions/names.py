"""The patient that a video belongs to, and the names that emotions' folders can have."""

from __future__ import annotations

from sightline.errors import InvalidInput, InvalidName
from sightline.names import RESULT_FOLDER, PatientName, check_key_part
from sightline.storage import Location, key_under, uri_of


def check_source(video: Location, video_bucket: Location) -> None:
    """Raise ``InvalidInput`` for a video that is itself a result."""
    key = key_under(video, video_bucket)
    if key is not None and key.partition("/")[0] == RESULT_FOLDER:
        raise InvalidInput(
            uri_of(video), f"is under {RESULT_FOLDER}/, where the results are stored", "Give the original video"
        )


def patient_of(video: Location, video_bucket: Location) -> PatientName:
    """Return the patient that a video belongs to: the first part of its key under the bucket.

    Raises ``InvalidName`` if the key has no such part or it cannot be a patient's name, and ``InvalidInput`` for a
    video that is itself a result.
    """
    check_source(video, video_bucket)
    first, separator, _ = (key_under(video, video_bucket) or "").partition("/")
    if not separator:
        raise InvalidName(
            uri_of(video),
            f"is not in a patient's folder of {uri_of(video_bucket)}, so its patient is unknown",
            "Give --patient",
        )
    return PatientName.parse(first)


def check_folder(name: str) -> str:
    """Return the name of an emotion's folder, composed (NFC); raise ``InvalidName`` if it cannot be part of a key."""
    return check_key_part(name, "an emotion's folder", "Give another name in the keyword table")
