"""A model with a measure of familiarity: it knows pale drawings of bars, and nothing else."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.registry import ModelRecord, Registry
from tests.images import INPUT, draft

Pixels = NDArray[np.uint8]


def bars(count: int, seed: int = 0) -> Pixels:
    """Return drawings of a dark bar on pale paper, shape = (count, 32, 32, 3): of two kinds, upright and flat."""
    random = np.random.default_rng(seed)
    images = random.normal(200, 8, (count, 32, 32, 3))
    for number in range(count):
        place, width = random.integers(8, 20), random.integers(3, 7)
        upright = images[number] if number % 2 else images[number].transpose(1, 0, 2)
        upright[:, place : place + width] = random.normal((70, 90, 110), 8, (32, width, 3))
    return np.clip(images, 0, 255).astype(np.uint8)


@cache  # fitting takes several times as long as most tests
def _fitted(*, flip: bool) -> tuple[Any, Any, dict[str, Any]]:
    """Return a backbone, its measure of familiarity with :func:`bars`, and the measure's figures."""
    import torch

    from sightline.training.images.familiarity import fit_familiarity, measure_familiarity
    from sightline.vision import create_backbone

    torch.manual_seed(0)
    backbone = create_backbone("baseline_cnn").eval()
    familiarity = fit_familiarity(backbone, INPUT, bars(400), bars(200, 1), 0.01, flip=flip)
    figures = measure_familiarity(familiarity, backbone, INPUT, 200, bars(400, 2), 0.01)
    return backbone, familiarity, figures.model_dump(mode="json")


def publish_with_familiarity(
    registry: Registry, name: str = "vehicles", *, flip: bool = False, **changes: Any
) -> ModelRecord:
    """Publish and promote a model that is certain of every image, and knows only :func:`bars`.

    ``flip``: whether it also classifies the mirror images.
    """
    from sightline.vision import FAMILIARITY, save_classifier
    from sightline.vision.heads import LinearHead

    backbone, familiarity, figures = _fitted(flip=flip)
    head = LinearHead(np.zeros((2, backbone.embedding_size)), np.array([8.0, 0.0]))
    with TemporaryDirectory() as folder:
        save_classifier(Path(folder), backbone, head)
        familiarity.save(Path(folder) / FAMILIARITY)
        metrics = {"accuracy": 0.9, "familiarity": figures}
        record = registry.publish(draft(name, **{"metrics": metrics, **changes}), Path(folder))
    registry.promote(name, record.version, metric="accuracy", value=1.0, measure_current=lambda _: 0.0)
    return record
