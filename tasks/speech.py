"""Steps that transcribe a video, or read its transcript and compare it with the video."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from prefect.context import TaskRunContext
from prefect.logging import get_run_logger

from sightline import media, speech, storage
from sightline.errors import InvalidTranscript
from sightline.media import VideoInfo
from sightline.speech import Engine, FittedTranscript, Transcript, Voice
from tasks.support.policy import PLAIN, sightline_task
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


@sightline_task(**PLAIN, timeout="flow_timeout_seconds")
def measure_voice(info: VideoInfo, transcript: Transcript) -> Voice | None:
    """Measure the prosody, and find voice without words; None if the video has no sound."""
    return speech.measure_voice(media.sound_blocks(info), transcript) if info.audio else None
