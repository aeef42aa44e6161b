"""A ranking that may be a guess is not promoted, whatever the current version is; the reason comes first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline.ranking import TASK
from sightline.registry import ModelRecord, Registry
from sightline.training.ranking import promote_ranker
from sightline.training.ranking.evaluate import measure
from tests.images import draft
from tests.ranking import publish_brightness

GUESS = "its accuracy on the test set is not above that of always the same label"


def published(registry: Registry, folder: Path, scores: list[float], good: int) -> ModelRecord:
    """Publish a version that gives these scores, of which the first ``good`` are of good runners."""
    labels = (np.arange(len(scores)) < good).astype(np.int64)
    metrics = measure(np.array(scores), labels, tuple(map(str, range(len(scores)))), seed=1, draws=50)
    folder.mkdir()
    (folder / "head.safetensors").write_bytes(b"-")
    fields: dict[str, Any] = {"task": TASK, "classes": ("bad", "good"), "metrics": metrics.model_dump(mode="json")}
    return registry.publish(draft("running-style", **fields), folder)


@pytest.mark.parametrize(
    ("scores", "good", "reason"),
    [
        (
            [0.4] * 20 + [0.1] * 20,
            20,
            "it recognises none of the 20 good runners among the evaluation photos (recall 0)",
        ),
        ([0.9, 0.1] * 20, 20, GUESS),
        # Right on 36 of 40, which is what "always good" would be, too.
        ([0.9] * 34 + [0.1] * 2 + [0.1] * 2 + [0.9] * 2, 36, GUESS),
        ([0.9] * 8 + [0.1] * 2, 5, GUESS),
    ],
)
def test_model_that_may_guess_is_not_promoted(scores: list[float], good: int, reason: str, tmp_path: Path) -> None:
    registry = Registry(tmp_path / "models", builtin=tmp_path / "none")
    promotion = promote_ranker(registry, published(registry, tmp_path / "files", scores, good), None)  # type: ignore[arg-type]
    assert not promotion.promoted
    assert promotion.why.startswith(reason)
    assert registry.current("running-style") is None


def test_model_that_is_better_than_a_guess_is_promoted(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "models", builtin=tmp_path / "none")
    record = published(registry, tmp_path / "files", [0.9] * 18 + [0.1] * 22, 20)
    assert promote_ranker(registry, record, None).promoted  # type: ignore[arg-type]


def test_model_that_may_guess_does_not_replace_a_worse_one(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "models", builtin=tmp_path / "none")
    record = published(registry, tmp_path / "files", [0.4] * 20 + [0.1] * 20, 20)
    assert record.metrics["roc_auc"] == 1.0
    publish_brightness(registry, metrics={"roc_auc": 0.6}, data=record.data)
    promotion = promote_ranker(registry, record, None)  # type: ignore[arg-type]
    assert not promotion.promoted
    assert promotion.why.startswith("it recognises none")
    current = registry.current("running-style")
    assert current is not None
    assert current.version == 2
