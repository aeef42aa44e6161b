"""What a patient's model is called in the registry."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from sightline.registry.names import check_name, is_name
from sightline.sessions import check_patient

__all__ = ["TASK", "model_of"]

TASK = "emotion-of-session"
"""What the record of a patient's model says it is for."""

_LETTERS = 40  # of the patient's name, before the hash that tells patients of like names apart


def model_of(patient: str) -> str:
    """The name of a patient's model: the patient's own where a model can be called so, else one made from it.

    >>> model_of("ana"), model_of("José M.")
    ('ana', 'jose-m-4ef9b2b4')

    Two patients never share a name, for the hash is that of the name as it is written. Raises ``InvalidName`` for what
    cannot be a patient's name.
    """
    patient = check_patient(patient)
    if is_name(patient):
        return check_name(patient)
    plain = unicodedata.normalize("NFKD", patient).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain)[:_LETTERS].strip("-") or "patient"
    return check_name(f"{words}-{hashlib.sha256(patient.encode()).hexdigest()[:8]}")
