"""Questions and answers, for tests."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from sightline.reviews import Answer, Question

CHOICES = ("bicycle", "motorcycle")


def question(number: int = 0, **changes: Any) -> Question:
    """Return a question about an image; another number is another image."""
    fields: dict[str, Any] = {
        "kind": "image",
        "model": "vehicles/1",
        "uri": f"/pictures/{number}.png",
        "sha256": hashlib.sha256(f"{number}".encode()).hexdigest(),
        "proposed": "bicycle",
        "confidence": 0.5 + number / 1000,
        "threshold": 0.93,
        "choices": CHOICES,
        "why": "unsure",
    }
    return Question(**{**fields, **changes})


def answer(text: str = "bicycle", reviewer: str = "kim", **changes: Any) -> Answer:
    """Return a person's answer."""
    fields: dict[str, Any] = {
        "answer": text,
        "reviewer": reviewer,
        "at": datetime(2026, 2, 1, 9, tzinfo=UTC),
        "run": "run-1",
        "model": "vehicles/1",
        "proposed": "bicycle",
        "confidence": 0.5,
    }
    return Answer(**{**fields, **changes})
