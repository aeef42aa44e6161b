"""A made-up week of captures for the monitoring's report: the last two days are not like the five before them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray

from demo.maps import jpeg
from sightline.monitoring import CaptureEvent, write_capture
from sightline.registry import Registry
from sightline.training import POSTURES
from sightline.training.synthetic import pressure_map
from sightline.vision import Limits, decode, load_classifier

__all__ = ["make_up_week"]

_DAYS, _CHANGED = 7, 5
_PER_DAY = 48
_PEOPLE = 9
_NAMES = UUID("5a3d3c0e-2f7b-4d0e-8a2a-2f6f3f2f9d51")
_USUAL = np.full(len(POSTURES), 1 / len(POSTURES))
_WET = np.array([0.1, 0.1, 0.6, 0.1, 0.1])  # more on the back than before, on a mattress that reads too much


def make_up_week(models: Path, captured: Path, folder: Path, *, seed: int) -> datetime:
    """Fill ``folder`` with what was ``captured``, and a week of made-up maps by the current posture model before it.

    Returns the beginning of that week. Whatever was in the folder is replaced.
    """
    shutil.rmtree(folder, ignore_errors=True)
    if captured.exists():
        shutil.copytree(captured, folder)
    classifier = load_classifier(Registry(models), "posture", device="cpu", backend="torch")
    random = np.random.default_rng(seed)
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=_DAYS)
    for day in range(_DAYS):
        maps = list(_maps(random, day, seed))
        pixels = np.stack([decode(data, classifier.input, Limits()).pixels for _, data in maps])
        found = classifier.predict(pixels)
        for hour in range(24):
            at = start + timedelta(days=day, hours=hour)
            chosen = range(hour * len(maps) // 24, (hour + 1) * len(maps) // 24)
            events = (
                CaptureEvent(
                    event_id=uuid5(_NAMES, f"{seed} {day} {place}"),
                    inference_time=at + timedelta(minutes=float(random.uniform(0, 59))),
                    content_type="image/jpeg",
                    data=maps[place][1],
                    probabilities=tuple(found[place].tolist()),
                    uri=f"made-up/{maps[place][0]}",
                    seconds=float(random.lognormal(np.log(0.012), 0.3)),
                )
                for place in chosen
            )
            write_capture(
                folder,
                "posture",
                f"v{classifier.record.version}",
                events,
                at=at,
                file_id=uuid5(_NAMES, f"{day} {hour}"),
            )
    return start


def _maps(random: np.random.Generator, day: int, seed: int) -> Iterator[tuple[str, bytes]]:
    changed = day >= _CHANGED
    for number in range(_PER_DAY):
        posture = POSTURES[random.choice(len(POSTURES), p=_WET if changed else _USUAL)]
        pressure: NDArray[np.float64] = pressure_map(
            posture, int(random.integers(_PEOPLE)), 1_000 * day + number, seed=seed
        )
        if changed:
            pressure = 0.75 * pressure + 0.22 + random.normal(0, 0.06, pressure.shape)
        yield f"day-{day + 1}-{number + 1:02d}-{posture}.jpg", jpeg(pressure)
