"""Existing transcripts: WebVTT, SRT and Whisper JSON files."""

from __future__ import annotations

import codecs
from itertools import pairwise
from pathlib import Path

from pydantic import ValidationError

from sightline.errors import InvalidTranscript
from sightline.speech.subtitles import read_subrip, read_webvtt
from sightline.speech.transcript import Segment, Transcript
from sightline.speech.whisper_result import WhisperResult

# Bytes. A day of speech in Whisper JSON with words is about 20 MB; a larger file is probably the video.
_MAX_SIZE = 100 * 2**20


def read_transcript(path: Path) -> Transcript:
    """Read the transcript in a WebVTT, SRT or Whisper JSON file; the content determines the format.

    Its engine is ``file``, its model the file's name. Whisper's words and confidences are preserved; subtitles have
    none. Styling is removed. A WebVTT or JSON file without speech gives no segments.

    Raises ``InvalidTranscript`` if the file is missing, empty or malformed, or if cues are out of order.
    """
    subject = str(path)
    text = _read_text(path)
    content = text.lstrip()
    language: str | None = None
    if content.startswith("WEBVTT"):
        segments, language = read_webvtt(text, subject)
    elif content.startswith(("{", "[")) or path.suffix.lower() == ".json":
        segments, language = _read_whisper_json(text, subject)
    elif path.suffix.lower() == ".vtt":
        raise InvalidTranscript(subject, "line 1: a WebVTT file begins with WEBVTT", "Put WEBVTT on the first line")
    elif "-->" in text or path.suffix.lower() == ".srt":
        segments = read_subrip(text, subject)
    else:
        raise InvalidTranscript(
            subject, "line 1: neither WebVTT, SRT nor Whisper JSON", "Provide a file in one of these formats"
        )
    return Transcript(segments=tuple(segments), language=language, engine="file", model=path.name)


def _read_text(path: Path) -> str:
    subject = str(path)
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= _MAX_SIZE else b""
    except OSError as error:
        raise InvalidTranscript(subject, error.strerror or str(error), "Give the path of a transcript file") from error
    if size > _MAX_SIZE:
        raise InvalidTranscript(
            subject, f"{size} bytes are too many for a transcript", "Check that it is not the video"
        )
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InvalidTranscript(subject, f"line {line}: not UTF-8 text", "Save the file as UTF-8") from error
    if not text.strip():
        raise InvalidTranscript(
            subject, "the file is empty", "For a video without speech, use a WebVTT file without cues"
        )
    return text


def _read_whisper_json(text: str, subject: str) -> tuple[list[Segment], str | None]:
    fix = "Write it with whisper --output_format json, or correct it there"
    try:
        result = WhisperResult.model_validate_json(text)
    except ValidationError as error:
        raise InvalidTranscript(subject, _describe_first(error), fix) from error
    segments: list[Segment] = []
    for index, segment in enumerate(result.segments):
        if not segment.text.strip():
            continue
        try:
            segments.append(segment.to_segment())
        except ValidationError as error:
            raise InvalidTranscript(subject, f"segments[{index}]: {_describe_first(error)}", fix) from error
        if any(after.start < before.start for before, after in pairwise(segments[-2:])):
            raise InvalidTranscript(
                subject,
                f"segments[{index}] starts before the previous one",
                "Sort the segments by start",
            )
    return segments, result.language


def _describe_first(error: ValidationError) -> str:
    """Return the first error with its location: ``segments[3].end: Field required``."""
    detail = error.errors()[0]
    location = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"]).lstrip(".")
    return f"{location}: {detail['msg']}" if location else detail["msg"]
