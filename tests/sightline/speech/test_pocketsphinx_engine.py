import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sightline.errors import TranscriberUnavailable
from sightline.speech import SAMPLE_RATE, Transcript, make_transcriber, read_transcript

Load = Callable[[Path], NDArray[np.float32]]
DEMO = Path(__file__).parents[3] / "demo"


def transcribe(samples: NDArray[np.float32]) -> Transcript:
    return make_transcriber("pocketsphinx").transcribe(samples)


@pytest.fixture(scope="module")
def demo_speech(load_sound: Load) -> NDArray[np.float32]:
    return load_sound(DEMO / "speech.ogg")


@pytest.fixture(scope="module")
def progress() -> list[float]:
    return []


@pytest.fixture(scope="module")
def demo_transcript(demo_speech: NDArray[np.float32], progress: list[float]) -> Transcript:
    return make_transcriber("pocketsphinx").transcribe(demo_speech, progress.append)


@pytest.fixture(scope="module")
def one_sentence(demo_speech: NDArray[np.float32]) -> NDArray[np.float32]:
    """ "I think John is happy" with little silence around it; its length is a multiple of the endpointer's frame."""
    return demo_speech[42_240:76_320]


def test_demo_speech_is_transcribed_sentence_by_sentence(demo_transcript: Transcript) -> None:
    texts = [segment.text for segment in demo_transcript.segments]
    assert {"john was angry yesterday", "i think john is happy", "but he is not sad", "john looks happy"} <= set(texts)
    assert "john was surprised" in demo_transcript.text
    assert (demo_transcript.engine, demo_transcript.model, demo_transcript.language) == ("pocketsphinx", "en-us", "en")


def test_segment_times_match_the_speech(demo_transcript: Transcript) -> None:
    expected = read_transcript(DEMO / "speech.vtt").segments
    for segment, reference in zip(demo_transcript.segments, expected, strict=True):
        assert segment.start == pytest.approx(reference.start, abs=0.15)
        assert segment.end == pytest.approx(reference.end, abs=0.15)


def test_words_are_ordered_within_segments_with_a_confidence(demo_transcript: Transcript) -> None:
    for segment in demo_transcript.segments:
        assert segment.text == " ".join(word.text for word in segment.words)
        assert (segment.start, segment.end) == (segment.words[0].start, segment.words[-1].end)
        assert all(before.end <= after.start + 1e-9 for before, after in pairwise(segment.words))
        confidences = [word.confidence for word in segment.words if word.confidence is not None]
        assert segment.confidence == pytest.approx(np.mean(confidences))
        assert len(confidences) == len(segment.words)


def test_fillers_and_pronunciation_numbers_are_removed(demo_transcript: Transcript) -> None:
    assert all(character.isalpha() or character in " '" for character in demo_transcript.text)


def test_speech_is_transcribed_after_aac_encoding(
    one_sentence: NDArray[np.float32], tmp_path: Path, load_sound: Load
) -> None:
    import av

    with av.open(str(tmp_path / "clip.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.pad(one_sentence, 8000)[None], format="fltp", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        container.mux([*stream.encode(frame), *stream.encode(None)])
    assert transcribe(load_sound(tmp_path / "clip.mp4")).text == "i think john is happy"


def test_real_speech_is_partly_transcribed(shared_data: Callable[[str], Path], load_sound: Load) -> None:
    samples = load_sound(shared_data("speech/jfk.flac"))
    transcript = transcribe(samples)
    assert "you can do for your country" in transcript.text or "your country can do for you" in transcript.text
    occurrences = [word for segment in transcript.segments for word in segment.words if word.text == "country"]
    assert occurrences
    assert all(6.0 < word.start < word.end < 7.5 or 9.5 < word.start < word.end < 11.0 for word in occurrences)
    starts = [word.start for segment in transcript.segments for word in segment.words]
    assert starts == sorted(starts)
    assert transcript.segments[-1].end <= len(samples) / SAMPLE_RATE


def test_transcript_does_not_depend_on_earlier_calls(
    demo_speech: NDArray[np.float32], one_sentence: NDArray[np.float32]
) -> None:
    transcriber = make_transcriber("pocketsphinx")
    before = transcriber.transcribe(one_sentence)
    transcriber.transcribe(demo_speech[12 * SAMPLE_RATE : 14 * SAMPLE_RATE] * 0.2)
    assert transcriber.transcribe(one_sentence) == before
    assert before.segments


def test_progress_rises_to_one(demo_transcript: Transcript, progress: list[float]) -> None:
    assert len(progress) > len(demo_transcript.segments)
    assert progress == sorted(progress)
    assert 0 < progress[0] < progress[-1] == 1


def test_sound_without_speech_has_no_segments(noise: NDArray[np.float32]) -> None:
    for samples in (np.zeros(0, np.float32), np.zeros(SAMPLE_RATE, np.float32), noise[:100], noise * 0.01):
        assert transcribe(samples).segments == ()


@pytest.mark.parametrize("more", [0, 100])
def test_speech_up_to_the_last_sample_is_transcribed(one_sentence: NDArray[np.float32], more: int) -> None:
    """The last step of the voice activity may be complete or not."""
    samples = one_sentence[: len(one_sentence) - 480 + more]
    transcript = transcribe(samples)
    assert "happy" in transcript.text
    assert transcript.segments[-1].end <= len(samples) / SAMPLE_RATE


def test_long_recording_is_read_in_blocks() -> None:
    hum = np.random.default_rng(0).normal(scale=0.001, size=SAMPLE_RATE).astype(np.float32)
    transcriber, peaks = make_transcriber("pocketsphinx"), []
    for minutes in (1, 1, 5):
        tracemalloc.start()
        try:
            transcriber.transcribe(hum for _ in range(minutes * 60))
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[2] < 1.1 * peaks[1]


def test_missing_model_is_reported(monkeypatch: pytest.MonkeyPatch, one_sentence: NDArray[np.float32]) -> None:
    import pocketsphinx

    def fail(**_: object) -> None:
        raise RuntimeError("Failed to initialize PocketSphinx")

    monkeypatch.setattr(pocketsphinx, "Decoder", fail)
    with pytest.raises(TranscriberUnavailable, match="US English model"):
        transcribe(one_sentence)
