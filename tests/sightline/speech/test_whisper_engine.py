import math
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sightline.speech import SAMPLE_RATE, Transcript, make_transcriber

Samples = NDArray[np.float32]


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names passed to whisper.load_model during the test."""
    import whisper

    names: list[str] = []
    load_model = whisper.load_model

    def load(name: str, **options: Any) -> Any:
        names.append(name)
        return load_model(name, **options)

    monkeypatch.setattr(whisper, "load_model", load)
    return names


@pytest.fixture
def unloaded(checkpoint: Path, tmp_path: Path) -> str:
    """The checkpoint under a path from which this process has not loaded it."""
    return str((tmp_path / "fresh.pt").symlink_to(checkpoint) or tmp_path / "fresh.pt")


def patch_whisper(monkeypatch: pytest.MonkeyPatch, *segments: dict[str, Any]) -> list[dict[str, Any]]:
    """Let whisper return these segments; return the options of its calls."""
    import whisper

    calls: list[dict[str, Any]] = []

    def transcribe(model: Any, audio: Samples, **options: Any) -> dict[str, Any]:
        calls.append({"seconds": len(audio) / SAMPLE_RATE, **options})
        return {"segments": list(segments), "language": "en"}

    monkeypatch.setattr(whisper, "transcribe", transcribe)
    return calls


def word(text: str, start: float, end: float, probability: float = 0.5) -> dict[str, Any]:
    return {"word": f" {text}", "start": start, "end": end, "probability": probability}


def segment(start: float, end: float, *words: dict[str, Any], text: str = " hello") -> dict[str, Any]:
    return {"start": start, "end": end, "text": text, "avg_logprob": -0.5, "words": list(words)}


def transcribe(checkpoint: Path, samples: Samples) -> Transcript:
    return make_transcriber("whisper", str(checkpoint)).transcribe(samples)


def test_checkpoint_is_loaded_once_and_needs_no_ffmpeg(
    unloaded: str, noise: Samples, loads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    first, again = (make_transcriber("whisper", unloaded).transcribe(noise) for _ in range(2))
    assert loads == [unloaded]
    assert first == again
    assert (first.text, first.engine, first.model, first.language) == ("John is happy.", "whisper", "fresh.pt", "en")
    (segment,) = first.segments
    assert [word.text for word in segment.words] == ["John", "is", "happy."]
    assert 0 <= segment.start <= segment.words[0].start
    assert segment.words[-1].end <= segment.end <= 3
    assert all(before.end <= after.start for before, after in pairwise(segment.words))
    assert segment.confidence == pytest.approx(1.0, abs=0.01)


def test_threads_share_one_model(unloaded: str, noise: Samples, loads: list[str]) -> None:
    transcriber = make_transcriber("auto", unloaded)
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(transcriber.transcribe, [noise] * 3))
    assert loads == [unloaded]
    assert results == [results[0]] * 3


def test_replaced_checkpoint_is_loaded_again(
    checkpoint: Path, tmp_path: Path, noise: Samples, loads: list[str]
) -> None:
    replaced = tmp_path / "mine.pt"
    for _ in range(2):
        replaced.unlink(missing_ok=True)
        replaced.write_bytes(checkpoint.read_bytes())
        transcribe(replaced, noise)
    assert len(loads) == 2


def test_long_recording_is_transcribed_in_consecutive_pieces(
    noise: Samples, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = patch_whisper(monkeypatch, segment(0.5, 2, word("hello", 0.5, 1)))
    shares: list[float] = []
    transcript = make_transcriber("whisper", str(checkpoint)).transcribe(np.tile(noise, 44), shares.append)
    lengths = [call["seconds"] for call in calls]
    assert sum(lengths) == pytest.approx(132)
    assert len(lengths) == 2
    assert 105 <= lengths[0] <= 120
    assert shares == pytest.approx([lengths[0] / 132, 1])
    assert [segment.start for segment in transcript.segments] == pytest.approx([0.5, lengths[0] + 0.5])
    assert [segment.words[0].end for segment in transcript.segments] == pytest.approx([1, lengths[0] + 1])


def test_silence_is_not_passed_to_whisper(noise: Samples, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = patch_whisper(monkeypatch, segment(0, 1))
    shares: list[float] = []
    for samples in (np.zeros(0, np.float32), np.zeros(SAMPLE_RATE, np.float32), noise * 1e-4):
        assert make_transcriber("whisper", "base").transcribe(samples, shares.append).segments == ()
    assert shares == [1.0] * 3
    assert calls == []
    silent_then_loud = np.concatenate([np.zeros(119 * SAMPLE_RATE, np.float32), noise])
    transcribe(checkpoint, silent_then_loud)
    assert [call["seconds"] < 20 for call in calls] == [True]


def test_segment_inside_silence_is_dropped(noise: Samples, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    patch_whisper(monkeypatch, segment(0.5, 2.5, text=" John is happy."), segment(4, 6, text=" Thank you."))
    samples = np.concatenate([noise, np.zeros(4 * SAMPLE_RATE, np.float32)])
    assert transcribe(checkpoint, samples).text == "John is happy."


def test_times_are_clamped_to_the_sound_and_ordered(
    noise: Samples, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patch_whisper(
        monkeypatch,
        segment(0.5, 1.5, word("one", 0.4, 0.9), word("two", 0.8, 0.7), text=" one two"),
        segment(0.4, 9.0, word("three", 1.4, 9.0), text=" three"),
        segment(8.0, 9.0, word("beyond", 8.0, 9.0), text=" beyond"),
    )
    first, second = transcribe(checkpoint, noise).segments
    assert [(part.start, part.end) for part in first.words] == [(0.5, 0.9), (0.8, 0.8)]
    assert (second.start, second.end, second.words[0].end) == (0.5, 3.0, 3.0)


def test_confidence_is_the_word_mean_or_the_segment_probability(
    noise: Samples, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patch_whisper(monkeypatch, segment(0, 1, word("one", 0, 0.5, 0.5), word("two", 0.5, 1, 1.0)), segment(1, 2))
    confidences = [segment.confidence for segment in transcribe(checkpoint, noise).segments]
    assert confidences == pytest.approx([0.75, math.exp(-0.5)])


def test_whisper_options_on_cpu(noise: Samples, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = patch_whisper(monkeypatch)
    make_transcriber("whisper", str(checkpoint), device="cpu").transcribe(noise)
    (options,) = calls
    assert (options["language"], options["word_timestamps"], options["fp16"]) == ("en", True, False)
    assert options["condition_on_previous_text"] is False
    assert options["hallucination_silence_threshold"] > 0


def test_transcribing_preserves_the_torch_random_state(noise: Samples, checkpoint: Path) -> None:
    import torch

    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    transcribe(checkpoint, noise)
    assert torch.equal(torch.rand(1), expected)


def test_unknown_engine_is_rejected() -> None:
    with pytest.raises(ValueError, match="choose auto, whisper or pocketsphinx"):
        make_transcriber("dragon")  # type: ignore[arg-type]


def test_make_transcriber_loads_nothing(loads: list[str]) -> None:
    assert (make_transcriber().engine, make_transcriber().model) == ("whisper", "base")
    assert make_transcriber("pocketsphinx", "base").model == "en-us"
    assert loads == []
