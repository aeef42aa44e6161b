"""Schemas of the events that sightline emits.

Automations and triggers depend on the names, resources, labels and payload keys: they may be extended, not renamed.

>>> Resource.model(ModelName("posture", 3)).labelled()["prefect.resource.id"]
'sightline.model.posture.3'
>>> ModelRolledBack(previous=4).as_json()
{'previous': 4}
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from sightline.names import ModelName

__all__ = [
    "ImagesClassified",
    "ImagesRanked",
    "ImagesUncertain",
    "ModelDrift",
    "ModelPromoted",
    "ModelRolledBack",
    "ModelTrained",
    "Payload",
    "Resource",
    "ReviewAnswered",
    "S3ObjectCreated",
    "S3PoisonMessage",
    "SessionPredicted",
    "SessionStored",
    "SessionUncertain",
    "SessionUnidentified",
    "VideoProcessed",
]


class Resource(BaseModel):
    """The thing that an event is about. Triggers match its ``id`` or its ``labels``."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str | None = None
    labels: dict[str, str] = {}

    @classmethod
    def session(cls, sha256: str, session: str, patient: str) -> Resource:
        """Return the resource of a session; ``sha256`` is the hash of its source video."""
        return cls(id=f"sightline.session.{sha256}", name=session, labels={"sightline.patient": patient})

    @classmethod
    def classification(cls, key: str, model: str) -> Resource:
        """Return the resource of a run that classified images; ``key`` is the run's."""
        return cls(id=f"sightline.classification.{key}", labels={"sightline.model": model})

    @classmethod
    def ranking(cls, key: str, model: str) -> Resource:
        """Return the resource of a run that ranked photos; ``key`` is the run's."""
        return cls(id=f"sightline.ranking.{key}", labels={"sightline.model": model})

    @classmethod
    def model(cls, model: ModelName, data: str | None = None) -> Resource:
        """Return the resource of a model's version, or of an endpoint.

        ``data`` is the URI of the data that the version was trained on, None if its record does not state it.
        """
        labels = {"sightline.model": model.unversioned.label} | ({"sightline.data": data} if data else {})
        return cls(id=model.resource_id, name=model.label, labels=labels)

    @classmethod
    def review(cls, run: str, model: ModelName) -> Resource:
        """Return the resource of the answers that the flow run with the id ``run`` collected about ``model``."""
        return cls(
            id=f"sightline.review.{run}.{model.label.replace('/', '.')}",
            labels={"sightline.model": model.unversioned.label},
        )

    @classmethod
    def s3_object(cls, bucket: str, key: str, kind: str, patient: str | None) -> Resource:
        """Return the resource of an S3 object; the name is the last part of its key."""
        labels = {"sightline.bucket": bucket, "sightline.kind": kind, "sightline.patient": patient}
        return cls(
            id=f"sightline.s3.{bucket}/{key}",
            name=key.rstrip("/").rpartition("/")[2],
            labels={label: value for label, value in labels.items() if value},
        )

    @classmethod
    def s3_queue(cls, url: str) -> Resource:
        """Return the resource of an SQS queue with S3's messages."""
        return cls(id=f"sightline.s3-queue.{url.rpartition('/')[2]}")

    def labelled(self) -> dict[str, str]:
        """Return the resource as Prefect expects it: its id, name and labels in one mapping."""
        name = {} if self.name is None else {"prefect.resource.name": self.name}
        return {"prefect.resource.id": self.id, **name, **self.labels}


class Payload(BaseModel):
    """The base of all payloads. ``event`` is the event's name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event: ClassVar[str]

    def as_json(self) -> dict[str, Any]:
        """Return the payload as Prefect sends it. A field that was not set is absent; one that is None is null."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


class SessionStored(Payload):
    """A session was stored. ``record`` is the URI of its record."""

    event = "sightline.session.stored"

    patient: str
    session: str
    record: str


class VideoProcessed(Payload):
    """A video was processed: its emotion, its duration and its counts."""

    event = "sightline.video.processed"

    video: str
    patient: str
    session: str
    emotion: str
    duration_seconds: float
    keywords: int
    annotations: int
    frames: int
    poses: int
    frames_tracked: int
    frames_with_person: int
    vocalisations: int = 0


class SessionPredicted(Payload):
    """A patient's model predicted a session's emotion. ``review`` lists why a person should check it."""

    event = "sightline.session.predicted"

    patient: str
    session: str
    spoken_emotion: str = Field(serialization_alias="said")
    """The emotion that the session's words express."""
    model: str
    emotion: str
    confidence: float
    threshold: float
    review: tuple[str, ...]


class SessionUncertain(SessionPredicted):
    """A predicted session needs a person's answer."""

    event = "sightline.session.uncertain"


class SessionUnidentified(Payload):
    """It is not known who the patient of a stored session is, or which names are theirs: a person should answer.

    ``questions`` are the labels of the questions.
    """

    event = "sightline.session.unidentified"

    patient: str
    session: str
    questions: tuple[str, ...]


class ImagesClassified(Payload):
    """A run classified images: how many by outcome, class and reason. ``results`` is the URI of the records."""

    event = "sightline.images.classified"

    images: int
    accepted: int
    low_confidence: int
    rejected: int
    classes: dict[str, int]
    reasons: dict[str, int]
    threshold: float
    results: str


class ImagesUncertain(ImagesClassified):
    """A run classified some images with a confidence below the threshold, or of a kind that the model does not know."""

    event = "sightline.images.uncertain"


class ImagesRanked(Payload):
    """A run ranked the people of photos: how many by outcome and reason. ``results`` is the URI of the records."""

    event = "sightline.images.ranked"

    images: int
    ranked: int
    low_confidence: int
    rejected: int
    reasons: dict[str, int]
    results: str


class ModelTrained(Payload):
    """A version of a model was trained. Its metrics are those that its kind of model has."""

    event = "sightline.model.trained"

    version: int
    samples: int
    synthetic: bool
    reviewed: int
    promoted: bool
    why: str
    accuracy: float | None = None
    macro_f1: float | None = None
    ece_after: float | None = None
    share_accepted: float | None = None
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    roc_auc: float | None = None

    @classmethod
    def metric_names(cls) -> tuple[str, ...]:
        """Return the names of the metrics, which are those of the registry's records."""
        return tuple(name for name, field in cls.model_fields.items() if not field.is_required())


class ModelPromoted(Payload):
    """A version became the current one of its model. ``previous`` was current before."""

    event = "sightline.model.promoted"

    version: int
    previous: int | None
    why: str


class ModelRolledBack(Payload):
    """An earlier version became the current one again. ``previous`` was current before."""

    event = "sightline.model.rolled-back"

    previous: int | None


class ModelDrift(Payload):
    """A model's predictions drifted from its baseline.

    ``model``, ``data``, ``preset``, ``pretrained`` and ``why`` are the parameters of a training that reacts to it.
    """

    event = "sightline.model.drift"

    model: str
    version: int | None
    data: str | None
    preset: str
    pretrained: bool
    why: str
    findings: tuple[dict[str, JsonValue], ...]
    since: str
    until: str
    events: int
    report: str | None


class ReviewAnswered(Payload):
    """People answered questions about a model's predictions.

    ``waiting`` counts the model's open questions, ``learnable`` the answers that a training can use. The other counts
    are of all judged questions of this run.
    """

    event = "sightline.review.answered"

    model: str
    waiting: int
    learnable: int
    judged: int
    right: int
    none_of_these: int
    cannot_tell: int
    contested: int
    accuracy: float | None
    interval: tuple[float, float] | None
    per_class: dict[str, dict[str, int]]


class S3ObjectCreated(Payload):
    """A file arrived in a bucket, and has the flow run that processes it."""

    event = "sightline.s3.object-created"

    bucket: str
    key: str
    uri: str
    version: str
    kind: str
    patient: str | None
    size: int | None
    etag: str | None
    version_id: str | None


class S3PoisonMessage(Payload):
    """A record of a message in the queue of uploads is invalid. ``place`` is the queue in which it is stored."""

    event = "sightline.s3.poison"

    queue: str
    message: str
    reason: str
    place: str = Field(serialization_alias="kept")
    body: str
