"""What a session will be after a correction, and after it was processed again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sightline.errors import InvalidInput
from sightline.sessions.corrections import Correction, corrected
from sightline.sessions.plan import SessionOutputs
from sightline.sessions.records import Metadata, SessionRecord

__all__ = ["correction_of", "replaced"]

_ROUNDING = 1.0
"""Seconds that a stretch may end after the video: players show whole seconds."""


def correction_of(
    label: str,
    metadata: Metadata,
    emotion: str,
    folders: Mapping[str, str],
    by: str,
    at: datetime,
    stretch: tuple[float | None, float | None],
    note: str,
) -> Correction:
    """Return the correction of the session ``label``, ``PATIENT/SESSION``, with what is stored before it.

    Raises :class:`~sightline.errors.InvalidInput` for an emotion without a folder, a stretch outside the session and a
    person without a name.
    """
    if emotion not in folders:
        raise InvalidInput(
            label,
            f"{emotion!r} is not one of the emotions {', '.join(folders)}",
            "Give one of these, or add it to the table that EMOTION_KEYWORDS names",
        )
    (start, end), seconds = stretch, metadata.duration_seconds
    if (start is not None and not 0 <= start < seconds) or (end is not None and end > seconds + _ROUNDING):
        raise InvalidInput(label, f"it lasts from 0 to {seconds:.1f} s", "Give --from and --to within that, in seconds")
    if end is not None and end <= (start or 0):
        raise InvalidInput(label, f"--to {end:g} is not after --from {start or 0:g}", "Give the end after the start")
    if not by.strip():
        raise InvalidInput(label, "it is not stated who corrects it", "Give your name with --by")
    return Correction(
        emotion=emotion,
        by=" ".join(by.split()),
        at=at,
        start=start,
        end=None if end is None else min(end, seconds),
        note=note,
        earlier_emotion=metadata.emotion,
        earlier_timeline=metadata.timeline,
    )


def replaced(
    outputs: SessionOutputs, metadata: Metadata, earlier: SessionRecord, folders: Mapping[str, str]
) -> SessionOutputs:
    """Return the outputs of processing a video again, with what people stated about the earlier session.

    Its corrections apply to the words that are found now; when it was recorded stays as a person stated it.
    """
    later = outputs.metadata
    emotion, timeline = corrected(later.emotion, later.timeline, metadata.corrections, later.duration_seconds)
    folder = outputs.folder
    if emotion != later.emotion:
        folder = folders.get(emotion, earlier.folder)
    stated = metadata.recorded if metadata.recorded and metadata.recorded.source == "given" else None
    keep_stated = stated is not None and (later.recorded is None or later.recorded.source != "given")
    changes = {
        "emotion": emotion,
        "timeline": timeline,
        "corrections": metadata.corrections,
        "spoken_emotion": later.emotion if metadata.corrections else None,
        "recorded": stated if keep_stated else later.recorded,
        "folder": folder,
        "generation": earlier.generation + 1,
        "times_replaced": metadata.times_replaced + 1,
    }
    return replace(outputs, metadata=later.model_copy(update=changes), folder=folder)
