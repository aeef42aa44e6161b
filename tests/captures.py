"""Captures and models that have captured them, for tests of the monitoring."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from sightline.monitoring import CaptureEvent, write_capture
from sightline.registry import ModelRecord, Registry
from sightline.storage import Location
from sightline.training import BASELINE, Baseline
from tests.images import draft


def predictions(random: np.random.Generator, count: int, second: float = 0.5, sure: float = 8.0) -> NDArray[np.float64]:
    """Calibrated probabilities of two classes, shape = (count, 2), ``second``: the share said to be the second one.

    The confidences spread from 0.5 to 1, the more of them near 1 the greater ``sure``.
    """
    confidence = 0.5 + random.beta(sure, 1.5, count) / 2
    said = random.random(count) < second
    return np.where(said[:, None], np.stack([1 - confidence, confidence], 1), np.stack([confidence, 1 - confidence], 1))


def baseline_of(probabilities: NDArray[np.float64], random: np.random.Generator, **more: Any) -> Baseline:
    """A baseline whose labels are as likely as the probabilities say."""
    labels = (random.random(len(probabilities)) < probabilities[:, 1]).astype(np.int64)
    return Baseline(probabilities.astype(np.float32), labels, **more)


def publish_with(registry: Registry, baseline: Baseline | None, name: str = "vehicles", **changes: Any) -> ModelRecord:
    """A model that cannot predict, but has a record and, where there is one, a baseline; it is current."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "readme.txt").write_text("no weights")
        if baseline is not None:
            baseline.save(Path(folder) / BASELINE)
        record = registry.publish(draft(name, **changes), Path(folder))
    registry.promote(name, record.version, metric="accuracy", value=1.0, rival=lambda _: 0.0)
    return record


def capture(
    root: Location,
    rows: Iterable[Sequence[float]],
    start: datetime,
    *,
    span: timedelta = timedelta(hours=1),
    endpoint: str = "vehicles",
    variant: str = "v1",
    images: Sequence[bytes] | None = None,
    per_file: int = 64,
    first_id: int = 0,
) -> None:
    """Capture predictions, spread evenly over ``span`` from ``start`` on."""
    listed = [tuple(map(float, row)) for row in rows]
    for begin in range(0, len(listed), per_file):
        at = [start + span * place / len(listed) for place in range(begin, min(begin + per_file, len(listed)))]
        events = (
            CaptureEvent(
                event_id=UUID(int=first_id + place),
                inference_time=moment,
                content_type="image/png" if images else "text/csv",
                data=images[place] if images else b"1,2",
                probabilities=listed[place],
                uri=f"s3://pictures/{place}.png",
                seconds=0.02,
            )
            for place, moment in zip(range(begin, begin + len(at)), at, strict=True)
        )
        write_capture(root, endpoint, variant, events, at=at[0], file_id=UUID(int=first_id + begin))


def sagemaker_line(event_id: str, data: str, encoding: str = "JSON", **changes: Any) -> str:
    """A line as Model Monitor writes one, with nothing of sightline's."""
    kind = "text/csv" if encoding == "CSV" else "application/json"
    line = {
        "captureData": {
            "endpointInput": {
                "observedContentType": "image/png", "mode": "INPUT", "data": "iVBORw==", "encoding": "BASE64",
            },
            "endpointOutput": {"observedContentType": kind, "mode": "OUTPUT", "data": data, "encoding": encoding},
        },
        "eventMetadata": {"eventId": event_id, "inferenceTime": "2026-01-31T20:13:58Z"},
        "eventVersion": "0",
    }  # fmt: skip
    return json.dumps(line | changes)
