"""The frames of a clip, composed and encoded once and then stored."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks._people.clip import Clip, ComposedFrame, PersonTruth, decoded
from benchmarks._people.folder import folder, load, save, version

__all__ = ["COMPOSER", "stored_frames"]

COMPOSER = ("acts", "clip", "composer", "cutouts", "masks", "plan", "scenes", "scripts")
"""The modules whose code decides what a clip shows."""


def stored_frames(name: str, clip: Clip) -> list[ComposedFrame]:
    """Return the frames of a clip, from the folder if they are there."""
    own = f"clip-{name}-{version('benchmarks._people', *COMPOSER)}"
    file, truth = folder() / f"{own}.mp4", load(own)
    if truth is None or not file.exists():
        part = Path(f"{file.with_suffix('')}-{os.getpid()}.part.mp4")
        truth = _packed(clip.write(part))
        part.rename(file)
        save(own, truth)
    people = _unpacked(truth)
    return [ComposedFrame(index, index / clip.rate, rgb, people[index]) for index, rgb in enumerate(decoded(str(file)))]


def _packed(truths: Sequence[Sequence[PersonTruth]]) -> dict[str, NDArray[Any]]:
    """Return each field as an array of frames and people; a box that is None is NaN."""
    nowhere = (np.nan,) * 4
    return {
        "keypoints": np.array([[one.keypoints for one in people] for people in truths]),
        "visible": np.array([[one.visible for one in people] for people in truths]),
        "box": np.array([[one.box or nowhere for one in people] for people in truths]),
        "numbers": np.array([[(one.person, one.share, one.height, one.area) for one in people] for people in truths]),
    }


def _unpacked(arrays: dict[str, NDArray[Any]]) -> list[tuple[PersonTruth, ...]]:
    truths = []
    for frame in zip(*(arrays[name] for name in ("keypoints", "visible", "box", "numbers")), strict=True):
        people = []
        for keypoints, visible, box, (person, share, height, area) in zip(*frame, strict=True):
            seen = None if np.isnan(box[0]) else tuple(box.tolist())
            people.append(PersonTruth(int(person), keypoints, visible, seen, float(share), float(height), float(area)))
        truths.append(tuple(people))
    return truths
