from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sightline.speech import Transcript, make_transcriber

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


def patch_whisper(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Let whisper hear nothing; return the options of its calls."""
    import whisper

    calls: list[dict[str, Any]] = []

    def transcribe(model: Any, audio: Samples, **options: Any) -> dict[str, Any]:
        calls.append(options)
        return {"segments": [], "language": "en"}

    monkeypatch.setattr(whisper, "transcribe", transcribe)
    return calls


def transcribe(checkpoint: Path, samples: Samples) -> Transcript:
    return make_transcriber("whisper", str(checkpoint), language="en").transcribe(samples)


def test_checkpoint_is_loaded_once_and_needs_no_ffmpeg(
    unloaded: str, utterance: Samples, loads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    first, again = (make_transcriber("whisper", unloaded, language="en").transcribe(utterance) for _ in range(2))
    assert loads == [unloaded]
    assert first == again
    assert (first.text, first.engine, first.model, first.language) == ("John is happy.", "whisper", "fresh.pt", "en")
    (segment,) = first.segments
    assert [word.text for word in segment.words] == ["John", "is", "happy."]
    assert 0 <= segment.start <= segment.words[0].start
    assert segment.words[0].start >= 0.5
    assert segment.words[-1].end <= segment.end <= 2.5
    assert all(before.end <= after.start for before, after in pairwise(segment.words))
    assert segment.confidence == pytest.approx(1.0, abs=0.01)


def test_threads_share_one_model(unloaded: str, utterance: Samples, loads: list[str]) -> None:
    transcriber = make_transcriber("auto", unloaded, language="en")
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(transcriber.transcribe, [utterance] * 3))
    assert loads == [unloaded]
    assert results == [results[0]] * 3


def test_replaced_checkpoint_is_loaded_again(
    checkpoint: Path, tmp_path: Path, utterance: Samples, loads: list[str]
) -> None:
    replaced = tmp_path / "mine.pt"
    for _ in range(2):
        replaced.unlink(missing_ok=True)
        replaced.write_bytes(checkpoint.read_bytes())
        transcribe(replaced, utterance)
    assert len(loads) == 2


def test_whisper_options_on_cpu(utterance: Samples, checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = patch_whisper(monkeypatch)
    options: dict[str, Any] = {
        "language": "german", "hot_words": ["Xochitl", "Ana"], "translate_except": frozenset({"de"}),
    }  # fmt: skip
    make_transcriber("whisper", str(checkpoint), device="cpu", **options).transcribe(utterance)
    (options,) = calls
    assert (options["language"], options["task"], options["initial_prompt"]) == ("de", "transcribe", "Xochitl, Ana")
    assert (options["word_timestamps"], options["condition_on_previous_text"], options["fp16"]) == (True, False, False)


def test_transcribing_preserves_the_torch_random_state(utterance: Samples, checkpoint: Path) -> None:
    import torch

    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    transcribe(checkpoint, utterance)
    assert torch.equal(torch.rand(1), expected)
