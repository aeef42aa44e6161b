"""A synthetic week of captures for the monitoring report, with drift in the last two days."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray

from demo.maps import MODEL, jpeg
from sightline.monitoring import CaptureEvent, write_capture
from sightline.registry import Registry
from sightline.training.images import POSTURES
from sightline.training.images.synthetic import pressure_map
from sightline.vision import Limits, decode, load_classifier

__all__ = ["write_synthetic_week"]

_DAYS, _DRIFT_DAY = 7, 5
_PER_DAY = 48
_PEOPLE = 9
_NAMESPACE = UUID("5a3d3c0e-2f7b-4d0e-8a2a-2f6f3f2f9d51")
_USUAL_SHARES = np.full(len(POSTURES), 1 / len(POSTURES))
_DRIFT_SHARES = np.array([0.1, 0.1, 0.6, 0.1, 0.1])  # more supine maps, and the sensors read too high


def write_synthetic_week(models: Path, captured: Path, folder: Path, *, seed: int) -> datetime:
    """Write the existing captures and a synthetic week of the model :data:`MODEL` to ``folder``.

    Returns the start of the week. Existing content of the folder is replaced.
    """
    shutil.rmtree(folder, ignore_errors=True)
    if captured.exists():
        shutil.copytree(captured, folder)
    classifier = load_classifier(Registry(models), MODEL, device="cpu", backend="torch")
    random = np.random.default_rng(seed)
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=_DAYS)
    for day in range(_DAYS):
        maps = list(_maps(random, day, seed))
        pixels = np.stack([decode(data, classifier.input, Limits()).pixels for _, data in maps])
        probabilities = classifier.predict(pixels)
        for hour in range(24):
            at = start + timedelta(days=day, hours=hour)
            indices = range(hour * len(maps) // 24, (hour + 1) * len(maps) // 24)
            events = (
                CaptureEvent(
                    event_id=uuid5(_NAMESPACE, f"{seed} {day} {index}"),
                    inference_time=at + timedelta(minutes=float(random.uniform(0, 59))),
                    content_type="image/jpeg",
                    data=maps[index][1],
                    probabilities=tuple(probabilities[index].tolist()),
                    uri=f"synthetic/{maps[index][0]}",
                    seconds=float(random.lognormal(np.log(0.012), 0.3)),
                )
                for index in indices
            )
            write_capture(
                folder,
                MODEL,
                f"v{classifier.record.version}",
                events,
                at=at,
                file_id=uuid5(_NAMESPACE, f"{day} {hour}"),
            )
    return start


def _maps(random: np.random.Generator, day: int, seed: int) -> Iterator[tuple[str, bytes]]:
    has_drift = day >= _DRIFT_DAY
    for number in range(_PER_DAY):
        posture = POSTURES[random.choice(len(POSTURES), p=_DRIFT_SHARES if has_drift else _USUAL_SHARES)]
        pressure: NDArray[np.float64] = pressure_map(
            posture, int(random.integers(_PEOPLE)), 1_000 * day + number, seed=seed
        )
        if has_drift:
            pressure = 0.75 * pressure + 0.22 + random.normal(0, 0.06, pressure.shape)
        yield f"day-{day + 1}-{number + 1:02d}-{posture}.jpg", jpeg(pressure)
