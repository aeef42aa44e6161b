"""Who speaks when, on composed dialogues. Run by ``python -m benchmarks.speakers --packages FOLDER``.

The voices are of nine real people and of ten synthesizers (:mod:`benchmarks._voices`); the dialogues of one, two and
three of them are a minute long, every third one with white noise at 20 dB. From one run:

- the diarization error rate (collar 0.25 s, best mapping of the speakers). Target for two voices: .15;
- how often the number of voices is right, and how often one voice is split in two;
- how often "I am sad", said by the other voice of a dialogue, labels the patient: 0. The transcript has the true words,
  in segments of two utterances. The patient says their name, or the user states their voice, or nothing tells it;
- the same if the patient says one sentence only, and nothing tells their voice: the other voice must not be taken for
  the only one;
- the processor seconds and the peak memory of an hour.

The limits of ``sightline.speech.speakers`` were chosen on dialogues of the same voices with other seeds.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks._dialogues import STEP, Dialogue, compose, error_rate
from benchmarks._voices import RATE, Samples, voices
from sightline.emotion import PatientNames, VoicesUsed, find_emotions
from sightline.speech import (
    Segment,
    Speakers,
    Transcript,
    Word,
    assign_speakers,
    find_speakers,
    speech_activity,
)
from sightline.speech.speakers import TURN_STEP

OUT = Path(__file__).parent / "out"
TARGET = 0.15
COUNTS = {1: 10, 2: 30, 3: 10}
"""Dialogues by the number of voices."""
SEED = 20_000
NAMES = PatientNames(theirs=("Ana",))


def main() -> None:
    """Measure, print the figures, and write them to ``benchmarks/out/speakers.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=Path, required=True, help="the folder with the unpacked packages")
    options = parser.parse_args()
    known = voices(options.packages)
    figures: dict[str, object] = {}
    told: Counter[str] = Counter()
    for count, number in COUNTS.items():
        rates, found = [], []
        for dialogue in _dialogues(known, count, number):
            speakers = _find([dialogue.samples])
            rates.append(error_rate(dialogue.truth, _on_steps(speakers, len(dialogue.truth))))
            found.append(len(speakers.voices))
            if count == 2:
                told.update(_told(dialogue, speakers))
        missed, false, confused = np.mean(rates, axis=0)
        total = float(np.sum(rates, axis=1).mean())
        target = f" (target {TARGET})" if count == 2 else ""
        print(f"{count} voices, {number} dialogues: error rate {total:.3f}{target}, worst", end=" ")
        print(f"{np.sum(rates, axis=1).max():.3f}; missed {missed:.3f}, false {false:.3f}, confused", end=" ")
        print(f"{confused:.3f}; voices found: {dict(Counter(found))}", flush=True)
        figures[str(count)] = {"error_rate": total, "rates": np.round(rates, 4).tolist(), "voices": found}
    for name in sorted(told):
        print(f"{name}: {told[name]}", flush=True)
    figures["statements"] = dict(told)
    figures["brief"] = _brief_patients(known)
    figures["hour"] = _hour(known)
    OUT.mkdir(exist_ok=True)
    (OUT / "speakers.json").write_text(json.dumps(figures, indent=2))


def _dialogues(known: dict[str, tuple[Samples, ...]], count: int, number: int) -> Iterator[Dialogue]:
    choice = random.Random(SEED + count)
    for index in range(number):
        # Espeak-ng's variants are one voice with other formants.
        names = choice.sample([name for name in known if "espeak" not in name], count - 1)
        names.append(choice.choice([name for name in known if name not in names]))
        yield compose(known, names, SEED + 100 * count + index, noise=20 if index % 3 == 2 else None)


def _find(blocks: list[Samples]) -> Speakers:
    return find_speakers(blocks, speech_activity(blocks))


def _on_steps(speakers: Speakers, count: int) -> np.ndarray[tuple[int], np.dtype[np.int_]]:
    found = np.repeat(speakers.turns, round(TURN_STEP / STEP))[:count]
    return np.pad(found, (0, count - len(found)))


def _told(dialogue: Dialogue, speakers: Speakers) -> Counter[str]:
    """Return how many statements of each voice label the patient, who is the first voice."""
    told: Counter[str] = Counter()
    for way in ("named", "given", "unknown"):
        pairs = [dialogue.said[index : index + 2] for index in range(0, len(dialogue.said), 2)]
        segments = [_segment(pair, way, is_first=index == 0) for index, pair in enumerate(pairs)]
        transcript = Transcript(segments=tuple(segments), language="en", engine="file", model="composed")
        assigned = assign_speakers(transcript, speakers)
        theirs = _on_steps(speakers, len(dialogue.truth))[dialogue.truth == 1]
        given = int(np.bincount(theirs, minlength=2)[1:].argmax()) + 1
        used = VoicesUsed(heard=speakers.voices, given=given if way == "given" and speakers.voices else None)
        duration = len(dialogue.samples) / RATE
        hits = find_emotions(assigned, duration, names=NAMES, voices=used).hits
        for hit in hits:
            who = "carer" if hit.word == "sad" else "patient"
            told[f"{way}: statements of the {who}"] += 1
            told[f"{way}: of the {who}, counted for the patient"] += hit.about == "patient"
    return told


def _brief_patients(known: dict[str, tuple[Samples, ...]]) -> dict[str, int]:
    """Measure dialogues in which the first voice, the patient's, says its first utterance only."""
    found = []
    told: Counter[str] = Counter()
    for dialogue in _dialogues(known, 2, COUNTS[2] // 3):
        samples, truth = dialogue.samples.copy(), dialogue.truth.copy()
        hers = [span for span in dialogue.said if span[2] == 1]
        for start, end, _ in hers[1:]:
            samples[round(start * RATE) : round(end * RATE)] = 0
            truth[round(start / STEP) : round(end / STEP)] = 0
        said = tuple(span for span in dialogue.said if span not in hers[1:])
        brief = dialogue._replace(samples=samples, truth=truth, said=said)
        speakers = _find([brief.samples])
        found.append(len(speakers.voices))
        told.update(_told(brief, speakers))
    name = "unknown: of the carer, counted for the patient"
    print(f"the patient says one sentence: voices found: {dict(Counter(found))}; {name}: {told[name]}", flush=True)
    return {"found": sum(count > 1 for count in found), "dialogues": len(found), "counted": told[name]}


def _segment(pair: tuple[tuple[float, float, int], ...], way: str, *, is_first: bool) -> Segment:
    words: list[Word] = []
    for index, (start, end, speaker) in enumerate(pair):
        text = "I am happy." if speaker == 1 else "I am sad."
        if is_first and index == 0 and way == "named":
            text = "My name is Ana."
        parts = text.split()
        length = (end - start) / len(parts)
        words += [
            Word(text=part, start=start + i * length, end=start + (i + 1) * length) for i, part in enumerate(parts)
        ]
    return Segment(start=pair[0][0], end=pair[-1][1], text=" ".join(word.text for word in words), words=tuple(words))


def _hour(known: dict[str, tuple[Samples, ...]]) -> dict[str, float]:
    dialogues = [dialogue.samples for dialogue in _dialogues(known, 2, 10)]
    times = -(-3600 * RATE // sum(map(len, dialogues)))
    blocks = dialogues * times
    seconds = sum(map(len, blocks)) / RATE
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    _find(blocks)
    used = time.process_time() - start
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"{seconds:.0f} s of speech: {used:.0f} processor seconds, {grown:.0f} MiB more than a minute")
    return {"seconds": seconds, "processor_seconds": used, "mib": grown}


if __name__ == "__main__":
    main()
