"""Prosody and voice without words, in synthesized babble whose pitch, syllables and pauses are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks._vowels import RATE, SOUNDS, babble, silence
from sightline.speech import (
    PROSODY_NAMES,
    MeasuredVoice,
    Prosody,
    Segment,
    Transcript,
    Word,
    describe_voice,
    measure_voice,
    track_voice,
)

Samples = NDArray[np.float32]

PART = 2.0
START, AGAIN = 1.0, 1.0 + PART + 0.8
"""Seconds at which the babble begins, and begins again after a pause."""


def transcript(*segments: Segment) -> Transcript:
    return Transcript(segments=segments, language="en", engine="file", model="known.vtt")


def said(start: float, end: float, text: str = "five words of a sentence", *, timed: bool = True) -> Segment:
    words = (Word(text="word", start=start, end=end),) if timed else ()
    return Segment(start=start, end=end, text=text, words=words)


@pytest.fixture(scope="module")
def sound() -> Samples:
    part = babble(lambda t: 150 * 2 ** (3 * t / 12), PART, jitter=0.005, shimmer=0.03, noise_db=30).samples
    return np.concatenate([silence(START), part, silence(0.8), part, silence(START)])


@pytest.fixture(scope="module")
def spoken(sound: Samples) -> MeasuredVoice:
    segment = Segment(start=0.8, end=3.2, text="eight words are said in these two seconds")
    return measure_voice([sound], transcript(segment, said(AGAIN - 0.1, AGAIN + PART + 0.1)))


def test_pitch_slope_and_rates_are_those_of_the_voice(spoken: MeasuredVoice) -> None:
    prosody = spoken.utterances[0].prosody
    assert prosody.pitch_median_hz == pytest.approx(150 * 2 ** (3 / 12), rel=0.02)
    assert prosody.pitch_slope_semitones_per_second == pytest.approx(3, abs=0.1)
    assert prosody.pitch_range_semitones == pytest.approx(0.8 * 3 * PART, abs=0.4)
    assert prosody.rate_syllables_per_second == pytest.approx(4, abs=0.4)
    assert prosody.rate_words_per_second == pytest.approx(4, abs=0.2)
    assert prosody.voice_seconds == pytest.approx(PART, abs=0.15)


def test_session_has_the_pause_between_two_utterances(spoken: MeasuredVoice) -> None:
    assert (spoken.prosody.pause_count, spoken.utterances[0].prosody.pause_count) == (1, 0)
    assert spoken.prosody.pause_mean_seconds == pytest.approx(0.8, abs=0.1)
    assert spoken.prosody.pause_share == pytest.approx(0.8 / 4.8, abs=0.03)
    assert spoken.prosody.pitch_slope_semitones_per_second == pytest.approx(3, abs=0.1)


def test_voice_at_words_is_no_vocalisation(spoken: MeasuredVoice) -> None:
    assert spoken.vocalisations == ()


def test_louder_sound_differs_in_full_scale_only(sound: Samples, spoken: MeasuredVoice) -> None:
    segment = Segment(start=0.8, end=3.2, text="eight words are said in these two seconds")
    quiet = measure_voice([sound / 2], transcript(segment, said(AGAIN - 0.1, AGAIN + PART + 0.1)))
    for before, after in zip(spoken.utterances, quiet.utterances, strict=True):
        louder, quieter = before.prosody.features(), after.prosody.features()
        assert louder.pop("loudness_full_scale_db") - quieter.pop("loudness_full_scale_db") == pytest.approx(
            20 * np.log10(2), abs=0.1
        )
        slopes = louder.pop("loudness_slope_db_per_second"), quieter.pop("loudness_slope_db_per_second")
        assert slopes[1] == pytest.approx(slopes[0], abs=0.5), "the edges of the voice move by a frame"
        assert quieter == pytest.approx(louder, rel=0.15, abs=0.2, nan_ok=True)


def test_level_changes_the_loudness_in_full_scale_only(sound: Samples) -> None:
    track, spoken = track_voice([sound]), transcript(said(0.8, 3.2))
    louder = describe_voice(replace(track, level=track.level + 6), spoken)
    voice = describe_voice(track, spoken)
    for before, after in zip((voice.prosody, *voice.utterances), (louder.prosody, *louder.utterances), strict=True):
        expected = getattr(before, "prosody", before).features()
        expected["loudness_full_scale_db"] += 6
        assert getattr(after, "prosody", after).features() == pytest.approx(expected, rel=1e-3, abs=0.01, nan_ok=True)


def test_later_sound_shifts_the_times_only(sound: Samples) -> None:
    now = measure_voice([sound], transcript(said(0, START + PART)))
    later = measure_voice([np.concatenate([silence(40), sound])], transcript(said(40, 40 + START + PART)))
    [first], [second] = now.vocalisations, later.vocalisations
    assert second.start - first.start == pytest.approx(40, abs=0.05)
    assert second.end - second.start == pytest.approx(first.end - first.start, abs=0.05)
    assert second.prosody.features() == pytest.approx(first.prosody.features(), rel=0.05, abs=0.1, nan_ok=True)


def test_size_of_the_blocks_does_not_matter(sound: Samples) -> None:
    long = np.tile(sound, 6)
    whole, cut = track_voice([long]), track_voice(iter(np.array_split(long, 37)))
    assert len(long) / RATE > 34, "more than one piece"
    for name in ("voice", "music", "level", "pitch"):
        assert np.array_equal(getattr(whole, name), getattr(cut, name), equal_nan=True)
    assert np.array_equal(whole.periods.lengths, cut.periods.lengths)


@pytest.mark.parametrize("text", ["[laughs]", "(moaning)", "♪ music ♪", "Ha ha ha!", "Hehehe.", "..."])
def test_text_that_is_no_word_leaves_the_voice_wordless(sound: Samples, text: str) -> None:
    voice = measure_voice([sound], transcript(said(0, 6.8, text, timed=False)))
    assert [round(found.start) for found in voice.vocalisations] == [1, 4]
    assert voice.utterances == ()


def test_caption_hides_the_voice_around_it_and_no_other(sound: Samples) -> None:
    voice = measure_voice([sound], transcript(said(1.3, 2.7, timed=False)))
    [found] = voice.vocalisations
    assert (found.start, found.end) == pytest.approx((AGAIN, AGAIN + PART), abs=0.1)


def test_voice_that_sounds_like_speech_is_not_certain(sound: Samples) -> None:
    assert not any(found.certain for found in measure_voice([sound], transcript()).vocalisations)


@pytest.mark.parametrize("name", SOUNDS)
def test_other_sounds_are_no_voice(name: str) -> None:
    sound = SOUNDS[name](20, np.random.default_rng(1)).astype(np.float32)
    voice = measure_voice([sound], transcript(said(2, 5)))
    assert voice.vocalisations == ()
    assert voice.utterances[0].prosody == Prosody(voice_seconds=0.0)
    assert np.isnan(voice.utterances[0].prosody.features()["pitch_median_hz"])


def test_sound_of_no_length_has_no_voice() -> None:
    assert measure_voice([], transcript()) == MeasuredVoice(prosody=Prosody(voice_seconds=0.0))


def test_utterance_beyond_the_sound_has_no_prosody(sound: Samples) -> None:
    voice = measure_voice([sound], transcript(said(100, 101)))
    assert voice.utterances[0].prosody == Prosody(voice_seconds=0.0)


def test_laugh_of_a_person_is_a_certain_vocalisation(load_sound: Callable[[Path], Samples]) -> None:
    laugh = Path("/usr/share/games/hedgewars/Data/Sounds/voices/Classic/Laugh.ogg")
    if not laugh.exists():
        pytest.skip("Debian's hedgewars-data is not installed")
    samples = load_sound(laugh)
    voice = measure_voice([np.concatenate([silence(1), samples, silence(1)])], transcript())
    [found] = voice.vocalisations
    assert (found.start, found.end) == pytest.approx((1, 1 + len(samples) / RATE), abs=0.3)
    assert found.certain


def test_features_have_fixed_names_and_survive_storage(spoken: MeasuredVoice) -> None:
    assert len(PROSODY_NAMES) == 19
    assert tuple(spoken.prosody.features()) == PROSODY_NAMES
    assert MeasuredVoice.model_validate_json(spoken.model_dump_json()) == spoken
