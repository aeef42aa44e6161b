"""What people and other flows are told of a review."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import task
from prefect.artifacts import create_table_artifact
from prefect.events import emit_event
from prefect.runtime import flow_run

from sightline import reviews
from sightline.reviews import Agreement, Reviewed
from tasks.support.policy import PLAIN

__all__ = ["publish_export", "publish_review"]


@task(**PLAIN)
def publish_review(given: Sequence[Reviewed], every: Sequence[Reviewed], waiting: int) -> None:
    """Two tables in the UI, and the event ``sightline.review.answered`` for each model that was answered about.

    The tables are of the answers of this run, and of how often each version was right about what it was unsure of.
    """
    create_table_artifact(
        reviews.answer_rows(given),
        key="review-answers",
        description=f"{len(given)} answers; {waiting} questions wait",
    )
    create_table_artifact(
        [row for version, found in reviews.by_model(every).items() for row in _rows(version, found)],
        key="review-agreement",
        description="How often the model was right about what it was unsure of, by all answers so far",
    )
    for version, found in reviews.by_model(given).items():
        emit_event(
            "sightline.review.answered",
            resource={
                "prefect.resource.id": f"sightline.review.{flow_run.id}.{version.replace('/', '.')}",
                "sightline.model": version.partition("/")[0],
            },
            payload={
                "model": version,
                "waiting": waiting,
                "learnable": sum(each.label is not None for each in given if each.question.model == version),
                **found.model_dump(mode="json"),
            },
        )


@task(**PLAIN)
def publish_export(rows: Sequence[dict[str, str]], description: str) -> None:
    """What was exported of each class, as a table in the UI."""
    create_table_artifact(list(rows), key="exported", description=description)


def _rows(version: str, found: Agreement) -> list[dict[str, str]]:
    low, high = found.interval or (0.0, 1.0)
    whole = {
        "model": version,
        "class": "all",
        "proposed": str(found.judged),
        "right": str(found.right),
        "share right": _share(found.accuracy) + (f" (95 %: {low:.2f} to {high:.2f})" if found.interval else ""),
        "answered so": str(found.judged),
        "share found": "",
    }
    return [
        whole,
        *(
            {
                "model": version,
                "class": name,
                "proposed": str(each.proposed),
                "right": str(each.right),
                "share right": _share(each.precision),
                "answered so": str(each.answered),
                "share found": _share(each.recall),
            }
            for name, each in found.per_class.items()
        ),
    ]


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
