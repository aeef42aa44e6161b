"""The patient's appearance in recent sessions, by which they are told from other people in the next video."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from sightline.clock import now_in_utc
from sightline.names import PatientName
from sightline.pose import Appearance
from sightline.sessions.reading import read_sessions
from sightline.storage import Location

__all__ = ["recent_looks"]

_MIN_CERTAINTY = 0.7
"""A patient who was chosen with less certainty does not decide about the next video."""

_MOST = 20


def recent_looks(
    patients_bucket: Location, patient: PatientName | str, within: timedelta, now: datetime | None = None
) -> list[Appearance]:
    """Return the patient's appearance in the sessions that were recorded within that time of ``now``, the latest last.

    Clothes change from day to day, so that only such sessions count. One of which it is not known when it was recorded
    counts by when it was processed. ``now`` is when the video at hand was recorded.
    """
    if not within:
        return []
    now = now or now_in_utc()
    looks = []
    for record in read_sessions(patients_bucket, patient):
        identity = record.identity
        if identity is None or identity.person is None or abs(record.when - now) > within:
            continue
        if identity.certainty >= _MIN_CERTAINTY:
            numbers = next((seen.appearance for seen in identity.people if seen.person == identity.person), ())
            with suppress(ValueError):  # Of a version that describes people otherwise: it tells nobody from others.
                looks += [Appearance.from_numbers(numbers)] if numbers else []
    return looks[-_MOST:]
