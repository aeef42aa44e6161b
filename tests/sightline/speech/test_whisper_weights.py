import base64
import gzip
import hashlib
import os
import pickle
import socket
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sightline.errors import TranscriberUnavailable
from sightline.speech import make_transcriber

Samples = NDArray[np.float32]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "whisper"


def publish(monkeypatch: pytest.MonkeyPatch, name: str, url: str) -> None:
    """Add a model to whisper's table, with that name and URL."""
    import whisper

    heads = base64.b85encode(gzip.compress(np.ones(2, bool).tobytes()))
    monkeypatch.setitem(whisper._MODELS, name, url)
    monkeypatch.setitem(whisper._ALIGNMENT_HEADS, name, heads)


def write_weights(folder: Path, content: bytes, checksum: str | None = None) -> str:
    """Write a file and return its URL, which contains its checksum like whisper's URLs, or ``checksum``."""
    source = folder / (checksum or hashlib.sha256(content).hexdigest()) / "custom.pt"
    source.parent.mkdir()
    source.write_bytes(content)
    return source.as_uri()


def unreachable_url() -> str:
    """Return a URL that refuses connections."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{closed.getsockname()[1]}/{'0' * 64}/base.pt"


def test_missing_weights_without_network_lists_three_solutions(
    cache: Path, utterance: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(monkeypatch, "base", unreachable_url())
    with pytest.raises(TranscriberUnavailable) as caught:
        make_transcriber("whisper", "base").transcribe(utterance)
    message = str(caught.value)
    assert "(1)" in message
    assert str(cache / "base.pt") in message
    assert "(2) use --transcriber pocketsphinx" in message
    assert "(3) use --transcript FILE" in message
    assert all(form in message for form in ("WebVTT", "SRT", "Whisper JSON"))
    assert list(cache.iterdir()) == []


def test_silence_needs_no_weights(cache: Path, utterance: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, "base", unreachable_url())
    assert make_transcriber("whisper", "base").transcribe(utterance * 0).segments == ()


def test_download_with_wrong_checksum_leaves_no_file(
    cache: Path, tmp_path: Path, utterance: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(monkeypatch, "custom", write_weights(tmp_path, b"incomplete", checksum="0" * 64))
    with pytest.raises(TranscriberUnavailable, match="SHA256"):
        make_transcriber("whisper", "custom").transcribe(utterance)
    assert list(cache.iterdir()) == []


def test_weights_are_downloaded_once_into_the_whisper_cache(
    cache: Path, tmp_path: Path, checkpoint: Path, utterance: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(monkeypatch, "custom", write_weights(tmp_path, checkpoint.read_bytes()))
    assert make_transcriber("whisper", "custom").transcribe(utterance).text == "John is happy."
    assert [path.name for path in cache.iterdir()] == ["custom.pt"]
    assert (cache / "custom.pt").read_bytes() == checkpoint.read_bytes()


def test_weights_copied_into_the_cache_need_no_network(
    cache: Path, checkpoint: Path, utterance: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = checkpoint.read_bytes()
    publish(monkeypatch, "custom", unreachable_url().replace("0" * 64, hashlib.sha256(content).hexdigest()))
    cache.mkdir(parents=True)
    (cache / "base.pt").write_bytes(content)
    assert make_transcriber("whisper", "custom").transcribe(utterance).text == "John is happy."


def test_damaged_weights_are_downloaded_again(
    cache: Path, tmp_path: Path, checkpoint: Path, utterance: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.mkdir(parents=True)
    (cache / "custom.pt").write_bytes(checkpoint.read_bytes()[:1000])
    publish(monkeypatch, "custom", write_weights(tmp_path, checkpoint.read_bytes()))
    assert make_transcriber("whisper", "custom").transcribe(utterance).text == "John is happy."


def test_unwritable_cache_is_reported(
    tmp_path: Path, cache: Path, utterance: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.parent.write_text("a file where the folder should be")
    publish(monkeypatch, "base", write_weights(tmp_path, b""))
    with pytest.raises(TranscriberUnavailable, match="three solutions"):
        make_transcriber("whisper", "base").transcribe(utterance)


def test_unknown_model_is_rejected_with_the_valid_names(cache: Path, utterance: Samples) -> None:
    with pytest.raises(TranscriberUnavailable, match=r"bsae.*Use one of tiny\.en, .* or the path"):
        make_transcriber("whisper", "bsae").transcribe(utterance)


class _Payload:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.trace),)


def test_checkpoint_cannot_run_code(tmp_path: Path, utterance: Samples) -> None:
    import torch

    trace = tmp_path / "was-here"
    torch.save({"dims": {}, "model_state_dict": _Payload(trace)}, tmp_path / "evil.pt")
    (tmp_path / "bare.pt").write_bytes(pickle.dumps(_Payload(trace), protocol=2))
    (tmp_path / "none.pt").write_bytes(b"no checkpoint")
    for name in ("evil.pt", "bare.pt", "none.pt"):
        with pytest.raises(TranscriberUnavailable, match=f"{name}: whisper could not load it on cpu"):
            make_transcriber("whisper", str(tmp_path / name), device="cpu").transcribe(utterance)
    assert not trace.exists()
