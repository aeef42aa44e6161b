"""The questions about uncertain images in the results of runs."""

from __future__ import annotations

from dataclasses import dataclass

from sightline import storage
from sightline.errors import InvalidInput
from sightline.names import ModelName
from sightline.reviews.records import Question
from sightline.runs import CSV
from sightline.storage import Location
from sightline.vision import OUT_OF_DISTRIBUTION, RESULTS, REVIEW, TABLE, ImageRecord, read_records

__all__ = ["UNKNOWN_KIND", "QuestionSet", "questions_of_model", "questions_of_results"]

UNKNOWN_KIND = "does not know images of this kind"
"""Part of the reason of a question about an image that is unlike those the model was trained on."""

_RESULT_FILES = (CSV, RESULTS, REVIEW, TABLE, "run.json")
_INLINE = "inline:"  # prefix of the URI of an image in a payload, which is not stored


@dataclass(frozen=True)
class QuestionSet:
    """Questions about one model."""

    model: str
    """The model's name without a version; empty if it is unknown, because there are no questions."""
    questions: tuple[Question, ...]
    left_out: tuple[str, ...] = ()
    """URIs of images that came in a payload. They are not stored, so nobody can review them."""

    @classmethod
    def of(cls, questions: tuple[Question, ...], left_out: tuple[str, ...]) -> QuestionSet:
        """Return questions about one model as a set; the first question states the model."""
        model = ModelName.parse(questions[0].model).unversioned.label if questions else ""
        return cls(model, questions, left_out)


def questions_of_results(results: Location) -> QuestionSet:
    """Return a question about each uncertain image of a run.

    ``results`` is the run's folder, or one of the files in it. Raises :class:`InvalidInput` if it has no results.
    """
    folder = results.parent if results.name in _RESULT_FILES else results
    try:
        records = list(read_records(storage.read_bytes(folder / REVIEW)))
    except FileNotFoundError as error:
        raise InvalidInput(
            storage.uri_of(results),
            f"there is no {REVIEW} of a finished run",
            "Give the folder that `sightline classify-images` printed as its results",
        ) from error
    except ValueError as error:
        raise InvalidInput(
            storage.uri_of(folder / REVIEW), f"is damaged: {' '.join(str(error).split())}", "Classify the images again"
        ) from error
    stored = [record for record in records if not record.uri.startswith(_INLINE)]
    questions = tuple(filter(None, map(_question, stored)))
    return QuestionSet.of(questions, tuple(record.uri for record in records if record.uri.startswith(_INLINE)))


def questions_of_model(results_bucket: Location, model: ModelName | str) -> QuestionSet:
    """Return a question about each uncertain image in all runs of a model that are in the results bucket.

    ``model`` is a name, for all its versions, or ``NAME/VERSION``.
    """
    name = ModelName.of(model)
    runs = [
        _about(name, questions_of_results(results_bucket / folder / run))
        for folder in storage.folder_names(results_bucket)
        if name.has_folder(folder)
        for run in storage.folder_names(results_bucket / folder)
        if storage.exists(results_bucket / folder / run / REVIEW)
    ]
    return QuestionSet(
        model=name.unversioned.label,
        questions=tuple(question for run in runs for question in run.questions),
        left_out=tuple(uri for run in runs for uri in run.left_out),
    )


def _about(model: ModelName, run: QuestionSet) -> QuestionSet:
    """Return a run's questions, none if the run is one of another model: they could share a folder in version 0.1."""
    if not run.questions:
        return run
    return run if model.covers(run.questions[0].model) else QuestionSet(model=model.label, questions=())


def _question(record: ImageRecord) -> Question | None:
    if record.class_name is None or record.confidence is None or record.sha256 is None:
        return None
    return Question(
        kind="image",
        model=record.model,
        uri=record.uri,
        sha256=record.sha256,
        proposed=record.class_name,
        confidence=record.confidence,
        threshold=record.threshold,
        choices=tuple(record.probabilities or {record.class_name: record.confidence}),
        why=_why(record, record.confidence),
    )


def _why(record: ImageRecord, confidence: float) -> str:
    if record.reason == OUT_OF_DISTRIBUTION:
        distance = "" if record.strangeness is None else f" (distance {record.strangeness:.2f}, limit 1)"
        return f"{record.model} {UNKNOWN_KIND}{distance}: its class is a guess"
    return f"the confidence {confidence:.2f} is below the threshold {record.threshold:g}"
