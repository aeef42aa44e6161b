from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sightline.speech import SAMPLE_RATE
from sightline.speech.windows import LONGEST_WINDOW, pack, speech_parts

Samples = NDArray[np.float32]
# The times of demo/speech.vtt.
SPOKEN = (0.838, 2.529)


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def test_speech_is_cut_out_with_its_times(utterance: Samples) -> None:
    first, second = speech_parts([utterance, silence(60), utterance])
    assert np.array_equal(first.samples, utterance[round(first.start * SAMPLE_RATE) :][: len(first.samples)])
    assert second.start == pytest.approx(first.start + 63, abs=0.04)
    for part, offset in ((first, 0), (second, 63)):
        start, end = (part.start + time - offset for time in part.spoken)
        assert (start, end) == pytest.approx(SPOKEN, abs=0.05)
        assert part.start - offset == pytest.approx(start - 0.25)
        assert part.duration == pytest.approx(end - start + 0.5, abs=0.01)


@settings(max_examples=15)
@given(data=st.data())
def test_parts_do_not_depend_on_the_blocks(utterance: Samples, data: st.DataObject) -> None:
    sound = np.concatenate([utterance, utterance])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sound)), max_size=6)))
    whole, blocks = list(speech_parts([sound])), list(speech_parts(iter(np.split(sound, cuts))))
    assert [(part.start, part.spoken) for part in blocks] == [(part.start, part.spoken) for part in whole]
    assert all(np.array_equal(one.samples, other.samples) for one, other in zip(blocks, whole, strict=True))


def test_long_speech_is_cut_without_loss_where_it_is_quiet(utterance: Samples) -> None:
    spoken = utterance[round(0.7 * SAMPLE_RATE) : round(2.3 * SAMPLE_RATE)]
    sound = np.concatenate([silence(1), np.tile(np.concatenate([spoken, silence(0.3)]), 40), silence(1)])
    parts = list(speech_parts([sound]))
    assert len(parts) > 2
    assert all(part.duration <= LONGEST_WINDOW for part in parts)
    joined = np.concatenate([part.samples for part in parts])
    start = round(parts[0].start * SAMPLE_RATE)
    assert np.array_equal(joined, sound[start : start + len(joined)])
    assert start + len(joined) >= len(sound) - 1.4 * SAMPLE_RATE
    for part in parts[1:]:
        assert abs(part.samples[: SAMPLE_RATE // 50]).max() < 0.01


def test_windows_hold_whole_parts_up_to_thirty_seconds(utterance: Samples) -> None:
    windows = list(pack(speech_parts(iter([utterance] * 30))))
    assert sum(len(window.parts) for window in windows) == 30
    assert len(windows) == 3
    for window in windows:
        assert len(window.samples) <= LONGEST_WINDOW * SAMPLE_RATE
        for part, (first, last) in zip(window.parts, window.bounds, strict=True):
            assert np.array_equal(window.samples[round(first * SAMPLE_RATE) : round(last * SAMPLE_RATE)], part.samples)


def test_sound_without_speech_has_no_parts() -> None:
    random, time = np.random.default_rng(0), np.arange(20 * SAMPLE_RATE) / SAMPLE_RATE
    beeps = 0.3 * np.sin(2 * np.pi * np.where(time % 2 < 1, 960, 770) * time) * (time % 1 < 0.15)
    notes = np.repeat(random.choice([220, 262, 330, 392, 440], 80), SAMPLE_RATE // 4)
    sounds = {
        "silence": np.zeros_like(time),
        "noise": random.normal(scale=0.1, size=len(time)),
        "fan": (1 + 0.5 * np.sin(50 * time)) * random.normal(scale=0.05, size=len(time)) + 0.05 * np.sin(754 * time),
        "beeps": beeps,
        "melody": 0.2 * np.sin(2 * np.pi * notes * time) + 0.1 * np.sin(4 * np.pi * notes * time),
    }
    assert [name for name, sound in sounds.items() if list(speech_parts([sound.astype(np.float32)]))] == []


def test_memory_does_not_depend_on_the_length(utterance: Samples) -> None:
    read = 0

    def blocks() -> object:
        nonlocal read
        while True:
            read += len(utterance)
            yield utterance

    parts = speech_parts(blocks())  # type: ignore[arg-type]
    for _ in range(60):
        part = next(parts)
        assert read / SAMPLE_RATE - part.start < 70


def test_quiet_speech_begins_and_ends_with_its_words(
    shared_data: Callable[[str], Path], load_sound: Callable[[Path], Samples]
) -> None:
    speech = load_sound(shared_data("speech/jfk.flac"))
    for gain in (1.0, 0.1, 0.03):
        parts = list(speech_parts([speech * np.float32(gain)]))
        assert parts[0].start <= 0.32
        assert parts[-1].start + parts[-1].duration >= 10.5
