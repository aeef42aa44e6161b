"""Word times of Whisper's small models."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sightline.speech import Engine, Word, make_transcriber
from sightline.speech.alignment import better_aligned


def model_file(version: int, layers: int, width: int) -> bytes:
    """Return a CTranslate2 file with the names and shapes of a Whisper model, and one number each."""

    def text(value: str) -> bytes:
        return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"

    shapes = {"encoder/conv1/weight": (width, 80, 3), "decoder/layer_norm/gamma": (width,)}
    shapes |= {f"decoder/layer_{layer}/ffn/linear_0/bias": (4 * width,) for layer in range(layers)}
    variables = [
        text(name) + struct.pack(f"<B{len(shape)}IBI", len(shape), *shape, 0, 4) + b"\0\0\0\0"
        for name, shape in shapes.items()
    ]
    header = struct.pack("<I", version) + text("WhisperSpec") + struct.pack("<II", 3, len(variables))
    return header + b"".join(variables)


def folder_with(folder: Path, content: bytes) -> Path:
    (folder / "model.bin").write_bytes(content)
    (folder / "tokenizer.json").write_text("{}")
    (folder / "config.json").write_text(json.dumps({"alignment_heads": [[1, 0]], "lang_ids": [1]}))
    return folder


@pytest.mark.parametrize(("layers", "width", "heads"), [(4, 384, 6), (6, 512, 8)])
def test_small_models_use_all_heads_of_the_later_half(tmp_path: Path, layers: int, width: int, heads: int) -> None:
    original = folder_with(tmp_path, model_file(6, layers, width))
    with better_aligned(original) as folder:
        config = json.loads((folder / "config.json").read_bytes())
        assert config["lang_ids"] == [1]
        assert config["alignment_heads"] == [[i, j] for i in range(layers // 2, layers) for j in range(heads)]
        assert {file.name for file in folder.iterdir()} == {file.name for file in original.iterdir()}
    assert json.loads((original / "config.json").read_bytes())["alignment_heads"] == [[1, 0]]


@pytest.mark.parametrize(
    "content",
    [model_file(6, 12, 768), model_file(6, 4, 1280), model_file(5, 6, 512), model_file(6, 6, 512)[:200], b""],
    ids=["small", "turbo", "other format", "truncated", "empty"],
)
def test_other_models_keep_their_heads(tmp_path: Path, content: bytes) -> None:
    original = folder_with(tmp_path, content)
    with better_aligned(original) as folder:
        assert folder == original


def test_engines_place_words_at_the_same_times(
    real_weights: Path, shared_data: Callable[[str], Path], load_sound: Callable[[Path], NDArray[np.float32]]
) -> None:
    sound = load_sound(shared_data("speech/jfk.flac"))

    def words(engine: Engine, model: Path) -> list[Word]:
        transcript = make_transcriber(engine, str(model)).transcribe(sound)
        return [word for segment in transcript.segments for word in segment.words]

    ours, openai = words("faster-whisper", real_weights / "whisper-base"), words("whisper", real_weights / "base.pt")
    assert [word.text for word in ours] == [word.text for word in openai]
    pairs = list(zip(ours, openai, strict=True))
    differences = [abs(a.start - b.start) for a, b in pairs] + [abs(a.end - b.end) for a, b in pairs]
    assert np.median(differences) <= 0.05
