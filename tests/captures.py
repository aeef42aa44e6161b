"""Captures, and models that have created them, for tests of monitoring."""

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
from sightline.registry import BASELINE, Baseline, ModelRecord, Registry
from sightline.storage import Location
from tests.images import draft


def predictions(
    random: np.random.Generator, count: int, second: float = 0.5, concentration: float = 8.0
) -> NDArray[np.float64]:
    """Return calibrated probabilities of two classes, shape = (count, 2).

    ``second`` is the share predicted as the second class. The confidences are between 0.5 and 1; the larger
    ``concentration`` is, the more of them are near 1.
    """
    confidence = 0.5 + random.beta(concentration, 1.5, count) / 2
    is_second = random.random(count) < second
    second_rows, first_rows = np.stack([1 - confidence, confidence], 1), np.stack([confidence, 1 - confidence], 1)
    return np.where(is_second[:, None], second_rows, first_rows)


def baseline_of(probabilities: NDArray[np.float64], random: np.random.Generator, **fields: Any) -> Baseline:
    """Return a baseline with labels drawn from the probabilities."""
    labels = (random.random(len(probabilities)) < probabilities[:, 1]).astype(np.int64)
    return Baseline(probabilities.astype(np.float32), labels, **fields)


def publish_with(registry: Registry, baseline: Baseline | None, name: str = "vehicles", **changes: Any) -> ModelRecord:
    """Publish and promote a model that cannot predict, with a record and the baseline, if there is one."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "readme.txt").write_text("no weights")
        if baseline is not None:
            baseline.save(Path(folder) / BASELINE)
        record = registry.publish(draft(name, **changes), Path(folder))
    registry.promote(name, record.version, metric="accuracy", value=1.0, measure_current=lambda _: 0.0)
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
    strangeness: Sequence[float | None] | None = None,
) -> None:
    """Capture predictions with times spread evenly over ``span`` from ``start`` on."""
    probabilities = [tuple(map(float, row)) for row in rows]
    count = len(probabilities)
    for begin in range(0, count, per_file):
        numbers = range(begin, min(begin + per_file, count))
        events = (
            CaptureEvent(
                event_id=UUID(int=first_id + number),
                inference_time=start + span * number / count,
                content_type="image/png" if images else "text/csv",
                data=images[number] if images else b"1,2",
                probabilities=probabilities[number],
                uri=f"s3://images/{number}.png",
                seconds=0.02,
                strangeness=strangeness[number] if strangeness else None,
            )
            for number in numbers
        )
        at = start + span * begin / count
        write_capture(root, endpoint, variant, events, at=at, file_id=UUID(int=first_id + begin))


def sagemaker_line(
    event_id: str = "26db1afd-0c5f-4de1-ab7d-6b3b8e8d3e7e",
    data: str = "[0.959, 0.041]",
    encoding: str = "JSON",
    content_type: str | None = None,
    **changes: Any,
) -> str:
    """Return a line as a SageMaker endpoint writes it, without sightline's attributes."""
    if content_type is None:
        content_type = "text/csv" if encoding == "CSV" else "application/json"
    line = {
        "captureData": {
            "endpointInput": {
                "observedContentType": "image/png", "mode": "INPUT", "data": "iVBORw==", "encoding": "BASE64",
            },
            "endpointOutput": {
                "observedContentType": content_type, "mode": "OUTPUT", "data": data, "encoding": encoding,
            },
        },
        "eventMetadata": {
            "eventId": event_id, "customAttributes": ["trace=1"], "inferenceId": "mine",
            "inferenceTime": "2026-01-31T20:13:58Z",
        },
        "eventVersion": "0",
    }  # fmt: skip
    return json.dumps(line | changes)
