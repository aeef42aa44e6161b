"""Every event's name, resource, labels and payload keys, which users' automations depend on."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from sightline import events
from sightline.events import Payload
from sightline.names import ModelName
from sightline.reviews import Reviewed, agreement
from tasks import events as emitters
from tests import records
from tests.records import SHA256
from tests.reviewing import answer, question

ROOT = Path(__file__).resolve().parents[2]
_FIELD = re.compile(r"event\.payload\.(\w+)")


class Emitted(NamedTuple):
    """One call of Prefect's ``emit_event``."""

    event: str
    resource: dict[str, str]
    payload: dict[str, Any]


@pytest.fixture
def emitted(monkeypatch: pytest.MonkeyPatch) -> list[Emitted]:
    """The events that were emitted, without a server."""
    calls: list[Emitted] = []

    def record(event: str, resource: dict[str, str], payload: dict[str, Any]) -> None:
        calls.append(Emitted(event, resource, json.loads(json.dumps(payload))))

    monkeypatch.setattr(emitters, "emit_event", record)
    return calls


SESSION = {
    "prefect.resource.id": f"sightline.session.{SHA256}",
    "prefect.resource.name": "visit",
    "sightline.patient": "ana",
}
CLASSIFICATION = {"prefect.resource.id": "sightline.classification.k1", "sightline.model": "posture/3"}
POSTURE = {
    "prefect.resource.id": "sightline.model.posture.3",
    "prefect.resource.name": "posture/3",
    "sightline.model": "posture",
}
PREDICTED = {
    "patient": "ana", "session": "visit", "said": "happy", "model": "ana/3", "emotion": "sad", "confidence": 0.55,
    "threshold": 0.6, "review": ["low confidence"],
}  # fmt: skip
COUNTS = {
    "images": 9, "accepted": 8, "low_confidence": 1, "rejected": 0, "classes": {"left": 9},
    "reasons": {"THRESHOLD_CONFIDENCE_NOT_MET": 1}, "threshold": 0.9, "results": "/results.jsonl",
}  # fmt: skip
TRAINED = {
    "version": 3, "samples": 100, "synthetic": True, "reviewed": 2, "promoted": True, "why": "at least as good",
}  # fmt: skip
CLASSIFIER = TRAINED | {"accuracy": 0.9, "macro_f1": 0.85, "ece_after": 0.05, "share_accepted": 0.5}

GOLDEN: dict[str, tuple[Callable[[], None], dict[str, str], dict[str, Any]]] = {
    "sightline.session.stored": (
        lambda: emitters.emit_session_stored(records.stored_session()),
        SESSION,
        {"patient": "ana", "session": "visit", "record": "/patients/ana/visit.json"},
    ),
    "sightline.video.processed": (
        lambda: emitters.emit_video_processed(records.stored_session()),
        SESSION,
        {
            "video": "/videos/ana/visit.mp4", "patient": "ana", "session": "visit", "emotion": "happy",
            "duration_seconds": 12.5, "keywords": 1, "annotations": 2, "frames": 14, "poses": 13,
            "frames_tracked": 125, "frames_with_person": 120, "vocalisations": 0,
        },
    ),
    "sightline.session.predicted": (
        lambda: emitters.emit_session_predicted(records.stored_session(), records.prediction("low confidence")),
        SESSION,
        PREDICTED,
    ),
    "sightline.session.uncertain": (
        lambda: emitters.emit_session_uncertain(records.stored_session(), records.prediction("low confidence")),
        SESSION,
        PREDICTED,
    ),
    "sightline.session.unidentified": (
        lambda: emitters.emit_session_unidentified(
            records.stored_session(), [question(kind="person", model="patient--ana", session="ana/visit")]
        ),
        SESSION,
        {"patient": "ana", "session": "visit", "questions": ["ana/visit#person"]},
    ),
    "sightline.images.classified": (
        lambda: emitters.emit_images_classified(records.classification(records.uncertain_image()), "/results.jsonl"),
        CLASSIFICATION,
        COUNTS,
    ),
    "sightline.images.uncertain": (
        lambda: emitters.emit_images_uncertain(records.classification(records.uncertain_image()), "/results.jsonl"),
        CLASSIFICATION,
        COUNTS,
    ),
    "sightline.images.ranked": (
        lambda: emitters.emit_images_ranked(records.ranking(), "/results.jsonl"),
        {"prefect.resource.id": "sightline.ranking.k2", "sightline.model": "running-style/2"},
        {
            "images": 2, "ranked": 1, "low_confidence": 1, "rejected": 0, "reasons": {"blurred": 1},
            "results": "/results.jsonl",
        },
    ),
    "sightline.model.promoted": (
        lambda: emitters.emit_model_promoted(
            records.model_record("posture", records.IMAGE_METRICS), records.promotion()
        ),
        POSTURE,
        {"version": 3, "previous": 2, "why": "at least as good"},
    ),
    "sightline.model.rolled-back": (
        lambda: emitters.emit_model_rolled_back(ModelName("posture", 3), 4),
        POSTURE,
        {"previous": 4},
    ),
    "sightline.model.drift": (
        lambda: emitters.emit_model_drift(records.monitoring_report(records.drift())),
        POSTURE | {"sightline.data": "s3://ward/labelled"},
        {
            "model": "posture", "version": 3, "data": "s3://ward/labelled", "preset": "posture", "pretrained": True,
            "why": "drift of posture/3: the share of left rose from 50 % to 79 %", "since": "2026-02-01T12:00:00+00:00",
            "until": "2026-02-02T12:00:00+00:00", "events": 500, "report": "s3://results/monitoring/report.html",
            "findings": [
                {
                    "what": "classes", "test": "chi-square", "baseline_size": 400, "size": 500, "p": 1e-6,
                    "p_corrected": 2e-6, "effects": {"total variation": 0.29}, "judged_by": "total variation",
                    "limit": 0.1, "drifted": True, "says": "the share of left rose from 50 % to 79 %",
                }
            ],
        },
    ),
    "sightline.review.answered": (
        lambda: emitters.emit_review_answered(
            "run-1",
            "vehicles/1",
            agreement([Reviewed(question=question(), answers=(answer("bicycle"),))]),
            waiting=2,
            learnable=1,
        ),
        {"prefect.resource.id": "sightline.review.run-1.vehicles.1", "sightline.model": "vehicles"},
        {
            "model": "vehicles/1", "waiting": 2, "learnable": 1, "judged": 1, "right": 1, "none_of_these": 0,
            "cannot_tell": 0, "contested": 0, "accuracy": 1.0, "interval": [pytest.approx(0.207, abs=1e-3), 1.0],
            "per_class": {"bicycle": {"proposed": 1, "right": 1, "answered": 1}},
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("event", GOLDEN)
def test_event_has_its_resource_and_payload(event: str, emitted: list[Emitted]) -> None:
    emit, resource, payload = GOLDEN[event]
    emit()
    assert emitted == [Emitted(event, resource, payload)]


@pytest.mark.parametrize(
    ("name", "metrics", "payload"),
    [
        ("posture", records.IMAGE_METRICS, CLASSIFIER),
        ("ana", records.EMOTION_METRICS, CLASSIFIER),
        (
            "running-style",
            records.RANKING_METRICS,
            TRAINED | {"accuracy": 0.9, "precision": 0.8, "recall": 0.7, "f1": 0.75, "roc_auc": None},
        ),
    ],
)
def test_trained_event_has_the_metrics_of_its_kind_of_model(
    name: str, metrics: dict[str, Any], payload: dict[str, Any], emitted: list[Emitted]
) -> None:
    emitters.emit_training(records.model_record(name, metrics), records.promotion(promoted=False))
    resource = {
        "prefect.resource.id": f"sightline.model.{name}.3",
        "prefect.resource.name": f"{name}/3",
        "sightline.model": name,
    }
    assert emitted == [Emitted("sightline.model.trained", resource, payload | {"promoted": False})]


def test_promotion_is_a_second_event_of_a_training(emitted: list[Emitted]) -> None:
    emitters.emit_training(records.model_record("posture", records.IMAGE_METRICS), records.promotion())
    assert [event for event, *_ in emitted] == ["sightline.model.trained", "sightline.model.promoted"]


def test_drift_of_an_endpoint_has_the_endpoints_resource(emitted: list[Emitted]) -> None:
    report = records.monitoring_report(
        records.drift(), model="endpoint://ward", version="endpoint://ward", data=None, preset=None, pretrained=None
    )
    emitters.emit_model_drift(report)
    [(_, resource, payload)] = emitted
    assert resource == {
        "prefect.resource.id": "sightline.model.endpoint://ward",
        "prefect.resource.name": "endpoint://ward",
        "sightline.model": "endpoint://ward",
    }
    assert (payload["version"], payload["data"], payload["preset"], payload["pretrained"]) == (
        None, None, "endpoint://ward", True,
    )  # fmt: skip


def schemas() -> dict[str, type[Payload]]:
    """Return the schema of every event, by the event's name."""
    classes = (getattr(events, name) for name in events.__all__)
    return {schema.event: schema for schema in classes if issubclass(schema, Payload) and schema is not Payload}


def test_every_event_has_a_golden_payload() -> None:
    elsewhere = {"sightline.model.trained", "sightline.s3.object-created", "sightline.s3.poison"}
    assert set(schemas()) == set(GOLDEN) | elsewhere


def test_payload_rejects_an_unknown_field() -> None:
    with pytest.raises(ValueError, match="version"):
        events.ModelRolledBack(previous=None, version=3)  # type: ignore[call-arg]


def triggers() -> Iterator[tuple[str, dict[str, str], str]]:
    """Yield the event, the resource match and the template text of every trigger on our events."""
    for deployment in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]:
        for trigger in deployment.get("triggers", ()):
            yield from ((event, trigger["match"], json.dumps(trigger["parameters"])) for event in trigger["expect"])


RESOURCES = {event: resource for event, (_, resource, _) in GOLDEN.items()}


@pytest.mark.parametrize(("event", "match", "template"), list(triggers()))
def test_trigger_uses_labels_and_payload_fields_that_exist(event: str, match: dict[str, str], template: str) -> None:
    fields = schemas()[event].model_fields
    keys = {field.serialization_alias or name for name, field in fields.items()}
    assert set(_FIELD.findall(template)) <= keys
    for label, pattern in match.items():
        assert fnmatch(RESOURCES[event][label], pattern)
