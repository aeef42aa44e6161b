"""Who speaks when, in real and in synthesized speech."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest

from sightline.errors import InvalidSetting
from sightline.speech import SAMPLE_RATE, Speakers, Voice, check_voices, find_speakers, recognise, speech_activity
from sightline.speech import voices as voices_module
from sightline.speech.speakers import TURN_STEP
from tests.dialogues import DEMO, Samples, Turn, needs_voices, read_dialogue

Load = Callable[[Path], Samples]


def find(samples: Samples, block: int = 5000) -> Speakers:
    blocks = [samples[start : start + block] for start in range(0, len(samples), block)]
    return find_speakers(blocks, speech_activity(blocks))


@pytest.fixture(scope="module")
def speech(shared_data: Callable[[str], Path], load_sound: Load) -> Samples:
    return load_sound(shared_data("speech/jfk.flac"))


@pytest.fixture(scope="module")
def dialogue(shared_data: Callable[[str], Path], load_sound: Load) -> tuple[Samples, list[Turn]]:
    return read_dialogue(shared_data("speech/jfk.flac"), load_sound)


@needs_voices
def test_dialogue_has_the_right_speakers(dialogue: tuple[Samples, list[Turn]]) -> None:
    samples, turns = dialogue
    speakers = find(samples)
    assert [voice.number for voice in speakers.voices] == [1, 2]
    times = (np.arange(len(speakers.turns)) + 0.5) * TURN_STEP
    for turn in turns:
        inside = speakers.turns[(times > turn.start + 0.25) & (times < turn.end - 0.25)]
        right, wrong = (inside == turn.speaker).mean(), ((inside > 0) & (inside != turn.speaker)).mean()
        print(f"{turn}: {right:.0%} right, {wrong:.0%} wrong")
        assert right > 0.6  # the speech has pauses
        assert wrong < 0.1


@needs_voices
def test_one_voice_stays_one_and_is_recognised(speech: Samples) -> None:
    first, second = find(speech[: 5 * SAMPLE_RATE]), find(speech)
    assert len(second.voices) == 1
    assert recognise(second.voices, first.voices) == 1


@needs_voices
def test_voice_of_one_sentence_is_not_lost(speech: Samples, load_sound: Load) -> None:
    sentence = load_sound(DEMO)[int(0.6 * SAMPLE_RATE) : int(2.44 * SAMPLE_RATE)]
    speakers = find(np.concatenate([speech, sentence]))
    assert len(speakers.voices) == 2
    assert speakers.turns[-4] == 2


@needs_voices
def test_sound_without_speech_has_no_speakers() -> None:
    time = np.arange(10 * SAMPLE_RATE) / SAMPLE_RATE
    chords = sum(np.sin(2 * np.pi * note * time) for note in (262, 330, 392)) * (0.2 + 0.1 * np.sin(2 * np.pi * time))
    noise = np.random.default_rng(0).normal(scale=0.05, size=len(time))
    for sound in (np.zeros_like(time), chords / 3, noise):
        assert not find(sound.astype(np.float32)).voices
    assert find_speakers([], np.zeros(0, np.bool_)).voices == ()


@needs_voices
def test_blocks_do_not_change_the_result(dialogue: tuple[Samples, list[Turn]]) -> None:
    samples = dialogue[0][: 10 * SAMPLE_RATE]
    one, other = find(samples, 700), find(samples, len(samples))
    np.testing.assert_array_equal(one.turns, other.turns)


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(voices_module, "distribution", missing)
    with pytest.raises(InvalidSetting, match=r"pip install 'sightline\[speakers\]'"):
        check_voices()


def voice(number: int, *embedding: float, seconds: float = 20) -> Voice:
    unit = np.array(embedding) / np.linalg.norm(embedding)
    return Voice(number=number, seconds=seconds, embedding=tuple(unit.tolist()))


@pytest.mark.parametrize(
    ("heard", "known", "expected"),
    [
        ([voice(1, 0, 1), voice(2, 1, 0.1)], [voice(1, 1, 0)], 2),
        ([voice(1, 0, 1)], [voice(1, 1, 0)], None),
        # Two voices of the recording are like it.
        ([voice(1, 1, 0.1), voice(2, 1, 0.2)], [voice(1, 1, 0)], None),
        ([voice(1, 1, 0, seconds=2)], [voice(1, 1, 0)], None),
        ([voice(1, 1, 0)], [], None),
        ([], [voice(1, 1, 0)], None),
    ],
)
def test_recognised_voice_is_like_the_known_one_only(
    heard: list[Voice], known: list[Voice], expected: int | None
) -> None:
    assert recognise(heard, known) == expected
