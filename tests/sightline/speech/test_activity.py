from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sightline.speech import ACTIVITY_STEP, SAMPLE_RATE, speech_activity

# The words of the speech, heard and seen in the waveform; the pauses between them have the noise of an audience.
SPOKEN = [(0.32, 2.2), (3.3, 4.4), (5.4, 7.6), (8.2, 10.5)]

Samples = NDArray[np.float32]


@pytest.fixture(scope="module")
def speech(shared_data: Callable[[str], Path], load_sound: Callable[[Path], Samples]) -> Samples:
    return load_sound(shared_data("speech/jfk.flac"))


def is_spoken(count: int) -> NDArray[np.bool_]:
    times = (np.arange(count) + 0.5) * ACTIVITY_STEP
    return np.any([(start <= times) & (times < end) for start, end in SPOKEN], axis=0)


@pytest.mark.parametrize("noise", [0.0, 0.003, 0.01])
def test_speech_is_distinguished_from_its_pauses(speech: Samples, noise: float) -> None:
    noisy = speech + np.random.default_rng(0).normal(scale=noise, size=len(speech)).astype(np.float32)
    activity = speech_activity([noisy])
    agreement = float((activity == is_spoken(len(activity))).mean())
    print(f"with noise of {noise}: {agreement:.1%} of the steps agree")
    assert agreement > 0.9


def test_noise_tones_and_silence_are_no_speech() -> None:
    random, time = np.random.default_rng(0), np.arange(5 * SAMPLE_RATE) / SAMPLE_RATE
    sounds = {
        "silence": np.zeros_like(time),
        "noise": random.normal(scale=0.1, size=len(time)),
        "quiet noise": random.normal(scale=0.003, size=len(time)),
        "tone": 0.2 * np.sin(2 * np.pi * 440 * time),
        "hum": 0.1 * np.sin(2 * np.pi * 50 * time),
        "melody": 0.2 * np.sin(2 * np.pi * np.repeat([220, 277, 330, 440, 330], SAMPLE_RATE) * time),
        "clicks": (np.arange(len(time)) % 4000 < 20) * 0.5,
    }
    shares = {name: float(speech_activity([sound.astype(np.float32)]).mean()) for name, sound in sounds.items()}
    assert {name: share for name, share in shares.items() if share > 0.02} == {}


@settings(max_examples=20)
@given(data=st.data())
def test_size_of_the_blocks_does_not_matter(speech: Samples, data: st.DataObject) -> None:
    stop = data.draw(st.integers(0, len(speech)))
    cuts = sorted(data.draw(st.lists(st.integers(0, stop), max_size=8)))
    blocks = np.split(speech[:stop], cuts)
    activity = speech_activity(iter(blocks))
    assert activity.dtype == np.bool_
    assert len(activity) == -(-stop // 512)
    assert np.array_equal(activity, speech_activity([speech[:stop]]))


def test_long_sound_is_read_block_by_block(speech: Samples) -> None:
    requested = 0

    def blocks() -> object:
        nonlocal requested
        for _ in range(8):
            requested += 1
            yield speech

    activity = speech_activity(blocks())  # type: ignore[arg-type]
    assert requested == 8
    once = speech_activity([speech])
    assert len(activity) * ACTIVITY_STEP == pytest.approx(8 * len(speech) / SAMPLE_RATE, abs=ACTIVITY_STEP)
    assert activity.mean() == pytest.approx(once.mean(), abs=0.03)
