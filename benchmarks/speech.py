"""The recognition of speech by each engine, and its cost. Run by ``make bench``.

With Whisper's real weights, in one run, in parts that can be chosen:

- ``words``: the word error rate on a recording and on synthesized sentences, clean and with noise at 20, 10 and 5 dB.
- ``names``: rare names that are spelled right, without and with hot words.
- ``invented``: the words in ten minutes each of silence, noise, a tone, music, a fan and beeps. Target: 0.
- ``timing``: the error of the starts and ends of words that were synthesized one by one. Target: median 100 ms.
- ``cost``: processor seconds relative to the library called directly on the same sound (target 1.1), and those of
  openai-whisper relative to faster-whisper.
- ``memory``: the peak memory of an hour relative to five minutes. Target: 1.2.

It needs flite and espeak-ng, and a folder with ``whisper-base``, ``whisper-tiny.en``, ``base.pt`` and ``tiny.en.pt``:
by default $SIGHTLINE_TEST_WEIGHTS, or ``sightline-tests`` in the user's cache, which the tests fill.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._sounds import (
    Samples,
    Spoken,
    load_sound,
    noisy,
    separate_words,
    spoken_sentences,
    synthesize,
    without_speech,
)  # fmt: skip
from sightline.speech import SAMPLE_RATE, Transcriber, make_transcriber

OUT = Path(__file__).parent / "out"
PARTS = ("words", "names", "invented", "timing", "cost", "memory")
NAMES = {"Saoirse": "seersha", "Xochitl": "so cheel", "Siobhan": "shivawn", "Nguyen": "nwinn"}
"""Names, and how the synthesizer is made to say them."""
_SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
_RECORDING = Path(os.environ.get("SIGHTLINE_SHARED_DATA", _SHARED)) / "speech" / "jfk.flac"
_SAID = "And so, my fellow Americans, ask not what your country can do for you, ask what you can do for your country."
_BLOCK = 10  # seconds


def main() -> None:
    """Measure, print the tables, and write the figures to ``benchmarks/out/speech.json``."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--parts", nargs="*", choices=PARTS, default=list(PARTS))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sightline-tests"
    weights = Path(os.environ.get("SIGHTLINE_TEST_WEIGHTS", cache))
    arguments.add_argument("--weights", type=Path, default=weights)
    arguments.add_argument("--sentences", type=int, default=12, help="fewer are faster")
    arguments.add_argument("--rounds", type=int, default=3, help="of the cost")
    arguments.add_argument("--minutes", type=int, default=60, help="of the long sound for the memory")
    arguments.add_argument("--child", type=float, help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if not (options.weights / "base.pt").exists():
        sys.exit(f"{options.weights}: Whisper's weights are missing; name their folder with --weights")
    if options.child:
        print(json.dumps(_peak_memory(options.weights, options.child)))
        return
    OUT.mkdir(exist_ok=True)
    path = OUT / "speech.json"
    figures: dict[str, Any] = json.loads(path.read_bytes()) if path.exists() else {}
    measures: dict[str, Callable[[argparse.Namespace], Any]] = {
        "words": _measure_words, "names": _measure_names, "invented": _measure_invented, "timing": _measure_timing,
        "cost": _measure_cost, "memory": _measure_memory,
    }  # fmt: skip
    for part in options.parts:
        print(f"\n{part}", flush=True)
        figures[part] = measures[part](options)
        path.write_text(json.dumps(figures, indent=2))


def _engines(weights: Path) -> Iterator[tuple[str, Transcriber]]:
    yield "faster-whisper base", make_transcriber("faster-whisper", str(weights / "whisper-base"))
    yield "faster-whisper tiny.en", make_transcriber("faster-whisper", str(weights / "whisper-tiny.en"))
    yield "whisper base", make_transcriber("whisper", str(weights / "base.pt"))
    yield "pocketsphinx", make_transcriber("pocketsphinx")


def _measure_words(options: argparse.Namespace) -> dict[str, dict[str, float]]:
    sounds = {"recording": Spoken(load_sound(_RECORDING), _SAID)}
    for voice in ("flite", "espeak"):
        sounds[voice] = clean = spoken_sentences(voice, options.sentences)
        for decibels in (20, 10, 5):
            sounds[f"{voice} {decibels} dB"] = Spoken(noisy(clean.samples, decibels), clean.words)
    rates: dict[str, dict[str, float]] = {}
    for name, engine in _engines(options.weights):
        texts = {sound: engine.transcribe(spoken.samples).text for sound, spoken in sounds.items()}
        rates[name] = {sound: _error_rate(spoken.words, texts[sound]) for sound, spoken in sounds.items()}
        print(f"  {name:24}", *(f"{sound} {rate:.3f} " for sound, rate in rates[name].items()), flush=True)
    return rates


def _normal_words(text: str) -> list[str]:
    from whisper.normalizers import EnglishTextNormalizer

    return str(EnglishTextNormalizer()(text)).split()


def _error_rate(said: str, heard: str) -> float:
    """Return Levenshtein's distance of the words, as a share of the words said."""
    reference, words = _normal_words(said), _normal_words(heard)
    distances = np.arange(len(words) + 1)
    for row, expected in enumerate(reference, start=1):
        before, distances = distances, np.full(len(words) + 1, row)
        for column, word in enumerate(words, start=1):
            changed = before[column - 1] + (word != expected)
            distances[column] = min(before[column] + 1, distances[column - 1] + 1, changed)
    return float(distances[-1] / len(reference))


def _measure_names(options: argparse.Namespace) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    models = {"faster-whisper": "whisper-base", "whisper": "base.pt"}
    sounds = {
        (name, voice): synthesize(f"Good morning, {sound}. I am happy that {sound} is here.", voice)
        for name, sound in NAMES.items()
        for voice in ("flite", "espeak")
    }
    for engine, model in models.items():
        found[engine] = {}
        for kind, hot_words in (("without hot words", ()), ("with hot words", tuple(NAMES))):
            path = str(options.weights / model)
            transcriber = make_transcriber(engine, path, language="en", hot_words=hot_words)  # type: ignore[arg-type]
            right = [transcriber.transcribe(sound).text.count(name) for (name, _), sound in sounds.items()]
            found[engine][kind] = sum(min(count, 2) for count in right) / (2 * len(right))
            print(f"  {engine} {kind}: {found[engine][kind]:.2f} of the names are spelled right", flush=True)
    return found


def _measure_invented(options: argparse.Namespace) -> dict[str, dict[str, int]]:
    words: dict[str, dict[str, int]] = {}
    for name, engine in _engines(options.weights):
        words[name] = {kind: len(engine.transcribe(samples).text.split()) for kind, samples in without_speech(10 * 60)}
        print(f"  {name:24}", *(f"{kind} {count} " for kind, count in words[name].items()), flush=True)
    return words


def _measure_timing(options: argparse.Namespace) -> dict[str, dict[str, float]]:
    spoken = separate_words(options.sentences)
    said = [_plain(word) for word in spoken.words.split()]
    errors: dict[str, dict[str, float]] = {}
    for name, engine in _engines(options.weights):
        words = [word for segment in engine.transcribe(spoken.samples).segments for word in segment.words]
        matcher = difflib.SequenceMatcher(None, said, [_plain(word.text) for word in words], autojunk=False)
        pairs = [
            (spoken.times[block.a + index], words[block.b + index])
            for block in matcher.get_matching_blocks()
            for index in range(block.size)
        ]
        distances = [
            abs(known - found)
            for times, word in pairs
            for known, found in zip(times, (word.start, word.end), strict=True)
        ]
        errors[name] = {
            "words": len(pairs) / len(said),
            "median": statistics.median(distances),
            "ninth decile": statistics.quantiles(distances, n=10)[-1],
        }
        figures = errors[name]
        print(
            f"  {name:24} {figures['words']:.0%} of {len(said)} words found; error of their starts and ends: "
            f"median {1000 * figures['median']:.0f} ms, ninth decile {1000 * figures['ninth decile']:.0f} ms",
            flush=True,
        )
    return errors


def _plain(word: str) -> str:
    return word.strip(".,?!").lower()


def _measure_cost(options: argparse.Namespace) -> dict[str, float]:
    import whisper
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    sound = np.concatenate([spoken_sentences(voice, options.sentences).samples for voice in ("flite", "espeak")])
    converted, checkpoint = str(options.weights / "whisper-base"), str(options.weights / "base.pt")
    fast, slow = WhisperModel(converted, device="cpu", compute_type="int8"), whisper.load_model(checkpoint, "cpu")

    def faster_whisper() -> None:
        segments, _ = BatchedInferencePipeline(fast).transcribe(sound, word_timestamps=True)
        list(segments)

    works: dict[str, Callable[[], object]] = {
        "ours on faster-whisper": lambda: make_transcriber("faster-whisper", converted).transcribe(sound),
        "faster-whisper": faster_whisper,
        "ours on whisper": lambda: make_transcriber("whisper", checkpoint).transcribe(sound),
        "whisper": lambda: whisper.transcribe(slow, sound, word_timestamps=True, fp16=False),
    }
    works["ours on faster-whisper"](), works["ours on whisper"]()  # the first calls load the models
    rounds = [{name: _processor_seconds(work) for name, work in works.items()} for _ in range(options.rounds)]
    ratios = {
        f"{name} over {other}": statistics.median(seconds[name] / seconds[other] for seconds in rounds)
        for name, other in (
            ("ours on faster-whisper", "faster-whisper"),
            ("ours on whisper", "whisper"),
            ("ours on whisper", "ours on faster-whisper"),
        )
    }
    for name in works:
        seconds = statistics.median(figures[name] for figures in rounds)
        print(f"  {name}: {60 * seconds / (len(sound) / SAMPLE_RATE):.1f} processor seconds for 60 s")
    for pair, ratio in ratios.items():
        print(f"  {pair}: {ratio:.2f}", flush=True)
    return ratios


def _processor_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _measure_memory(options: argparse.Namespace) -> dict[str, float]:
    peaks = {}
    for minutes in (5, options.minutes):
        command = [sys.executable, "-m", "benchmarks.speech", "--weights", options.weights, "--child", str(minutes)]
        result = subprocess.run(command, check=True, stdout=subprocess.PIPE)
        peaks[minutes] = float(json.loads(result.stdout))
        print(f"  {minutes} minutes: peak memory {peaks[minutes]:.0f} MiB", flush=True)
    print(f"  ratio: {peaks[options.minutes] / peaks[5]:.2f} (target 1.2)", flush=True)
    return {**{str(minutes): peak for minutes, peak in peaks.items()}, "ratio": peaks[options.minutes] / peaks[5]}


def _peak_memory(weights: Path, minutes: float) -> float:
    """Return the peak memory in MiB of the transcription of sentences that repeat."""
    speech = spoken_sentences("flite", 6).samples
    seconds = 60 * minutes
    engine = make_transcriber("faster-whisper", str(weights / "whisper-tiny.en"))
    engine.transcribe(_repeated(speech, seconds), seconds=seconds)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 2**20)


def _repeated(speech: Samples, seconds: float) -> Iterator[Samples]:
    for start in range(0, round(seconds * SAMPLE_RATE), _BLOCK * SAMPLE_RATE):
        yield speech.take(range(start, start + _BLOCK * SAMPLE_RATE), mode="wrap")


if __name__ == "__main__":
    main()
