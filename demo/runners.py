"""Synthetic photos of runners: ordinary ones, and some whose people cannot be ranked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from demo.files import encode_jpeg, write_folder
from sightline.training.ranking import draw_runners, random_runner

__all__ = ["build_photos"]

_ORDINARY = 3
_PEOPLE = 3


def build_photos(folder: Path, *, seed: int) -> Path:
    """Write the photos to the new ``folder``; the file names describe the contents.

    Use another ``seed`` than the training set, so that the people differ. One photo is out of focus, one shows people
    down to the waist only, one shows nobody, and one file is truncated.
    """
    files: dict[str, bytes] = {}
    for number in range(_ORDINARY):
        rng = np.random.default_rng((seed, number))
        runners = [random_runner(rng, label) for label in rng.permutation(["good", "bad", "good"])[:_PEOPLE]]
        files[f"synthetic-finish-{number + 1}.jpg"] = _jpeg(draw_runners(runners, rng))
    rng = np.random.default_rng((seed, _ORDINARY))
    pair = draw_runners([random_runner(rng, "good"), random_runner(rng, "bad")], rng)
    files["synthetic-out-of-focus.jpg"] = _jpeg(_blurred(pair))
    files["synthetic-to-the-waist.jpg"] = _jpeg(pair[: round(0.6 * len(pair))])
    files["synthetic-nobody.jpg"] = _jpeg(draw_runners([random_runner(rng, "bad")], rng)[:, :70])
    files["broken-half.jpg"] = files["synthetic-finish-1.jpg"][:4000]

    return write_folder(folder, files)


def _blurred(photo: Any) -> Any:
    import cv2

    return cv2.GaussianBlur(photo, (0, 0), 3)


def _jpeg(photo: Any) -> bytes:
    return encode_jpeg(photo, quality=92)
