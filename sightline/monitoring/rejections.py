"""The images that were rejected before any model saw them, which the runs' results tell of, as captures do not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from sightline import storage
from sightline.monitoring.left_out import LeftOut
from sightline.monitoring.tally import HOUR
from sightline.storage import Location
from sightline.vision import FinishedClassification, finished_runs

__all__ = ["Rejections", "read_rejections"]


@dataclass
class Rejections:
    """Rejected images by reason, and by the hour since 1970 in which their run ended."""

    reasons: Counter[str] = field(default_factory=Counter)
    hours: Counter[int] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """How many images were rejected."""
        return self.reasons.total()


def read_rejections(
    results: Location, folders: Collection[str], since: datetime, until: datetime, left_out: LeftOut
) -> Rejections:
    """What the runs rejected that ended in the time, of those in the given folders of ``results``.

    A run whose results lie elsewhere is not found. A damaged ``run.json`` is counted among the bad lines.
    """
    found = Rejections()
    for folder in folders:
        for place, run in finished_runs(results / folder):
            if not isinstance(run, FinishedClassification):
                left_out.refuse(storage.uri_of(place), run)
            elif since <= run.finished < until:
                reasons = {name: count for name, count in run.summary.reasons.items() if count}
                reasons.pop("THRESHOLD_CONFIDENCE_NOT_MET", None)
                found.reasons.update(reasons)
                found.hours[int(run.finished.timestamp()) // HOUR] += sum(reasons.values())
    return found
