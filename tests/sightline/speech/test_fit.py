import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sightline.errors import InvalidTranscript
from sightline.speech import ACTIVITY_STEP, Segment, Transcript, Word, fit, read_transcript, speech_activity

Spans = list[tuple[float, float]]

JFK = [
    (0.32, 2.2, "And so, my fellow Americans,"),
    (3.3, 4.4, "ask not"),
    (5.4, 7.6, "what your country can do for you,"),
    (8.2, 10.5, "ask what you can do for your country."),
]


def transcript(*spans: tuple[float, float]) -> Transcript:
    segments = tuple(Segment(start=start, end=end, text="hello") for start, end in spans)
    return Transcript(segments=segments, language=None, engine="file", model="visit.srt")


def activity(spans: Spans, duration: float) -> NDArray[np.bool_]:
    times = (np.arange(round(duration / ACTIVITY_STEP)) + 0.5) * ACTIVITY_STEP
    return np.any([(start <= times) & (times < end) for start, end in spans] or [times < 0], axis=0)


def warnings(spans: Sequence[tuple[float, float]], speech: Spans, duration: float) -> tuple[str, ...]:
    return fit(transcript(*sorted(spans)), duration, activity(speech, duration)).warnings


def test_segments_after_the_end_are_left_out_and_reported() -> None:
    original = transcript((0.5, 3.0), (3.5, 4.5), (4.0, 5.0), (90.0, 90.5))
    fitted = fit(original, 4.0, None)
    assert fitted.transcript.segments == original.segments[:2]
    assert fitted.warnings == (
        "2 of 4 segments of the transcript begin after the end of the video at 4.00 s and were left out",
    )
    assert fitted.transcript.model_copy(update={"segments": original.segments}) == original


def test_late_end_is_kept_and_reported_above_a_second() -> None:
    for end, reported in ((4.9, ()), (5.5, ("the transcript's words end 1.5 s after the end of the video at 4.00 s",))):
        fitted = fit(transcript((0.0, 2.0), (3.5, end)), 4.0, None)
        assert fitted.transcript.segments[1].end == end
        assert fitted.warnings == reported


@pytest.mark.parametrize("spans", [[(0.5, 1.5), (90.0, 92.0), (150.0, 152.0)], [(4.0, 4.0)], [(3.9, 30.0)]])
def test_transcript_that_is_mostly_after_the_end_is_rejected(spans: Spans) -> None:
    with pytest.raises(InvalidTranscript, match="% of its time is after the end of the video at 4"):
        fit(transcript(*spans), 4.0, None)


def test_real_example_is_rejected(shared_data: Callable[[str], Path]) -> None:
    with pytest.raises(InvalidTranscript, match="80% of its time"):
        fit(read_transcript(shared_data("cases/video/cues_after_the_end.srt")), 4.04, None)


def test_transcript_without_segments_fits_a_video_without_speech() -> None:
    assert fit(transcript(), 4.0, None).warnings == ()
    assert warnings([], [], 10.0) == ()


def test_words_without_speech_and_speech_without_words_are_reported() -> None:
    assert warnings([(1.0, 4.0)], [], 10.0) == (
        "the transcript has 3.0 s of words, but in the sound 0.0 s are speech; it may belong to another video",
    )
    assert warnings([], [(1.0, 4.0)], 10.0) == ("the sound has 3.0 s of speech, but the transcript has 0.0 s of words",)


def talk(random: np.random.Generator, duration: float, pause: float) -> Spans:
    """Sentences of a conversation, with pauses of that mean."""
    spans, now = [], float(random.exponential(pause))
    while now < duration - 0.5:
        end = min(now + float(np.clip(random.lognormal(0.7, 0.6), 0.4, 10)), duration)
        spans.append((now, end))
        now = end + 0.15 + float(random.exponential(pause))
    return spans


def captions(random: np.random.Generator, spoken: Spans, shift: float = 0.0) -> Spans:
    """Captions as people time them: 0.3 s early or late, and up to half a second too long."""
    found = []
    for start, end in spoken:
        first = max(start + random.normal(0, 0.3), 0.0) + shift
        found.append((first, max(first + 0.1, end + random.normal(0, 0.3) + random.uniform(0, 0.5) + shift)))
    return sorted(found)


@pytest.mark.parametrize("duration", [60.0, 300.0])
@pytest.mark.parametrize("pause", [0.8, 2.0])
def test_transcripts_of_other_videos_and_shifted_ones_are_reported(duration: float, pause: float) -> None:
    reported = dict.fromkeys(("own", "shifted", "other"), 0.0)
    shift_errors = []
    for seed in range(20):
        random = np.random.default_rng(seed)
        spoken, other = talk(random, duration, pause), talk(random, duration, pause)
        shift = float(random.choice([2.5, 4.2, 9.0]))
        reported["own"] += bool(warnings(captions(random, spoken), spoken, duration)) / 20
        reported["other"] += bool(warnings(captions(random, other), spoken, duration)) / 20
        found = " ".join(warnings(captions(random, spoken, shift), spoken, duration))
        reported["shifted"] += "too late" in found and "it may belong to another video" in found
        shift_errors += [abs(float(found.split(" s too late")[0].split()[-1]) - shift)] if "too late" in found else []
    reported["shifted"] /= 20
    print(
        f"{duration:.0f} s, pauses of {pause} s: reported {reported}, shift wrong by {max(shift_errors):.2f} s at most"
    )
    assert reported["own"] == 0.0
    assert reported["shifted"] >= 0.95
    assert reported["other"] >= 0.7
    assert max(shift_errors) < 0.5


@pytest.mark.parametrize(("steps", "shift"), [(16_383, 5.0), (16_384, -5.0), (16_385, 5.0), (45_000, 60.0)])
def test_shift_is_found_in_sound_of_any_length(steps: int, shift: float) -> None:
    duration = steps * ACTIVITY_STEP
    spoken = talk(np.random.default_rng(steps), duration, 2.0)
    moved = [(start + shift, end + shift) for start, end in spoken if start + shift >= 0 and end + shift <= duration]
    [found] = warnings(moved, spoken, duration)
    assert found.endswith(f"or be {abs(shift):.1f} s too {'late' if shift > 0 else 'early'}")


def test_sound_without_pauses_matches_every_transcript() -> None:
    assert warnings([(1.0, 2.0), (5.0, 9.0)], [(0.0, 60.0)], 60.0) == ()
    assert warnings([(0.0, 60.0)], [(1.0, 2.0), (5.0, 9.0)], 60.0) == ()


def test_times_of_words_are_compared_rather_than_those_of_segments() -> None:
    spoken = [(1.0, 2.0), (9.0, 10.0), (14.0, 16.0), (18.0, 18.5)]
    words = tuple(Word(text="a", start=start, end=end) for start, end in spoken)
    segment = Segment(start=1.0, end=19.0, text="a a a a", words=words)
    fitted = fit(transcript().model_copy(update={"segments": (segment,)}), 20.0, activity(spoken, 20.0))
    assert fitted.warnings == ()


@pytest.fixture(scope="module")
def heard(shared_data: Callable[[str], Path], load_sound: Callable[[Path], NDArray[np.float32]]) -> NDArray[np.bool_]:
    return speech_activity([load_sound(shared_data("speech/jfk.flac"))])


def spoken_at(shift: float) -> Transcript:
    return transcript(*[(start + shift, end + shift) for start, end, _ in JFK if start + shift >= 0])


def test_transcript_of_real_speech_fits(heard: NDArray[np.bool_]) -> None:
    for shift in (-0.3, 0.0, 0.5):
        assert fit(spoken_at(shift), 11.0, heard).warnings == ()


@pytest.mark.parametrize("shift", [2.0, 3.0, -2.0, -3.3, -5.0])
def test_shifted_transcript_of_real_speech_is_reported(heard: NDArray[np.bool_], shift: float) -> None:
    found = fit(spoken_at(shift), 11.0, heard).warnings[-1]
    print(found)
    match = re.fullmatch(
        r"the transcript has words at (\d+)% of the speech; it may belong to another video, "
        r"or be (\d+\.\d) s too (late|early)",
        found,
    )
    assert match
    assert 20 < int(match[1]) < 60
    assert float(match[2]) == pytest.approx(abs(shift), abs=0.2)
    assert match[3] == ("late" if shift > 0 else "early")


def test_transcript_mostly_shifted_beyond_the_end_is_rejected(heard: NDArray[np.bool_]) -> None:
    with pytest.raises(InvalidTranscript, match="after the end"):
        fit(spoken_at(5.0), 11.0, heard)


def test_transcript_of_other_speech_is_reported(heard: NDArray[np.bool_]) -> None:
    other = transcript((2.2, 3.3), (4.5, 5.3), (7.6, 8.2), (10.4, 11.0))
    assert "it may belong to another video" in fit(other, 11.0, heard).warnings[0]
