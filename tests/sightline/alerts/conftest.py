"""A factory of alerts about a run that classified images."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from sightline.alerts import Alert, AlertItem


@pytest.fixture
def alert() -> Callable[..., Alert]:
    def create(**changes: Any) -> Alert:
        fields: dict[str, Any] = {
            "key": "run 1",
            "kind": "result",
            "title": "2 of 100 images are not accepted",
            "facts": {"model": "posture/3", "accepted": "98"},
            "items": (
                AlertItem(
                    uri="s3://ward/a.jpg", class_name="left", confidence=0.6003, threshold=0.93, reason="low confidence"
                ),
                AlertItem(uri="s3://ward/b.jpg", class_name=None, confidence=None, threshold=0.93, reason="0 bytes"),
            ),
            "total_items": 2,
            "run_name": "brave-otter",
            "run_url": "http://127.0.0.1:4200/runs/flow-run/1",
            "at": datetime(2026, 1, 31, 10, 15, tzinfo=UTC),
        }
        return Alert(**{**fields, **changes})

    return create
