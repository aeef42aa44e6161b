"""Tables about ranked photos."""

from __future__ import annotations

from sightline.ranking import best_rows, ranking_summary
from tests import records


def test_best_rows_have_place_and_scores() -> None:
    assert best_rows(records.ranking()) == [
        {
            "place": 1,
            "image": "/photos/1.jpg",
            "person": 1,
            "ranking": "0.8000",
            "score": "0.7500",
            "arms above the head": "yes",
        }
    ]


def test_summary_counts_people_by_outcome() -> None:
    assert ranking_summary(records.ranking(), "/results.jsonl", "/sheet.jpg") == (
        "2 photos ranked by running-style/2. People: 1 ranked, 1 of low confidence, 0 rejected. The table lists the "
        "best. All records: `/results.jsonl`, contact sheet: `/sheet.jpg`"
    )
