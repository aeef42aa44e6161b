"""Steps that transcribe a video, or read its transcript and compare it with the video."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from prefect.context import TaskRunContext
from prefect.logging import get_run_logger

from sightline import media, sessions, speech, storage
from sightline.emotion import VoicesUsed
from sightline.errors import InvalidInput, InvalidTranscript
from sightline.media import VideoInfo
from sightline.names import PatientName
from sightline.speech import Engine, FittedTranscript, Speakers, Transcript, Voice
from sightline.storage import Location
from tasks.support.policy import ON_STORAGE, PLAIN, sightline_task
from tasks.support.progress import progress


def _cache_key(_: TaskRunContext, arguments: dict[str, Any]) -> str:
    """Return a key of content, engine, model and engine version, by which a later run reuses the transcript."""
    engine = speech.make_transcriber(arguments["engine"], arguments["model"])
    model = Path(engine.model)
    stamp = f"{model.stat().st_size}-{model.stat().st_mtime_ns}" if model.is_file() else ""
    return "-".join(
        [
            "transcript",
            arguments["content_hash"],
            engine.engine,
            engine.model,
            stamp,
            version(speech.PACKAGES[engine.engine]),
        ]
    )


@sightline_task(
    task_run_name="transcribe-{engine}",
    cache_key_fn=_cache_key,
    result_serializer="json",
    timeout="flow_timeout_seconds",
)
def transcribe(info: VideoInfo, content_hash: str, engine: Engine, model: str) -> Transcript:
    """Transcribe the video's sound with a speech engine."""
    transcriber = speech.make_transcriber(engine, model)
    with progress("transcribe") as report:
        return transcriber.transcribe(media.read_audio(info, speech.SAMPLE_RATE), report)


@sightline_task(**PLAIN)
def read_transcript(uri: str, folder: Path) -> Transcript:
    """Read the transcript from a WebVTT, SRT, ASS, TTML or Whisper JSON file; what is corrected in it is logged."""
    location = storage.locate(uri)
    try:
        return speech.read_transcript(storage.fetch(location, folder), get_run_logger().warning)
    except FileNotFoundError as error:
        raise InvalidTranscript(uri, "there is no such file", "Check the path") from error


@sightline_task(**PLAIN, timeout="flow_timeout_seconds")
def fit_transcript(transcript: Transcript, info: VideoInfo) -> FittedTranscript:
    """Compare a transcript with the end and the speech of the video; an hour of sound takes about 10 s."""
    activity = speech.speech_activity(media.sound_blocks(info)) if info.audio else None
    fitted = speech.fit(transcript, info.duration, activity)
    for warning in fitted.warnings:
        get_run_logger().warning("%s: %s", info.uri, warning)
    return fitted


def check_speakers(patient_voice: int | None, *, speakers: bool) -> None:
    """Raise ``InvalidSetting`` if the packages of ``--speakers`` are missing, ``InvalidInput`` for wrong use."""
    if speakers:
        speech.check_voices()
    elif patient_voice is not None:
        raise InvalidInput("process-video", "--patient-voice needs --speakers", "Give both")


@sightline_task(**PLAIN, timeout="flow_timeout_seconds")
def tell_speakers(
    transcript: FittedTranscript, info: VideoInfo, patient_voice: int | None, known: list[Voice]
) -> tuple[FittedTranscript, VoicesUsed]:
    """Return the transcript with its speakers, and the voices; an hour of speech takes about two minutes of one core.

    ``patient_voice``: the number of the patient's voice as the user states it. ``known``: the patient's voice in
    earlier sessions.
    """
    found = Speakers.nobody()
    if info.audio:
        activity = speech.speech_activity(media.sound_blocks(info))
        with progress("tell speakers apart") as report:
            found = speech.find_speakers(media.sound_blocks(info), activity, report)
    heard = [voice.number for voice in found.voices]
    if patient_voice is not None and patient_voice not in heard:
        listed = f"the voices {heard}" if heard else "no voice that is long enough"
        raise InvalidInput(info.uri, f"has no voice {patient_voice}, but {listed}", "Give another --patient-voice")
    voices = VoicesUsed(heard=found.voices, given=patient_voice, recognised=speech.recognise(found.voices, known))
    return replace(transcript, transcript=speech.assign_speakers(transcript.transcript, found)), voices


@sightline_task(**ON_STORAGE)
def read_voices(patients_bucket: Location, patient: PatientName) -> list[Voice]:
    """Return the patient's voice in earlier sessions."""
    return sessions.known_voices(patients_bucket, patient)
