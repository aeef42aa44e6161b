import os
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sightline.errors import TranscriberUnavailable
from sightline.speech import make_transcriber

Samples = NDArray[np.float32]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a hub that refuses connections."""
    from huggingface_hub import constants

    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        hub = f"http://127.0.0.1:{closed.getsockname()[1]}"
    monkeypatch.setattr(constants, "ENDPOINT", hub)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders that faster-whisper loads during the test."""
    import faster_whisper

    folders: list[str] = []
    model = faster_whisper.WhisperModel

    def load(folder: str, *options: Any, **more: Any) -> Any:
        folders.append(folder)
        return model(folder, *options, **more)

    monkeypatch.setattr(faster_whisper, "WhisperModel", load)
    return folders


def snapshot(cache: Path, name: str) -> Path:
    """Make the folder of a named model as the hub's library does, without files."""
    root = cache / f"models--Systran--faster-whisper-{name}"
    (root / "refs").mkdir(parents=True)
    (root / "refs" / "main").write_text("0123abcd")
    (root / "snapshots" / "0123abcd").mkdir(parents=True)
    return root / "snapshots" / "0123abcd"


def assert_three_solutions(cache: Path, utterance: Samples) -> None:
    with pytest.raises(TranscriberUnavailable) as caught:
        make_transcriber("auto", "tiny.en").transcribe(utterance)
    message = str(caught.value)
    assert str(cache / "models--Systran--faster-whisper-tiny.en") in message
    assert "refused" in message
    assert all(part in message for part in ("--whisper-model FOLDER", "(2) use --transcriber pocketsphinx", "(3) use"))


def test_missing_model_without_network_lists_three_solutions(cache: Path, utterance: Samples) -> None:
    assert_three_solutions(cache, utterance)
    assert not list(cache.rglob("*.bin"))


def test_interrupted_download_is_not_taken_for_a_model(cache: Path, utterance: Samples) -> None:
    (snapshot(cache, "tiny.en") / "config.json").write_text("{}")
    assert_three_solutions(cache, utterance)


def test_offline_mode_asks_no_network(cache: Path, utterance: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(TranscriberUnavailable, match="three solutions") as caught:
        make_transcriber("faster-whisper", "tiny.en").transcribe(utterance)
    assert "refused" not in str(caught.value)


def test_sound_without_speech_needs_no_model(cache: Path, utterance: Samples) -> None:
    assert make_transcriber("faster-whisper", "tiny.en").transcribe(utterance * 0).segments == ()


def test_model_in_the_cache_needs_no_network(cache: Path, real_weights: Path, utterance: Samples) -> None:
    folder = snapshot(cache, "tiny.en")
    for file in (real_weights / "whisper-tiny.en").iterdir():
        (folder / file.name).symlink_to(file)
    transcript = make_transcriber("auto", "tiny.en").transcribe(utterance)
    assert "happy" in transcript.text
    assert (transcript.engine, transcript.model) == ("faster-whisper", "tiny.en")


def test_folder_is_loaded_once_and_again_after_a_change(
    real_weights: Path, tmp_path: Path, utterance: Samples, loads: list[str]
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for file in (real_weights / "whisper-tiny.en").iterdir():
        (folder / file.name).symlink_to(file)
    for _ in range(2):
        transcript = make_transcriber("faster-whisper", str(folder)).transcribe(utterance)
    assert len(loads) == 1
    assert transcript.model == "mine"
    config = (folder / "config.json").read_bytes()
    (folder / "config.json").unlink()
    (folder / "config.json").write_bytes(config)
    os.utime(folder / "config.json", ns=(1, 1))
    make_transcriber("faster-whisper", str(folder)).transcribe(utterance)
    assert len(loads) == 2


def test_unknown_model_is_rejected_with_the_valid_names(utterance: Samples) -> None:
    with pytest.raises(TranscriberUnavailable, match=r"bsae.*Use one of tiny\.en, .* or a folder"):
        make_transcriber("faster-whisper", "bsae").transcribe(utterance)


def test_folder_without_a_model_is_reported(tmp_path: Path, utterance: Samples) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(TranscriberUnavailable, match=r"it has no model\.bin, tokenizer\.json"):
        make_transcriber("faster-whisper", str(tmp_path)).transcribe(utterance)


def test_damaged_model_is_reported(tmp_path: Path, utterance: Samples) -> None:
    for name in ("config.json", "model.bin", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(TranscriberUnavailable, match=f"{tmp_path}: faster-whisper could not load"):
        make_transcriber("faster-whisper", str(tmp_path)).transcribe(utterance)
