"""Transcripts: from Whisper, from PocketSphinx, or from an existing file.

transcript = make_transcriber("whisper", "base").transcribe(samples)
for segment in transcript.segments:
    print(f"{segment.start:.2f} {segment.text}")
"""

from sightline.speech.activity import ACTIVITY_STEP, speech_activity
from sightline.speech.fit import FittedTranscript, fit
from sightline.speech.sound import SAMPLE_RATE
from sightline.speech.speakers import Speakers, Voice, find_speakers, recognise
from sightline.speech.transcriber import PACKAGES, Engine, Transcriber, make_transcriber
from sightline.speech.transcript import Segment, Transcript, Word
from sightline.speech.transcript_file import read_transcript
from sightline.speech.turns import assign_speakers
from sightline.speech.voices import check_voices

__all__ = [
    "ACTIVITY_STEP",
    "PACKAGES",
    "SAMPLE_RATE",
    "Engine",
    "FittedTranscript",
    "Segment",
    "Speakers",
    "Transcriber",
    "Transcript",
    "Voice",
    "Word",
    "assign_speakers",
    "check_voices",
    "find_speakers",
    "fit",
    "make_transcriber",
    "read_transcript",
    "recognise",
    "speech_activity",
]
