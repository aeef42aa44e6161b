"""Tables and alerts about runs that classified images."""

from __future__ import annotations

from sightline.vision import (
    OUT_OF_DISTRIBUTION,
    THRESHOLD_NOT_MET,
    classification_alert,
    classification_summary,
    least_certain_rows,
)
from tests import records

RUN = records.classification(records.uncertain_image(), records.empty_image())


def test_least_certain_rows_have_probabilities_by_class() -> None:
    assert least_certain_rows(RUN) == [
        {
            "image": "s3://ward/a.jpg",
            "class": "left",
            "confidence": "0.6000",
            "outcome": "low_confidence",
            "reason": "THRESHOLD_CONFIDENCE_NOT_MET",
            "p(left)": "0.6000",
            "p(right)": "0.4000",
        }
    ]


def test_summary_counts_images_by_outcome() -> None:
    assert classification_summary(RUN, "/results.jsonl") == (
        "10 images classified by posture/3: 8 accepted, 1 of low confidence (threshold 0.9), "
        "nothing checked whether they are of the kind that the model knows, 1 rejected. "
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
        "of an unknown kind": "not checked",
        "rejected": "1",
        "reasons": "THRESHOLD_CONFIDENCE_NOT_MET 1, empty 1",
        "results": "/results.jsonl",
    }


def test_run_without_uncertain_images_sends_no_alert() -> None:
    assert classification_alert(records.classification(), "/results.jsonl") is None


def test_images_of_an_unknown_kind_are_counted_apart() -> None:
    strange = records.uncertain_image().model_copy(update={"reason": OUT_OF_DISTRIBUTION, "strangeness": 3.0})
    run = records.classification(strange, records.uncertain_image(), familiarity_checked=True)
    assert "1 of low confidence (threshold 0.9), 1 of a kind that the model does not know, 0" in classification_summary(
        run, "/results.jsonl"
    )
    alert = classification_alert(run, "/results.jsonl")
    assert alert
    assert (alert.facts["low confidence"], alert.facts["of an unknown kind"]) == ("1", "1")
    assert [item.reason for item in alert.items] == [OUT_OF_DISTRIBUTION, THRESHOLD_NOT_MET]
    assert [row["reason"] for row in least_certain_rows(run)] == [OUT_OF_DISTRIBUTION, THRESHOLD_NOT_MET]
