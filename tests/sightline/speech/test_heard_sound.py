"""A sound that was decoded and listened to once, beside the same sound in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sightline.speech import SAMPLE_RATE, HeardSound, hear, speech_activity, track_voice
from sightline.speech import activity as silero
from sightline.speech.windows import speech_parts

Samples = NDArray[np.float32]

READ = 32 * SAMPLE_RATE
"""Samples that are read at once."""


@pytest.fixture(scope="module")
def speech(shared_data: Callable[[str], Path], load_sound: Callable[[Path], Samples]) -> Samples:
    return np.tile(load_sound(shared_data("speech/jfk.flac")), 4)


@pytest.fixture(scope="module")
def heard(speech: Samples, tmp_path_factory: pytest.TempPathFactory) -> HeardSound:
    return hear(iter(np.array_split(speech, 50)), tmp_path_factory.mktemp("heard") / "sound.f32")


@settings(max_examples=15)
@given(data=st.data())
def test_sound_and_speech_are_those_that_were_heard(
    speech: Samples, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    edges = [0, 1, 511, 512, 513, READ - 1, READ, READ + 1, len(speech)]
    stop = data.draw(st.one_of(st.sampled_from(edges), st.integers(0, len(speech))))
    cuts = sorted(data.draw(st.lists(st.integers(0, stop), max_size=5)))
    heard = hear(iter(np.split(speech[:stop], cuts)), tmp_path_factory.mktemp("heard") / "sound.f32")
    for _ in range(2):
        assert np.array_equal(np.concatenate([np.zeros(0, np.float32), *heard]), speech[:stop])
    assert [len(shares) for _, shares in heard.with_shares()] == [-(-len(samples) // 512) for samples in heard]
    assert np.array_equal(speech_activity(heard), speech_activity([speech[:stop]]))


def test_parts_and_voice_are_those_of_the_sound(speech: Samples, heard: HeardSound) -> None:
    parts, expected = list(speech_parts(heard)), list(speech_parts([speech]))
    assert len(parts) > 4
    assert [(part.start, part.spoken) for part in parts] == [(part.start, part.spoken) for part in expected]
    assert all(np.array_equal(one.samples, other.samples) for one, other in zip(parts, expected, strict=True))
    voice, expected_voice = track_voice(heard), track_voice([speech])
    for name in ("voice", "singing", "music", "speech", "pitch", "level"):
        assert np.array_equal(getattr(voice, name), getattr(expected_voice, name), equal_nan=True)


def test_nothing_listens_to_a_heard_sound_again(heard: HeardSound, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise AssertionError("the model of speech activity was loaded")

    monkeypatch.setattr(silero, "_load_model", fail)
    assert speech_activity(heard).any()
    assert list(speech_parts(heard))
    assert track_voice(heard).speech.any()
    with pytest.raises(AssertionError, match="was loaded"):
        speech_activity([np.zeros(512, np.float32)])


def test_invalid_samples_are_not_transcribed(tmp_path: Path) -> None:
    heard = hear([np.full(SAMPLE_RATE, np.nan, np.float32)], tmp_path / "sound.f32")
    with pytest.raises(ValueError, match="NaN"):
        list(speech_parts(heard))
