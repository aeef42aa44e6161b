"""Tables and alerts about reviews."""

from __future__ import annotations

from sightline.reviews import NONE_OF_THESE, Reviewed, Waiting, agreement_rows, by_model, overdue_alert
from tests.records import NOON
from tests.reviewing import answer, question


def test_agreement_rows_have_all_classes_first() -> None:
    reviewed = [
        Reviewed(question=question(1), answers=(answer("bicycle"),)),
        Reviewed(question=question(2), answers=(answer(NONE_OF_THESE),)),
    ]
    assert agreement_rows(by_model(reviewed)) == [
        {
            "model": "vehicles/1",
            "class": "all",
            "proposed": "2",
            "right": "1",
            "precision": "0.500 (95 %: 0.09 to 0.91)",
            "answered": "2",
            "recall": "",
        },
        {
            "model": "vehicles/1",
            "class": "bicycle",
            "proposed": "2",
            "right": "1",
            "precision": "0.500",
            "answered": "1",
            "recall": "1.000",
        },
    ]


def test_overdue_alert_lists_questions_and_the_fix() -> None:
    overdue = [
        Waiting(question=question(1), queued=NOON),
        Waiting(question=question(2, model="endpoint://ward", kind="session", session="ana/visit"), queued=NOON),
    ]
    alert = overdue_alert(overdue)
    assert alert
    assert alert.title == "2 questions have waited too long for an answer"
    assert [row["item"] for row in alert.rows] == ["/pictures/1.png", "ana/visit"]
    assert alert.facts == {
        "models": "endpoint://ward, vehicles/1",
        "waiting since": "2026-02-01 12:00 UTC",
        "fix": "run review-predictions again with the model endpoint://ward; "
        "run review-predictions again with the model vehicles",
    }
    again = overdue_alert(overdue[::-1])
    assert again
    assert again.key == alert.key


def test_overdue_alert_counts_one_question() -> None:
    alert = overdue_alert([Waiting(question=question(), queued=NOON)])
    assert alert
    assert alert.title == "1 question has waited too long for an answer"


def test_no_overdue_questions_send_no_alert() -> None:
    assert overdue_alert([]) is None
