"""Tables about ranked photos, for the Prefect UI."""

from __future__ import annotations

from sightline.ranking.runs import FinishedRanking

__all__ = ["best_rows", "ranking_summary"]


def best_rows(run: FinishedRanking) -> list[dict[str, str | int]]:
    """Return a row for each of the best ranked people, best first."""
    return [
        {
            "place": place,
            "image": person.uri,
            "person": person.person,
            "ranking": f"{person.ranking:.4f}",
            "score": f"{person.score:.4f}",
            "arms above the head": "yes" if person.arms_above_head else "",
        }
        for place, person in enumerate(run.summary.best, start=1)
    ]


def ranking_summary(run: FinishedRanking, results: str, sheet: str) -> str:
    """Return the counts of a run as a paragraph; ``results`` and ``sheet`` are the URIs of its files."""
    summary = run.summary
    return (
        f"{summary.images:,} photos ranked by {run.model}{_photos(run)}. People: {summary.ranked:,} ranked, "
        f"{summary.low_confidence:,} of low confidence, {summary.rejected:,} rejected. The table lists the best. "
        f"All records: `{results}`, contact sheet: `{sheet}`"
    )


def _photos(run: FinishedRanking) -> str:
    summary = run.summary
    if summary.photos_ranked is None:
        return ""
    return (
        f": {summary.photos_ranked:,} show somebody who can be ranked, {summary.different_photos:,} different pictures"
    )
