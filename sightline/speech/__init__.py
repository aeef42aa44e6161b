"""Transcripts: from Whisper, from PocketSphinx, or from an existing file; and the voice that is heard.

transcript = make_transcriber("auto", "base").transcribe(samples)
for segment in transcript.segments:
    print(f"{segment.start:.2f} {segment.text}")
"""

from sightline.speech.activity import ACTIVITY_STEP, hear, speech_activity
from sightline.speech.fit import FittedTranscript, fit
from sightline.speech.heard_sound import HeardSound
from sightline.speech.languages import language_code
from sightline.speech.measured_voice import (
    WORDLESS,
    MeasuredVoice,
    Utterance,
    Vocalisation,
    describe_voice,
    measure_voice,
)
from sightline.speech.model_files import model_stamp
from sightline.speech.prosody import PROSODY_NAMES, Prosody
from sightline.speech.sidecar import SIDECARS, find_sidecars
from sightline.speech.sound import SAMPLE_RATE, Sound
from sightline.speech.speakers import Speakers, Voice, find_speakers, recognise
from sightline.speech.transcriber import PACKAGES, Engine, Transcriber, make_transcriber
from sightline.speech.transcript import Segment, Transcript, Word
from sightline.speech.transcript_file import NotATranscript, read_transcript
from sightline.speech.turns import assign_speakers
from sightline.speech.voice_track import VoiceTrack, track_voice
from sightline.speech.voices import check_voices

__all__ = [
    "ACTIVITY_STEP",
    "PACKAGES",
    "PROSODY_NAMES",
    "SAMPLE_RATE",
    "SIDECARS",
    "WORDLESS",
    "Engine",
    "FittedTranscript",
    "HeardSound",
    "MeasuredVoice",
    "NotATranscript",
    "Prosody",
    "Segment",
    "Sound",
    "Speakers",
    "Transcriber",
    "Transcript",
    "Utterance",
    "Vocalisation",
    "Voice",
    "VoiceTrack",
    "Word",
    "assign_speakers",
    "check_voices",
    "describe_voice",
    "find_sidecars",
    "find_speakers",
    "fit",
    "hear",
    "language_code",
    "make_transcriber",
    "measure_voice",
    "model_stamp",
    "read_transcript",
    "recognise",
    "speech_activity",
    "track_voice",
]
