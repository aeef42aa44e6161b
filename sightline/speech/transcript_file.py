"""Existing transcripts: WebVTT, SRT, ASS, SSA, TTML and Whisper JSON files."""

from __future__ import annotations

import codecs
import logging
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import from_json

from sightline.errors import InvalidTranscript
from sightline.speech.cues import Cue
from sightline.speech.repeats import merge_repeats
from sightline.speech.subtitles import read_ass, read_subrip
from sightline.speech.transcript import Segment, Transcript
from sightline.speech.ttml import read_ttml
from sightline.speech.webvtt_file import read_webvtt
from sightline.speech.whisper_result import DIALECTS, WhisperResult

_log = logging.getLogger(__name__)

# Bytes. A day of speech in Whisper JSON with words is about 20 MB; a larger file is probably the video.
_MAX_SIZE = 100 * 2**20

_ASS = re.compile(r"\s*(?:;[^\n]*\n\s*)*\[(?:Script Info|V4\+? Styles|Events)\]", re.IGNORECASE)
_FORMATS = "WebVTT, SRT, ASS, SSA, TTML or Whisper JSON"


class NotATranscript(InvalidTranscript):
    """A JSON file that holds something else."""


def read_transcript(path: Path, report: Callable[[str], None] = _log.warning) -> Transcript:
    """Read the transcript in a file; the content determines the format.

    Its engine is ``file``, its model the file's name. Whisper's words and confidences are preserved; subtitles have
    words if the words have times. Styling is removed. Cues are sorted by start. Rolling captions, and captions with one
    cue per highlighted word, become one segment per sentence. A file without speech gives no segments.

    ``report`` receives sentences on what was corrected or left out. Raises ``InvalidTranscript`` if the file is
    missing, empty or malformed.
    """
    subject = str(path)
    text = _read_text(path)
    content = text.lstrip()
    language: str | None = None
    if content.startswith(("{", "[")) and not _ASS.match(content):
        segments, language = _read_whisper_json(text, subject, report)
    else:
        cues, language = _read_cues(text, path, report)
        segments = _merge(cues, subject, report)
    return Transcript(segments=tuple(segments), language=language, engine="file", model=path.name)


def _read_cues(text: str, path: Path, report: Callable[[str], None]) -> tuple[list[Cue], str | None]:
    subject, suffix = str(path), path.suffix.lower()
    if text.startswith("WEBVTT"):
        return read_webvtt(text, subject, report)
    if suffix == ".vtt" or text.lstrip().startswith("WEBVTT"):
        raise InvalidTranscript(subject, "line 1: a WebVTT file begins with WEBVTT", "Put WEBVTT on the first line")
    if _ASS.match(text):
        return read_ass(text, subject), None
    if text.lstrip().startswith("<"):
        return read_ttml(text.lstrip(), subject)
    if "-->" in text or suffix == ".srt":
        return read_subrip(text, subject), None
    raise InvalidTranscript(subject, f"line 1: it is not {_FORMATS}", "Provide a file in one of these formats")


def _merge(cues: list[Cue], subject: str, report: Callable[[str], None]) -> list[Segment]:
    if any(after.start < before.start for before, after in pairwise(cues)):
        report(f"{subject}: its cues are not in order of time; they were sorted by start")
    spoken = sorted((cue for cue in cues if cue.lines), key=lambda cue: cue.start)
    segments = merge_repeats(spoken)
    if len(segments) < len(spoken):
        report(
            f"{subject}: {len(spoken) - len(segments)} of {len(spoken)} cues display words again; "
            "every sentence is counted once"
        )
    return segments


def _read_text(path: Path) -> str:
    """Return the text of a file, with LF line ends and without a byte order mark."""
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
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _read_whisper_json(text: str, subject: str, report: Callable[[str], None]) -> tuple[list[Segment], str | None]:
    try:
        content = from_json(text)
    except ValueError as error:
        raise InvalidTranscript(
            subject, f"Invalid JSON: {error}", "Write it again, or copy the complete file"
        ) from error
    fix = f"Write it with {DIALECTS} as JSON"
    if not isinstance(content, dict) or not ({"segments", "transcription"} & set(content)):
        keys = ", ".join(sorted(content)[:8]) if isinstance(content, dict) else f"a {type(content).__name__}"
        raise NotATranscript(subject, f"JSON without segments or transcription ({keys})", fix)
    try:
        result = WhisperResult.model_validate(content)
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
    if any(after.start < before.start for before, after in pairwise(segments)):
        report(f"{subject}: its segments are not in order of time; they were sorted by start")
        segments.sort(key=lambda segment: segment.start)
    return segments, result.language


def _describe_first(error: ValidationError) -> str:
    """Return the first error with its location: ``segments[3].end: Field required``."""
    detail = error.errors()[0]
    location = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"]).lstrip(".")
    return f"{location}: {detail['msg']}" if location else detail["msg"]
