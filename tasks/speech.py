"""Steps that transcribe a video, or read its transcript and compare it with the video."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from prefect.context import TaskRunContext
from prefect.logging import get_run_logger

from sightline import media, sessions, speech, storage
from sightline.emotion import VoicesUsed
from sightline.errors import InvalidInput, InvalidTranscript
from sightline.media import VideoInfo
from sightline.names import PatientName
from sightline.sessions import TranscriptFile
from sightline.speech import Engine, FittedTranscript, HeardSound, MeasuredVoice, Speakers, Transcript, Voice
from sightline.storage import Location
from tasks.support.policy import ON_STORAGE, PLAIN, sightline_task
from tasks.support.progress import progress


@sightline_task(**PLAIN, timeout="flow_timeout_seconds")
def hear_sound(info: VideoInfo, folder: Path) -> HeardSound:
    """Decode the sound, of no length if there is none, and find the speech in it, for all further steps.

    It is written to ``folder``, 230 MB an hour.
    """
    return speech.hear(media.sound_blocks(info), folder / "sound.f32")


def _cache_key(_: TaskRunContext, arguments: dict[str, Any]) -> str:
    """Return a key of the content, the engine with its versions, and the options; a later run reuses the transcript."""
    options = {name: arguments[name] for name in ("language", "hot_words", "translate_except")}
    engine = speech.make_transcriber(arguments["engine"], arguments["model"], **options)
    versions = [version(package) for package in speech.PACKAGES[engine.engine]]
    values = [engine.engine, engine.model, speech.model_stamp(engine.model), *versions, options["language"]]
    # A hash: names of people are not to be read in a key.
    named = repr([*values, sorted(options["hot_words"]), sorted(options["translate_except"])])
    return f"transcript-{arguments['content_hash']}-{hashlib.sha256(named.encode()).hexdigest()}"


@sightline_task(
    task_run_name="transcribe-{engine}",
    cache_key_fn=_cache_key,
    result_serializer="json",
    timeout="flow_timeout_seconds",
)
def transcribe(
    info: VideoInfo,
    sound: HeardSound,
    content_hash: str,
    engine: Engine,
    model: str,
    language: str | None = None,
    hot_words: Sequence[str] = (),
    translate_except: frozenset[str] = frozenset({"en"}),
) -> Transcript:
    """Transcribe the video's sound with a speech engine; what the engine is not sure of is logged.

    ``hot_words`` are names that are likely to be spoken. Segments are translated into English unless their language is
    in ``translate_except``.
    """
    transcriber = speech.make_transcriber(
        engine, model, language=language, hot_words=hot_words, translate_except=translate_except
    )
    with progress("transcribe") as report:
        transcript = transcriber.transcribe(sound, report, seconds=info.duration)
    for warning in transcript.warnings:
        get_run_logger().warning("%s: %s", info.uri, warning)
    return transcript


@dataclass(frozen=True)
class WrittenTranscript:
    """A transcript from a file, and what a person should know about the choice of the file."""

    transcript: Transcript
    file: TranscriptFile
    warnings: tuple[str, ...] = ()


@sightline_task(**ON_STORAGE)
def read_transcript(
    given: str | None, video: str, folder: Path, language: str | None = None, *, beside: bool = True
) -> WrittenTranscript | None:
    """Read the transcript from the file that is given, or with ``beside`` from the one beside the video.

    ``language`` is that of a file that names none. What is corrected in the file is logged. None if there is no file.
    """
    if given:
        return _read_written(storage.locate(given), folder, language, "given")
    warnings: list[str] = []
    files = speech.find_sidecars(storage.locate(video)) if beside else []
    for position, location in enumerate(files):
        name = location.name
        try:
            written = _read_written(location, folder, language, "beside the video")
        except speech.NotATranscript as error:  # Other programs write JSON files beside videos too.
            warnings.append(f"{name} beside the video is no transcript, and is ignored: {error.reason}")
            continue
        except InvalidTranscript as error:
            fix = f"{error.fix}, or give --no-sidecar to transcribe the video instead"
            raise InvalidTranscript(error.subject, error.reason, fix) from error
        get_run_logger().info("%s: the words are those of %s beside it", video, name)
        if others := [other.name for other in files[position + 1 :]]:
            warnings.append(f"The words are those of {name}; {', '.join(others)} beside the video is not used")
        return replace(written, warnings=tuple(warnings))
    for warning in warnings:
        get_run_logger().warning("%s: %s", video, warning)
    return None


def _read_written(
    location: Location, folder: Path, language: str | None, found: Literal["given", "beside the video"]
) -> WrittenTranscript:
    uri = storage.uri_of(location)
    try:
        path = storage.fetch(location, folder)
    except FileNotFoundError as error:
        raise InvalidTranscript(uri, "there is no such file", "Check the path") from error
    transcript = speech.read_transcript(path, get_run_logger().warning)
    if not transcript.language:
        transcript = transcript.model_copy(update={"language": language})
    return WrittenTranscript(transcript, TranscriptFile(uri=uri, sha256=storage.content_hash(path), found=found))


@sightline_task(**PLAIN, timeout="flow_timeout_seconds")
def fit_transcript(transcript: Transcript, info: VideoInfo, sound: HeardSound) -> FittedTranscript:
    """Compare a transcript with the end and the speech of the video."""
    activity = speech.speech_activity(sound) if info.audio else None
    fitted = speech.fit(transcript, info.duration, activity)
    for warning in fitted.warnings:
        get_run_logger().warning("%s: %s", info.uri, warning)
    return fitted


@sightline_task(**PLAIN, timeout="flow_timeout_seconds")
def measure_voice(info: VideoInfo, sound: HeardSound, transcript: Transcript) -> MeasuredVoice | None:
    """Measure the prosody, and find voice without words; None if the video has no sound."""
    return speech.measure_voice(sound, transcript) if info.audio else None


def check_speakers(patient_voice: int | None, *, speakers: bool) -> None:
    """Raise ``InvalidSetting`` if the packages of ``--speakers`` are missing, ``InvalidInput`` for wrong use."""
    if speakers:
        speech.check_voices()
    elif patient_voice is not None:
        raise InvalidInput("process-video", "--patient-voice needs --speakers", "Give both")


@sightline_task(**PLAIN, timeout="flow_timeout_seconds")
def tell_speakers(
    transcript: FittedTranscript, info: VideoInfo, sound: HeardSound, patient_voice: int | None, known: list[Voice]
) -> tuple[FittedTranscript, VoicesUsed]:
    """Return the transcript with its speakers, and the voices; an hour of speech takes about two minutes of one core.

    ``patient_voice``: the number of the patient's voice as the user states it. ``known``: the patient's voice in
    earlier sessions.
    """
    found = Speakers.nobody()
    if info.audio:
        with progress("tell speakers apart") as report:
            found = speech.find_speakers(sound, speech.speech_activity(sound), report)
    heard = [voice.number for voice in found.voices]
    if patient_voice is not None and patient_voice not in heard:
        listed = f"its voices are {', '.join(map(str, heard))}" if heard else "no voice in it is long enough"
        raise InvalidInput(info.uri, f"it has no voice {patient_voice}: {listed}", "Give another --patient-voice")
    voices = VoicesUsed(heard=found.voices, given=patient_voice, recognised=speech.recognise(found.voices, known))
    return replace(transcript, transcript=speech.assign_speakers(transcript.transcript, found)), voices


@sightline_task(**ON_STORAGE)
def read_voices(patients_bucket: Location, patient: PatientName) -> list[Voice]:
    """Return the patient's voice in earlier sessions."""
    return sessions.known_voices(patients_bucket, patient)
