"""The step that reads a patient's names."""

from __future__ import annotations

from collections.abc import Sequence

from sightline import emotion
from sightline.emotion import PatientNames
from sightline.names import PatientName
from sightline.storage import Location
from tasks.support.policy import ON_STORAGE, sightline_task

__all__ = ["read_names"]


@sightline_task(**ON_STORAGE)
def read_names(patients_bucket: Location, patient: PatientName, given: Sequence[str] | None) -> PatientNames:
    """Return the names in the patient's names file, those given, and the folder's own name if it is spoken."""
    return emotion.names_of(patients_bucket / patient.text, patient.text, given)
