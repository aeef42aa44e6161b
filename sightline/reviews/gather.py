"""The questions that there are: in the results of a run over images, and among a patient's sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sightline import storage
from sightline.errors import InvalidInput
from sightline.names import ModelName, PatientName, SessionName
from sightline.reviews.records import Question
from sightline.sessions import Claim, ReviewItem, SessionStore
from sightline.storage import Location
from sightline.vision import RESULTS, REVIEW, TABLE, ImageRecord, read_records

__all__ = ["Gathered", "questions_of_model", "questions_of_patient", "questions_of_results"]

_IN_A_FOLDER = (RESULTS, REVIEW, TABLE, "run.json")
_INLINE = "inline:"  # what an image of a payload is called, of which nothing is kept that could be looked at


class Gathered(NamedTuple):
    """The questions, and the URIs of images that nobody can look at again, since they came within a payload."""

    questions: tuple[Question, ...]
    left_out: tuple[str, ...] = ()


def questions_of_results(results: Location) -> Gathered:
    """The uncertain images of a run; ``results`` is its folder, or one of the files in it.

    Raises :class:`InvalidInput` where no run's results are there.
    """
    folder = results.parent if results.name in _IN_A_FOLDER else results
    try:
        records = list(read_records(storage.read_bytes(folder / REVIEW)))
    except FileNotFoundError as error:
        raise InvalidInput(
            storage.uri_of(results),
            f"there is no {REVIEW} of a finished run",
            "Give the folder that `sightline classify-images` named as its results",
        ) from error
    except ValueError as error:
        raise InvalidInput(
            storage.uri_of(folder / REVIEW), f"is damaged: {' '.join(str(error).split())}", "Classify the images again"
        ) from error
    usable = [record for record in records if not record.uri.startswith(_INLINE)]
    return Gathered(
        tuple(filter(None, map(_of_image, usable))),
        tuple(record.uri for record in records if record.uri.startswith(_INLINE)),
    )


def questions_of_model(results_bucket: Location, model: ModelName | str) -> Gathered:
    """The uncertain images of every run of a model whose results lie where they go by default.

    ``model`` is a name, for all its versions, or ``NAME/VERSION``.
    """
    wanted = ModelName.of(model)
    found = []
    for name in storage.folder_names(results_bucket):
        if wanted.has_folder(name):
            runs = results_bucket / name
            found += [
                questions_of_results(runs / run)
                for run in storage.folder_names(runs)
                if storage.exists(runs / run / REVIEW)
            ]
    return Gathered(
        tuple(question for each in found for question in each.questions),
        tuple(uri for each in found for uri in each.left_out),
    )


def questions_of_patient(store: SessionStore, patient: str, emotions: Sequence[str]) -> Gathered:
    """A patient's sessions that a person should look at.

    The choices are the emotions of the patient's model, then the others of ``emotions``.
    """
    return Gathered(tuple(_of_session(store, item, emotions) for item in store.reviews(patient)))


def _of_image(record: ImageRecord) -> Question | None:
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
        why=f"the confidence {record.confidence:.2f} is below the threshold {record.threshold:g}",
    )


def _of_session(store: SessionStore, item: ReviewItem, emotions: Sequence[str]) -> Question:
    told = item.prediction
    name = SessionName(PatientName.parse(item.patient), item.session)
    stored = store.outputs(Claim(name, item.sha256))
    return Question(
        kind="session",
        model=told.model,
        uri=item.annotated_video,
        sha256=item.sha256,
        proposed=told.emotion,
        confidence=told.confidence,
        threshold=told.threshold,
        choices=tuple(dict.fromkeys((*told.probabilities, item.said, *emotions))),
        why="; ".join(told.review),
        session=name.label,
        frames=stored.frames,
    )
