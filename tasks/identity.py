"""Steps about who the patient of a video is: what the user says, and the questions to people."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from numpy.typing import NDArray
from prefect.logging import get_run_logger

from sightline import reviews, sessions, vision
from sightline.errors import InvalidInput
from sightline.media import Recorded, VideoInfo
from sightline.names import PatientName
from sightline.pose import Appearance, IdentityWish, PicturePoint
from sightline.reviews import Question
from sightline.sessions import StoredSession
from sightline.storage import Location
from sightline.vision import ImageRef, Rejected
from tasks.models import open_reviews
from tasks.runs import image_limits
from tasks.support.opaque import Opaque
from tasks.support.policy import ON_STORAGE, sightline_task

__all__ = ["check_wish", "queue_questions", "read_looks", "read_wish"]


@sightline_task(**ON_STORAGE)
def read_wish(person: int | None, person_at: str | None, reference: str | None) -> Opaque[IdentityWish]:
    """Return who the patient is according to the options, with the decoded photo.

    Raises ``InvalidInput`` for more than one of them, and for a point or a photo that cannot be read.
    """
    options = {"--person": person, "--person-at": person_at, "--reference": reference}
    given = [name for name, value in options.items() if value is not None]
    if len(given) > 1:
        raise InvalidInput("process-video", f"{' and '.join(given)} cannot be given together", "Give one of them")
    at = None if person_at is None else PicturePoint.parse(person_at)
    return Opaque(IdentityWish(person, at, None if reference is None else _photo(reference)))


@sightline_task(**ON_STORAGE)
def read_looks(
    patients_bucket: Location, patient: PatientName, hours: float, recorded: Recorded | None = None
) -> Opaque[list[Appearance]]:
    """Return the patient's appearance in the sessions within ``hours`` of a recording, by default of now."""
    at = recorded.at if recorded else None
    return Opaque(sessions.recent_looks(patients_bucket, patient, timedelta(hours=hours), at))


def check_wish(wish: Opaque[IdentityWish], info: VideoInfo) -> IdentityWish:
    """Return the wish; raise ``InvalidInput`` if its point is outside the video."""
    if wish.value.at is not None:
        wish.value.at.pixels(info.width, info.height, info.duration)
    return wish.value


@sightline_task(**ON_STORAGE)
def queue_questions(stored: StoredSession) -> list[Question]:
    """Queue the questions who the patient of a session is and which names are theirs, and return them."""
    questions = reviews.questions_of_session(stored)
    open_reviews().queue(questions)
    for question in questions:
        get_run_logger().warning("%s: %s", question.label, question.why)
    return questions


def _photo(uri: str) -> NDArray[np.uint8]:
    limits = image_limits()
    try:
        return vision.decode(vision.fetch(ImageRef.named(uri), limits), None, limits).pixels
    except Rejected as error:
        raise InvalidInput(uri, f"cannot be the reference: {error}", "Give a photo of the patient") from error
