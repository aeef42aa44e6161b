"""Captions that show the same words several times: rolling, growing and highlighted captions, as speech said once.

Rolling captions repeat the line above the new one. Growing captions repeat the line, longer by a word. Highlighted
captions repeat the text once per word, with that word emphasised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from sightline.speech.cues import Cue
from sightline.speech.transcript import Segment, Word

# Seconds. Captions of one utterance follow each other without a pause; rounding leaves some hundredths of a second.
_TOUCHING = 0.1

# Seconds. The automatic captions of the largest video site show a line for 10 ms before it moves up.
_FLASH = 0.05

# Lines that are compared; captions have at most four.
_MOST_LINES = 10

# Nobody speaks faster, in characters per second; fast speech has about 20. A cue that is shorter is shown again.
_FASTEST_SPEECH = 25.0

# A file is growing if this share of its cues grows. Fewer are coincidences: "No." and then "No. Not today."
_GROWING = 1 / 3


@dataclass(slots=True)
class _Utterance:
    start: float
    end: float
    lines: list[str]
    words: list[Word]
    highlighted: int | None = None

    def add_highlight(self, cue: Cue) -> None:
        if cue.highlight:
            self.highlighted, text = cue.highlight
            self.words.append(Word(text=text, start=cue.start, end=cue.end))


def merge_repeats(cues: Sequence[Cue]) -> list[Segment]:
    """Return one segment per utterance; its start is the first time that its words are displayed.

    ``cues`` are sorted by start and have text. The same sentence after a pause is another utterance. So is one that
    follows at once, if both cues are long enough to be spoken and the file is not rolling.
    """
    rolling, growing = _is_rolling(cues), _is_growing(cues)
    utterances: list[_Utterance] = []
    shown: Cue | None = None
    for cue in cues:
        carried = _count_carried(shown, cue) if shown and (rolling or _touch(shown, cue)) else 0
        if shown and growing and _grows(shown, cue):
            utterances[-1].lines[-1] = cue.lines[-1]
            utterances[-1].end = cue.end
        elif shown and carried == len(cue.lines) and _is_repeat(shown, cue, utterances[-1], rolling):
            utterances[-1].end = max(utterances[-1].end, cue.end)
            utterances[-1].add_highlight(cue)
        else:
            first = carried % len(cue.lines)
            words = [word for line in cue.words[first:] for word in line]
            utterances.append(_Utterance(cue.start, cue.end, list(cue.lines[first:]), words))
            utterances[-1].add_highlight(cue)
        shown = cue
    return [
        Segment(start=part.start, end=part.end, text=" ".join(part.lines), words=tuple(part.words))
        for part in utterances
    ]


def _touch(before: Cue, after: Cue) -> bool:
    return after.start - before.end <= _TOUCHING


def _count_carried(before: Cue, after: Cue) -> int:
    """Return the number of lines at the top of ``after`` that are the last lines of ``before``."""
    if before.lines == after.lines and not any(after.words):
        return len(after.lines)
    longest = min(len(before.lines), len(after.lines), _MOST_LINES)
    if any(after.words):
        # A line with word times is spoken now.
        longest = min(longest, next(index for index, words in enumerate(after.words) if words))
    return next((count for count in range(longest, 0, -1) if before.lines[-count:] == after.lines[:count]), 0)


def _grows(before: Cue, after: Cue) -> bool:
    return (
        _touch(before, after)
        and before.lines[:-1] == after.lines[:-1]
        and after.lines[-1].startswith(before.lines[-1] + " ")
    )


def _is_rolling(cues: Sequence[Cue]) -> bool:
    pairs = [(before, after) for before, after in pairwise(cues) if _touch(before, after)]
    carried = [(_count_carried(before, after), after) for before, after in pairs]
    rolls = [after for count, after in carried if 0 < count < len(after.lines)]
    flashes = [after for count, after in carried if count == len(after.lines) and after.end - after.start <= _FLASH]
    return len(rolls) > 1 or bool(flashes) or any(any(cue.words) for cue in rolls)


def _is_growing(cues: Sequence[Cue]) -> bool:
    grown = sum(_grows(before, after) for before, after in pairwise(cues))
    return grown > 1 and grown >= _GROWING * len(cues)


def _is_repeat(shown: Cue, cue: Cue, utterance: _Utterance, rolling: bool) -> bool:
    """Return whether ``cue``, which has no new line, displays the same utterance again."""
    if not _touch(shown, cue):
        return False
    if utterance.highlighted is not None and cue.highlight:
        return cue.highlight[0] > utterance.highlighted
    if rolling or utterance.highlighted is not None or cue.highlight or cue.start < shown.end - _TOUCHING:
        return True
    shortest = min(shown.end - shown.start, cue.end - cue.start)
    return shortest * _FASTEST_SPEECH < len(cue.text)
