"""The choice of the engine, and both Whisper engines with real weights."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from sightline.errors import InvalidInput, TranscriberUnavailable
from sightline.speech import SAMPLE_RATE, make_transcriber

Samples = NDArray[np.float32]
Load = Callable[[Path], Samples]
WhisperEngine = Literal["faster-whisper", "whisper"]
MODELS: dict[WhisperEngine, str] = {"faster-whisper": "whisper-{}", "whisper": "{}.pt"}


GERMAN = ("Ich bin heute sehr traurig, weil meine Schwester nicht gekommen ist.", "Guten Morgen, wie geht es dir?")


@pytest.fixture(scope="module")
def jfk(shared_data: Callable[[str], Path], load_sound: Load) -> Samples:
    return load_sound(shared_data("speech/jfk.flac"))


def test_unknown_engine_is_rejected() -> None:
    with pytest.raises(ValueError, match="choose auto, faster-whisper, whisper or pocketsphinx"):
        make_transcriber("dragon")  # type: ignore[arg-type]


def test_auto_is_faster_whisper_or_whisper_for_a_checkpoint(checkpoint: Path, tmp_path: Path) -> None:
    assert (make_transcriber().engine, make_transcriber().model) == ("faster-whisper", "base")
    assert make_transcriber("auto", str(tmp_path)).engine == "faster-whisper"
    assert make_transcriber("auto", str(checkpoint)).engine == "whisper"
    assert make_transcriber("auto", "not-there.pt").engine == "whisper"
    assert make_transcriber("pocketsphinx", "base").model == "en-us"


def test_auto_is_whisper_without_faster_whisper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sightline.speech.transcriber.find_spec", lambda name: None)
    assert make_transcriber("auto").engine == "whisper"
    with pytest.raises(TranscriberUnavailable, match="not installed"):
        make_transcriber("faster-whisper")


def test_model_of_the_other_engine_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(TranscriberUnavailable, match=r"not checkpoints\. Use --transcriber whisper"):
        make_transcriber("faster-whisper", str(checkpoint))
    with pytest.raises(TranscriberUnavailable, match=r"not folders\. Use --transcriber faster-whisper"):
        make_transcriber("whisper", str(tmp_path))


def test_unknown_language_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match=r"'klingon'.*de \(german\)"):
        make_transcriber("auto", language="klingon")


@pytest.mark.parametrize(("engine", "model"), [("auto", "base.en"), ("whisper", "tiny.en"), ("pocketsphinx", "base")])
def test_english_only_models_refuse_other_languages(engine: Literal["auto", "whisper"], model: str) -> None:
    with pytest.raises(InvalidInput, match="English only"):
        make_transcriber(engine, model, language="German")
    make_transcriber(engine, model, language="English")


@pytest.mark.parametrize("engine", MODELS)
def test_real_speech_is_transcribed_with_times(engine: WhisperEngine, real_weights: Path, jfk: Samples) -> None:
    transcriber = make_transcriber(engine, str(real_weights / MODELS[engine].format("tiny.en")))
    shares: list[float] = []
    transcript = transcriber.transcribe(iter(np.array_split(jfk, 7)), shares.append, seconds=11)
    assert "ask not what your country can do for you" in transcript.text.lower().replace(",", "")
    assert (transcript.engine, transcript.language, shares[-1]) == (engine, "en", 1.0)
    words = [word for segment in transcript.segments for word in segment.words]
    # Heard and seen in the waveform.
    spoken = {"fellow": (1.24, 1.6), "americans": (1.6, 2.2), "country": (5.8, 6.3)}
    for text, (start, end) in spoken.items():
        word = next(word for word in words if word.text.strip(",.").lower() == text)
        assert (word.start, word.end) == pytest.approx((start, end), abs=0.25)
    assert transcriber.transcribe(jfk) == transcript


@pytest.mark.parametrize("engine", MODELS)
def test_sound_without_speech_gives_no_words(engine: WhisperEngine, real_weights: Path) -> None:
    random, time = np.random.default_rng(0), np.arange(20 * SAMPLE_RATE) / SAMPLE_RATE
    sounds = [np.zeros_like(time), random.normal(scale=0.1, size=len(time)), 0.2 * np.sin(2765 * time)]
    transcriber = make_transcriber(
        engine, str(real_weights / MODELS[engine].format("tiny.en")), hot_words=["Saoirse", "Xochitl"]
    )
    for sound in sounds:
        assert transcriber.transcribe(sound.astype(np.float32)).segments == ()


def test_each_language_of_a_sound_is_kept_and_translated(
    real_weights: Path, jfk: Samples, load_sound: Load, tmp_path: Path
) -> None:
    if not shutil.which("espeak-ng"):
        pytest.skip("espeak-ng, which speaks the German sentences, is missing")
    pause = np.zeros(SAMPLE_RATE, np.float32)
    parts = [jfk]
    for index, text in enumerate(GERMAN):
        path = tmp_path / f"{index}.wav"
        subprocess.run(["espeak-ng", "-v", "de", "-s", "150", "-w", str(path), text], check=True)
        parts += [pause, load_sound(path)]
    transcript = make_transcriber("faster-whisper", str(real_weights / "whisper-base")).transcribe(
        np.concatenate(parts)
    )
    assert transcript.language == "en"
    english = [segment for segment in transcript.segments if segment.language is None]
    german = [segment for segment in transcript.segments if segment.language == "de"]
    assert "country" in english[-1].text
    assert "traurig" in german[0].text
    assert "Guten Morgen" in german[-1].text
    assert "morning" in (german[-1].translation or "").lower()
    assert {segment.translation for segment in english} == {None}
    assert german[0].start == pytest.approx(len(jfk) / SAMPLE_RATE + 1, abs=0.3)
    given = make_transcriber(
        "faster-whisper", str(real_weights / "whisper-base"), language="de", translate_except=frozenset({"de"})
    )
    transcript = given.transcribe(parts[-1])
    assert (transcript.language, transcript.segments[0].translation) == ("de", None)
