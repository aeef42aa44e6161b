"""A registry with a small model of one patient."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline.affect import MODEL_FILE, SESSIONS, TASK
from sightline.names import PatientName
from sightline.registry import DataVersion, FeatureInput, ModelDraft, ModelRecord, Registry

FEATURES = ("height", "speed")
CLASSES = ("happy", "neutral", "sad")


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """An empty registry."""
    return Registry(tmp_path / "models")


@pytest.fixture
def publish(registry: Registry, tmp_path: Path) -> Callable[..., ModelRecord]:
    """Return a function that publishes a forest of ``speed`` alone as a patient's current model."""
    import skops.io
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline

    def make(patient: str, content: Any = None, sessions: Any = None, **other: Any) -> ModelRecord:
        random = np.random.default_rng(1)
        labels = np.repeat([0, 1, 2], 20)
        rows = np.column_stack([random.normal(size=60), (2 - labels) + random.normal(0, 0.3, 60)])
        forest = make_pipeline(RandomForestClassifier(20, random_state=42)).fit(rows, labels)
        folder = tmp_path / f"forest-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        skops.io.dump(forest if content is None else content, folder / MODEL_FILE)
        if sessions is not None:
            (folder / SESSIONS).write_text(json.dumps({"patient": patient, "sessions": sessions}))
        fields: dict[str, Any] = {
            "name": PatientName.parse(patient).model.name,
            "created": datetime(2026, 1, 31, tzinfo=UTC),
            "task": TASK,
            "architecture": {"patient": patient},
            "classes": CLASSES,
            "input": FeatureInput(features=FEATURES),
            "threshold": 0.6,
            "temperature": 1.0,
            "data": DataVersion(
                manifest_sha256="a" * 64, test_sha256="a" * 64, samples=60, train=60, validation=0, test=60,
                groups=60, source="patients", synthetic=True,
            ),
            "parameters": {},
            "seed": 42,
            "metrics": {},
            "code_version": "0.1.0",
            "libraries": {},
        }  # fmt: skip
        record = registry.publish(ModelDraft(**fields | other), folder)
        registry.promote(record.name, record.version, metric="accuracy", value=1.0, measure_current=lambda _: 0.0)
        return record

    return make
