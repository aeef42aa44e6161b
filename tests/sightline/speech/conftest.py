"""A Whisper checkpoint that always transcribes one sentence, and test sound."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import ROOT

DEMO = ROOT / "demo"
SENTENCE = " John is happy."
_SENTENCE_ENDS_AT = 2.0


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Whisper model file with seeded random weights, whose positional embeddings produce the tokens of SENTENCE.

    It has the multilingual model's code and vocabulary, one small encoder and decoder layer, and a short context.
    """
    import torch
    from whisper.model import ModelDimensions, Whisper

    torch.manual_seed(0)
    dimensions = ModelDimensions(
        n_mels=80, n_audio_ctx=1500, n_audio_state=64, n_audio_head=2, n_audio_layer=1,
        n_vocab=51865, n_text_ctx=24, n_text_state=64, n_text_head=2, n_text_layer=1,
    )  # fmt: skip
    model = Whisper(dimensions)
    decoder = model.decoder
    with torch.no_grad():
        # Whisper leaves it uninitialised, because it always loads weights.
        decoder.positional_embedding.zero_()
        for position, token in enumerate(_tokens()):
            decoder.positional_embedding[position] = 20 * decoder.token_embedding.weight[token]
    path = tmp_path_factory.mktemp("whisper") / "one-sentence.pt"
    torch.save({"dims": vars(dimensions), "model_state_dict": model.state_dict()}, path)
    return path


def _tokens() -> list[int]:
    """Return the next token by position: language, task, first timestamp, the sentence, last timestamp, end."""
    from whisper.tokenizer import get_tokenizer

    tokenizer: Any = get_tokenizer(multilingual=True, language="en", task="transcribe")
    begin = tokenizer.timestamp_begin
    words = tokenizer.encode(SENTENCE)
    return [*tokenizer.sot_sequence[1:], begin, *words, begin + round(_SENTENCE_ENDS_AT / 0.02), *[tokenizer.eot] * 4]


@pytest.fixture(scope="session")
def noise() -> NDArray[np.float32]:
    """Three seconds of seeded noise at 16 kHz, not silent."""
    return np.random.default_rng(0).normal(scale=0.1, size=48_000).astype(np.float32)


@pytest.fixture(scope="session")
def real_weights() -> Path:
    """A folder with Whisper's real weights, brought there once by a tool that is not part of the project.

    It contains whisper-base/ and whisper-tiny.en/ for faster-whisper, and base.pt and tiny.en.pt for openai-whisper.
    """
    tool = ROOT.parent / "shared" / "tools" / "real-weights"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sightline-tests"
    folder = Path(os.environ.get("SIGHTLINE_TEST_WEIGHTS") or cache)
    if not tool.exists() and not (folder / "tiny.en.pt").exists():
        pytest.skip("Whisper's real weights are missing; set SIGHTLINE_TEST_WEIGHTS to their folder")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # The checkpoints are written last.
        if not (folder / "tiny.en.pt").exists():
            subprocess.run([sys.executable, tool, folder], check=True, stdout=subprocess.DEVNULL)
    return folder


@pytest.fixture(scope="session")
def utterance(load_sound: Callable[[Path], NDArray[np.float32]]) -> NDArray[np.float32]:
    """Three seconds at 16 kHz with "I think John is happy", from 0.838 s to 2.529 s (demo/speech.vtt)."""
    sentence = load_sound(DEMO / "speech.ogg")[42_240:76_320]
    return np.pad(sentence, (6_960, 6_960))
