"""The patient's voice in earlier sessions, by which it is told from others in the next one."""

from __future__ import annotations

from sightline.names import PatientName
from sightline.sessions.reading import read_sessions
from sightline.speech import Voice
from sightline.storage import Location

__all__ = ["known_voices"]

_CERTAIN = ("given", "named")
"""A voice that was only recognised, or that answered to the name, does not decide about the next session."""

_MOST = 20


def known_voices(patients_bucket: Location, patient: PatientName | str) -> list[Voice]:
    """Return the patient's voice in the sessions in which it is certain, the latest last."""
    found = []
    for record in read_sessions(patients_bucket, patient):
        decided = record.attribution.voice if record.attribution else None
        if record.voices is None or decided is None or decided.how not in _CERTAIN:
            continue
        found += [voice for voice in record.voices.heard if voice.number == decided.number]
    return found[-_MOST:]
