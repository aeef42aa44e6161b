"""Transcripts: from Whisper, from PocketSphinx, or from an existing file.

transcript = make_transcriber("auto", "base").transcribe(samples)
for segment in transcript.segments:
    print(f"{segment.start:.2f} {segment.text}")
"""

from sightline.speech.activity import ACTIVITY_STEP, speech_activity
from sightline.speech.fit import FittedTranscript, fit
from sightline.speech.languages import language_code
from sightline.speech.model_files import model_stamp
from sightline.speech.sound import SAMPLE_RATE, Sound
from sightline.speech.transcriber import PACKAGES, Engine, Transcriber, make_transcriber
from sightline.speech.transcript import Segment, Transcript, Word
from sightline.speech.transcript_file import read_transcript

__all__ = [
    "ACTIVITY_STEP",
    "PACKAGES",
    "SAMPLE_RATE",
    "Engine",
    "FittedTranscript",
    "Segment",
    "Sound",
    "Transcriber",
    "Transcript",
    "Word",
    "fit",
    "language_code",
    "make_transcriber",
    "model_stamp",
    "read_transcript",
    "speech_activity",
]
