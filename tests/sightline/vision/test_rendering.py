"""Tables and alerts about runs that classified images."""

from __future__ import annotations

from sightline.vision import classification_alert, classification_summary, least_certain_rows
from tests import records

RUN = records.classification(records.uncertain_image(), records.empty_image())


def test_least_certain_rows_have_probabilities_by_class() -> None:
    assert least_certain_rows(RUN) == [
        {
            "image": "s3://ward/a.jpg",
            "class": "left",
            "confidence": "0.6000",
            "outcome": "low_confidence",
            "p(left)": "0.6000",
            "p(right)": "0.4000",
        }
    ]


def test_summary_counts_images_by_outcome() -> None:
    assert classification_summary(RUN, "/results.jsonl") == (
        "10 images classified by posture/3: 8 accepted, 1 of low confidence (threshold 0.9), 1 rejected. "
        "The table lists the least certain images. All records: `/results.jsonl`"
    )


def test_alert_counts_and_lists_images_that_were_not_accepted() -> None:
    alert = classification_alert(RUN, "/results.jsonl")
    assert alert
    assert alert.title == "2 of 10 images need a review: posture/3"
    assert alert.key == "k1 2026-02-01T12:00:00+00:00"
    assert alert.total == 2
    assert [(item.uri, item.reason) for item in alert.items] == [
        ("s3://ward/a.jpg", "THRESHOLD_CONFIDENCE_NOT_MET"),
        ("s3://ward/b.jpg", "empty"),
    ]
    assert alert.facts == {
        "model": "posture/3",
        "threshold": "0.9",
        "images": "10",
        "accepted": "8",
        "low confidence": "1",
        "rejected": "1",
        "reasons": "THRESHOLD_CONFIDENCE_NOT_MET 1, empty 1",
        "results": "/results.jsonl",
    }


def test_run_without_uncertain_images_sends_no_alert() -> None:
    assert classification_alert(records.classification(), "/results.jsonl") is None
