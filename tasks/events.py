"""Emission of events: one function for each event of :mod:`sightline.events`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.events import emit_event

from sightline.events import (
    ImagesClassified,
    ImagesRanked,
    ImagesUncertain,
    ModelDrift,
    ModelPromoted,
    ModelRolledBack,
    ModelTrained,
    Payload,
    Resource,
    ReviewAnswered,
    SessionPredicted,
    SessionStored,
    SessionUncertain,
    SessionUnidentified,
    VideoProcessed,
)
from sightline.names import ModelName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sightline.monitoring import MonitoringReport
    from sightline.ranking import FinishedRanking
    from sightline.registry import ModelRecord, Promotion
    from sightline.reviews import Agreement, Question
    from sightline.sessions import Prediction, StoredSession
    from sightline.vision import FinishedClassification

__all__ = [
    "emit_images_classified",
    "emit_images_ranked",
    "emit_images_uncertain",
    "emit_model_drift",
    "emit_model_promoted",
    "emit_model_rolled_back",
    "emit_model_trained",
    "emit_review_answered",
    "emit_session_predicted",
    "emit_session_stored",
    "emit_session_uncertain",
    "emit_session_unidentified",
    "emit_training",
    "emit_video_processed",
]


def emit_session_stored(stored: StoredSession) -> None:
    """Emit ``sightline.session.stored``."""
    payload = SessionStored(patient=stored.patient, session=stored.session, record=stored.record)
    _emit(_session(stored), payload)


def emit_video_processed(stored: StoredSession) -> None:
    """Emit ``sightline.video.processed``."""
    metadata = stored.metadata
    _emit(
        _session(stored),
        VideoProcessed(
            video=metadata.video_path,
            patient=stored.patient,
            session=stored.session,
            emotion=stored.emotion,
            duration_seconds=metadata.duration_seconds,
            keywords=metadata.emotion_keywords_found,
            annotations=metadata.annotations_found,
            frames=metadata.frames_extracted,
            poses=metadata.poses_extracted,
            frames_tracked=metadata.frames_tracked,
            frames_with_person=metadata.frames_with_person,
            vocalisations=len(metadata.measured_voice.vocalisations) if metadata.measured_voice else 0,
        ),
    )


def emit_session_predicted(stored: StoredSession, prediction: Prediction) -> None:
    """Emit ``sightline.session.predicted``."""
    _emit(_session(stored), _prediction(SessionPredicted, stored, prediction))


def emit_session_uncertain(stored: StoredSession, prediction: Prediction) -> None:
    """Emit ``sightline.session.uncertain``, which can start a review."""
    _emit(_session(stored), _prediction(SessionUncertain, stored, prediction))


def emit_session_unidentified(stored: StoredSession, questions: Sequence[Question]) -> None:
    """Emit ``sightline.session.unidentified``, which can start a review."""
    labels = tuple(question.label for question in questions)
    payload = SessionUnidentified(patient=stored.patient, session=stored.session, questions=labels)
    _emit(_session(stored), payload)


def emit_images_classified(run: FinishedClassification, results: str) -> None:
    """Emit ``sightline.images.classified``; ``results`` is the URI of the run's records."""
    _emit(Resource.classification(run.key, run.model), _counts(ImagesClassified, run, results))


def emit_images_uncertain(run: FinishedClassification, results: str) -> None:
    """Emit ``sightline.images.uncertain``, which can start a review; ``results`` is the URI of the run's records."""
    _emit(Resource.classification(run.key, run.model), _counts(ImagesUncertain, run, results))


def emit_images_ranked(run: FinishedRanking, results: str) -> None:
    """Emit ``sightline.images.ranked``; ``results`` is the URI of the run's records."""
    summary = run.summary
    _emit(
        Resource.ranking(run.key, run.model),
        ImagesRanked(
            images=summary.images,
            ranked=summary.ranked,
            low_confidence=summary.low_confidence,
            rejected=summary.rejected,
            reasons=summary.reasons,
            results=results,
        ),
    )


def emit_training(record: ModelRecord, promotion: Promotion) -> None:
    """Emit the events of a training: ``sightline.model.trained`` and, if promoted, ``sightline.model.promoted``."""
    emit_model_trained(record, promotion)
    if promotion.promoted:
        emit_model_promoted(record, promotion)


def emit_model_trained(record: ModelRecord, promotion: Promotion) -> None:
    """Emit ``sightline.model.trained`` with the metrics that the record has."""
    metrics = {name: record.metrics[name] for name in ModelTrained.metric_names() if name in record.metrics}
    _emit(
        _version(record),
        ModelTrained(
            version=record.version,
            samples=record.data.samples,
            synthetic=record.data.synthetic,
            reviewed=record.data.reviewed,
            promoted=promotion.promoted,
            why=promotion.why,
            **metrics,
        ),
    )


def emit_model_promoted(record: ModelRecord, promotion: Promotion) -> None:
    """Emit ``sightline.model.promoted``."""
    payload = ModelPromoted(version=record.version, previous=promotion.previous, why=promotion.why)
    _emit(_version(record), payload)


def emit_model_rolled_back(model: ModelName, previous: int | None) -> None:
    """Emit ``sightline.model.rolled-back``; ``model`` is the version that is current now."""
    _emit(Resource.model(model), ModelRolledBack(previous=previous))


def emit_model_drift(report: MonitoringReport) -> None:
    """Emit ``sightline.model.drift``, which can start a training.

    The resource has the label ``sightline.data`` only if the version's record states its training data.
    """
    version = ModelName.parse(report.version)
    _emit(
        Resource.model(version, report.data),
        ModelDrift(
            model=report.model,
            version=version.version,
            data=report.data,
            preset=report.preset or report.model,
            pretrained=report.pretrained is not False,
            why=f"drift of {report.version}: {report.headline}",
            findings=tuple(finding.model_dump(mode="json", by_alias=True) for finding in report.drift),
            since=report.since.isoformat(),
            until=report.until.isoformat(),
            events=report.events,
            report=report.report,
        ),
    )


def emit_review_answered(run: str, model: str, agreement: Agreement, *, waiting: int, learnable: int) -> None:
    """Emit ``sightline.review.answered`` for one version, ``posture/3``; ``run`` is the flow run's id."""
    _emit(
        Resource.review(run, ModelName.parse(model)),
        ReviewAnswered(
            model=model, waiting=waiting, learnable=learnable, **agreement.model_dump(mode="json", by_alias=True)
        ),
    )


def _emit(resource: Resource, payload: Payload) -> None:
    emit_event(payload.event, resource=resource.labelled(), payload=payload.as_json())


def _session(stored: StoredSession) -> Resource:
    return Resource.session(stored.sha256, stored.session, stored.patient)


def _version(record: ModelRecord) -> Resource:
    return Resource.model(ModelName(record.name, record.version))


def _prediction(schema: type[SessionPredicted], stored: StoredSession, prediction: Prediction) -> SessionPredicted:
    return schema(
        patient=stored.patient,
        session=stored.session,
        spoken_emotion=stored.emotion,
        model=prediction.model,
        emotion=prediction.emotion,
        confidence=prediction.confidence,
        threshold=prediction.threshold,
        review=prediction.review,
    )


def _counts(schema: type[ImagesClassified], run: FinishedClassification, results: str) -> ImagesClassified:
    summary = run.summary
    return schema(
        images=summary.images,
        accepted=summary.accepted,
        low_confidence=summary.low_confidence,
        rejected=summary.rejected,
        classes=summary.classes,
        reasons=summary.reasons,
        threshold=run.threshold,
        results=results,
    )
