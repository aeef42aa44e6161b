"""The steps that read a patient's names and find emotions in a transcript."""

from __future__ import annotations

from collections.abc import Sequence

from prefect.logging import get_run_logger

from sightline import emotion
from sightline.emotion import EmotionFindings, Keywords, Languages, PatientNames, VoicesUsed
from sightline.speech import Transcript
from sightline.storage import Location
from tasks.support.policy import ON_STORAGE, PLAIN, sightline_task


@sightline_task(**ON_STORAGE)
def read_patient_names(patients_bucket: Location, patient: str, given: Sequence[str] | None = None) -> PatientNames:
    """Return the names of a patient: those in the names file, those given, and the folder's if it is spoken."""
    return emotion.names_of(patients_bucket / patient, patient, given)


@sightline_task(**PLAIN)
def find_emotions(
    transcript: Transcript,
    duration: float,
    keywords: Keywords,
    names: PatientNames | None = None,
    languages: Languages | None = None,
    voices: VoicesUsed | None = None,
) -> EmotionFindings:
    """Find keywords, annotations, the patient's dominant emotion and their timeline over ``duration`` seconds."""
    findings = emotion.find_emotions(transcript, duration, keywords, names=names, languages=languages, voices=voices)
    for warning in filter(None, (*findings.warnings, findings.attribution.warning)):
        get_run_logger().warning("%s", warning)
    return findings
