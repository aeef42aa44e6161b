"""``sightline explain-threshold``: what each threshold of a model accepts, and how much of that is right."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sightline.reviews import ThresholdReport, threshold_report
from tasks.models import open_registry, open_reviews

__all__ = ["explain_threshold"]


def explain_threshold(model: str, *, precision: Annotated[float, Field(gt=0, lt=1)] | None = None) -> ThresholdReport:
    """Show the share of images that each threshold accepts and of those right, and recommend a threshold.

    Args:
        model: A model of the registry that classifies images, as NAME or NAME/VERSION.
        precision: The wanted share of accepted images that are right, such as 0.98. By default what the threshold in
            use is shown to reach.
    """
    return threshold_report(open_registry(), open_reviews(), model, precision=precision)
