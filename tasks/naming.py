"""The names of patients, for the questions which names are theirs."""

from __future__ import annotations

from sightline.reviews import Naming
from sightline.storage import Location

__all__ = ["open_naming"]


def open_naming(patients_bucket: Location) -> Naming | None:
    """Return the names of the patients in this bucket; None while statements are not attributed to people."""
    return None
