"""A Whisper checkpoint that always transcribes one sentence, and test sound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

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
