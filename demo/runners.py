"""Photos of made-up runners to rank: plain ones, and some that show why a person is left out."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from sightline.training.ranking import draw_runners, random_runner

__all__ = ["build_photos"]

_PLAIN = 3
_PEOPLE = 3


def build_photos(folder: Path, *, seed: int) -> Path:
    """Fill ``folder``, which must not be there yet, and tell by each file's name what is in it.

    Another ``seed`` than that of the training set makes other people. One photo is out of focus, one shows people down
    to the waist, one nobody, and one file breaks off.
    """
    files: dict[str, bytes] = {}
    for number in range(_PLAIN):
        rng = np.random.default_rng((seed, number))
        runners = [random_runner(rng, label) for label in rng.permutation(["good", "bad", "good"])[:_PEOPLE]]
        files[f"synthetic-finish-{number + 1}.jpg"] = _jpeg(draw_runners(runners, rng))
    rng = np.random.default_rng((seed, _PLAIN))
    pair = draw_runners([random_runner(rng, "good"), random_runner(rng, "bad")], rng)
    files["synthetic-out-of-focus.jpg"] = _jpeg(_blurred(pair))
    files["synthetic-to-the-waist.jpg"] = _jpeg(pair[: round(0.6 * len(pair))])
    files["synthetic-nobody.jpg"] = _jpeg(draw_runners([random_runner(rng, "bad")], rng)[:, :70])
    files["broken-half.jpg"] = files["synthetic-finish-1.jpg"][:4000]

    made = folder.with_name(f"{folder.name}.part")
    made.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (made / name).write_bytes(data)
    return made.rename(folder)


def _blurred(photo: Any) -> Any:
    import cv2

    return cv2.GaussianBlur(photo, (0, 0), 3)


def _jpeg(photo: Any) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(photo).save(file, "JPEG", quality=92)
    return file.getvalue()
