"""Create ``speech.ogg``, a carer's statements about John, and ``speech.vtt``, the sentences with their true times.

    python demo/make_speech.py

Both files are in the repository; run this script only to change them. It needs espeak-ng (``apt-get install
espeak-ng``). Sentences, voice and speed are chosen so that pocketsphinx recognises them even after AAC encoding, which
``tests/sightline/speech/test_pocketsphinx_engine.py`` checks.
"""

from __future__ import annotations

import io
import subprocess
import wave
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

SENTENCES = (
    "John was angry yesterday.",
    "I think John is happy.",
    "He is excited about the music.",
    "Then the music stopped, and John was surprised.",
    "But he is not sad.",
    "John looks happy.",
)
VOICE = ("-v", "en-us+f2", "-s", "142")
SAMPLE_RATE = 16_000
PAUSE_SECONDS = 0.6
# Microphones never record digital silence, and the recogniser misses the words next to it.
ROOM_NOISE = 1.5e-4
BIT_RATE = 32_000

HERE = Path(__file__).parent


def synthesize(sentence: str) -> NDArray[np.float32]:
    """Return the sentence as 16 kHz samples, shape = (n,), float32 in -1..1, without silence at either end."""
    speech = subprocess.run(["espeak-ng", *VOICE, "--stdout", sentence], check=True, capture_output=True).stdout
    with wave.open(io.BytesIO(speech)) as wav:
        rate = wav.getframerate()
        pcm = np.frombuffer(wav.readframes(wav.getnframes()), "<i2")
    frame = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
    frame.sample_rate = rate
    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    resampled = [part.to_ndarray()[0] for part in (*resampler.resample(frame), *resampler.resample(None))]
    samples: NDArray[np.float32] = np.concatenate(resampled)
    audible = np.flatnonzero(np.abs(samples) > 0.001)
    return samples[audible[0] : audible[-1] + 1]


def compose() -> tuple[NDArray[np.float32], list[tuple[float, float]]]:
    """Return all sentences with pauses between them, and their (start, end) times in seconds."""
    pause = np.zeros(round(PAUSE_SECONDS * SAMPLE_RATE), np.float32)
    parts, times, length = [pause], [], len(pause)
    for sentence in SENTENCES:
        spoken = synthesize(sentence)
        times.append((length / SAMPLE_RATE, (length + len(spoken)) / SAMPLE_RATE))
        parts += [spoken, pause]
        length += len(spoken) + len(pause)
    samples = np.concatenate(parts)
    noise = np.random.default_rng(0).normal(scale=ROOM_NOISE, size=length)
    return samples + noise.astype(np.float32), times


def write_opus(path: Path, samples: NDArray[np.float32]) -> None:
    """Write 16 kHz samples as Opus, whose native rate is 48 kHz."""
    frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
    frame.sample_rate = SAMPLE_RATE
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libopus", rate=48_000, layout="mono")
        stream.bit_rate = BIT_RATE
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)


def write_vtt(path: Path, times: list[tuple[float, float]]) -> None:
    """Write the sentences as WebVTT cues."""
    cues = [f"{_clock(start)} --> {_clock(end)}\n{text}\n" for text, (start, end) in zip(SENTENCES, times, strict=True)]
    path.write_text("\n".join(["WEBVTT\n", *cues]), encoding="utf-8")


def _clock(seconds: float) -> str:
    return f"{int(seconds // 60):02d}:{seconds % 60:06.3f}"


if __name__ == "__main__":
    speech, sentence_times = compose()
    write_opus(HERE / "speech.ogg", speech)
    write_vtt(HERE / "speech.vtt", sentence_times)
