"""Precision of the English emotion words, on sentences that people have labelled.

python -m benchmarks.emotion_words FOLDER [TABLE]

FOLDER holds GoEmotions (Demszky et al. 2020, Apache 2.0): labels.txt and the .tsv files of its splits, which
https://github.com/google-research/google-research/tree/master/goemotions has. TABLE is another keyword table. Of the
sentences in which an emotion is asserted of anybody, the share is printed that has a label of this emotion. The
sentences are from an Internet forum, and often have several labels or an ironic one.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from sightline.emotion import Keywords, find_emotions, load_keywords
from sightline.speech import Segment, Transcript

LABELS = {
    "happy": {"joy", "excitement"},
    "sad": {"sadness", "grief", "disappointment"},
    "surprised": {"surprise"},
    "angry": {"anger", "annoyance"},
    "afraid": {"fear", "nervousness"},
    "disgusted": {"disgust"},
    "ashamed": {"embarrassment", "remorse"},
    "proud": {"pride"},
    "grateful": {"gratitude"},
    "confused": {"confusion"},
}
"""The labels that state an emotion of the tables; the other emotions have none in GoEmotions."""


def main() -> None:
    """Print the number of sentences and the precision, by emotion and for all emotions of the table."""
    folder = Path(sys.argv[1])
    table = load_keywords(Path(sys.argv[2]) if len(sys.argv) > 2 else None)
    found, right = Counter[str](), Counter[str]()
    for text, labels in _sentences(folder, table):
        for emotion in _asserted(text, table) & LABELS.keys():
            found[emotion] += 1
            right[emotion] += bool(labels & LABELS[emotion])
    for emotion in found:
        print(f"{emotion:10} {found[emotion]:5}  {right[emotion] / found[emotion]:.2f}")
    for name, emotions in (("labels", table.emotions), ("others", table.others)):
        total = sum(found[emotion] for emotion in emotions)
        if total:
            print(f"{name:10} {total:5}  {sum(right[emotion] for emotion in emotions) / total:.3f}")


def _sentences(folder: Path, table: Keywords) -> Iterator[tuple[str, set[str]]]:
    """Yield the sentences with a word of the table, and their labels."""
    names = (folder / "labels.txt").read_text("utf-8").split()
    words = [word for group in (table.emotions, table.others) for listed in group.values() for word in listed]
    pattern = re.compile("|".join(map(re.escape, words)), re.IGNORECASE)
    for file in sorted(folder.glob("*.tsv")):
        for line in file.read_text("utf-8").splitlines():
            text, numbers, *_ = line.split("\t")
            if pattern.search(text):
                yield text, {names[int(number)] for number in numbers.split(",")}


def _asserted(text: str, table: Keywords) -> set[str]:
    segment = Segment(start=0, end=4, text=text)
    transcript = Transcript(segments=(segment,), engine="file", model="none", language="en")
    return {hit.emotion for hit in find_emotions(transcript, 5.0, table).hits}


if __name__ == "__main__":
    main()
