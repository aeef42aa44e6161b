"""Transcripts: from Whisper, from PocketSphinx, or from an existing file.

transcript = make_transcriber("whisper", "base").transcribe(samples)
for segment in transcript.segments:
    print(f"{segment.start:.2f} {segment.text}")
"""

from sightline.speech.sound import SAMPLE_RATE
from sightline.speech.transcriber import PACKAGES, Engine, Transcriber, make_transcriber
from sightline.speech.transcript import Segment, Transcript, Word
from sightline.speech.transcript_file import read_transcript

__all__ = [
    "PACKAGES",
    "SAMPLE_RATE",
    "Engine",
    "Segment",
    "Transcriber",
    "Transcript",
    "Word",
    "make_transcriber",
    "read_transcript",
]
