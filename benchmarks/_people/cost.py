"""Processor seconds of the tracker of several people, relative to the single-person tracker on the same frames."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

from benchmarks._people.clip import ComposedFrame
from benchmarks._people.composer import compose, single
from benchmarks._people.single_tracker import PoseTracker
from benchmarks._people.trial import track_people

__all__ = ["ratios"]


def ratios(people: int, seeds: Sequence[int]) -> dict[str, float]:
    """Return the medians over the clips: seconds per frame ``before`` and ``after``, and their ``ratio``."""
    figures = []
    for seed in seeds:
        frames = list((single if people == 1 else compose)(seed).frames())
        before, after = _seconds(_track_one, frames), _seconds(track_people, frames)
        figures.append((before, after, after / before))
    names = ("before", "after", "ratio")
    return {name: statistics.median(row[column] for row in figures) for column, name in enumerate(names)}


def _track_one(frames: Sequence[ComposedFrame]) -> None:
    with PoseTracker() as tracker:
        for frame in frames:
            tracker.track(frame.rgb, frame.time)


def _seconds(track: Callable[[Sequence[ComposedFrame]], object], frames: Sequence[ComposedFrame]) -> float:
    """Return the processor seconds per frame."""
    started = time.process_time()
    track(frames)
    return (time.process_time() - started) / len(frames)
