"""Small records of everything that is rendered or emitted, for tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sightline.emotion import Stretch
from sightline.monitoring import MonitoringReport
from sightline.monitoring.drift import DriftComparison
from sightline.monitoring.performance import Estimate
from sightline.monitoring.report import BaselineFacts, ClassFigures
from sightline.ranking import FinishedRanking, RankedPerson, RankingSummary
from sightline.registry import DataVersion, FileEntry, ImageInput, ModelRecord, Promotion
from sightline.sessions import Metadata, PoseIndices, Prediction, StoredSession
from sightline.vision import FinishedClassification, ImageRecord, Outcome, Summary

NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)
SHA256 = "a" * 64
_EVALUATION: dict[str, Any] = {
    "accuracy": 0.9, "accuracy_interval": [0.8, 0.95], "accuracy_accepted": 1.0, "share_accepted": 0.5,
    "macro_f1": 0.85, "ece_before": 0.1, "ece_after": 0.05, "training_seconds": 61.0,
    "per_class": {
        "left": {"precision": 1.0, "recall": 0.5, "f1": 0.667, "support": 4},
        "right": {"precision": 0.75, "recall": 1.0, "f1": 0.857, "support": 6},
    },
    "confusion_matrix": [[2, 2], [0, 6]],
}  # fmt: skip

IMAGE_METRICS: dict[str, Any] = _EVALUATION | {
    "cross_validation": {
        "folds": [{}, {}], "grouped": True, "accuracy": 0.8, "accuracy_deviation": 0.1, "macro_f1": 0.7,
        "macro_f1_deviation": 0.2,
    },
}  # fmt: skip
"""The metrics of an image classifier's record."""

EMOTION_METRICS: dict[str, Any] = _EVALUATION | {
    "verdict": "correct on 90 % of 10 unseen sessions", "proven": True, "dummy": "left", "dummy_accuracy": 0.4,
    "logistic_accuracy": 0.7, "permutations": 100, "p_value": 0.01, "folds": 3, "repeats": 5,
    "importance": [{"feature": "hand_speed", "loss": 0.25}],
}  # fmt: skip
"""The metrics of an emotion model's record."""

RANKING_METRICS: dict[str, Any] = {
    "accuracy": 0.9, "accuracy_interval": [0.8, 0.95], "precision": 0.8, "precision_interval": [0.7, 0.9],
    "recall": 0.7, "recall_interval": [0.6, 0.8], "f1": 0.75, "f1_interval": [0.65, 0.85],
    "roc_auc": None, "roc_auc_interval": None,
}  # fmt: skip
"""The metrics of a ranking's record whose evaluation photos are all of one class."""


def stored_session(**changes: Any) -> StoredSession:
    """Return a stored session of ana."""
    metadata = Metadata(
        video_path="/videos/ana/visit.mp4", transcription="I am | happy\n*now*", emotion="happy", duration_seconds=12.5,
        emotion_keywords_found=1, annotations_found=2, frames_extracted=14, poses_extracted=13, whisper_model="base",
        processing_timestamp=NOON, session="visit", content_hash=SHA256, engine="whisper", model="base", segments=(),
        annotations=(), frames_tracked=125, frames_with_person=120,
        timeline=(Stretch(start=0.2, end=1, emotion="happy", evidence="I am | happy"),), parameters={}, timings={},
        versions={},
    )  # fmt: skip
    fields: dict[str, Any] = {
        "patient": "ana", "session": "visit", "sha256": SHA256, "emotion": "happy", "annotated_video": "/out/visit.mp4",
        "highlights": None, "frames": "/out/frames", "poses": "/out/poses", "metadata_file": "/out/visit.json",
        "csv": "/out/visit.csv", "pose_folder": "/patients/ana/happiness",
        "pose_indices": PoseIndices(start=0, end=12, count=13), "record": "/patients/ana/visit.json",
        "track": "/patients/ana/visit.parquet", "metadata": metadata,
    }  # fmt: skip
    return StoredSession(**{**fields, **changes})


def prediction(*review: str) -> Prediction:
    """Return a prediction of ana's model, with the reasons of its review."""
    return Prediction(
        model="ana/3", emotion="sad", probabilities={"happy": 0.45, "sad": 0.55}, confidence=0.55, threshold=0.6,
        outcome="low_confidence" if review else "accepted", review=review, predicted_at=NOON,
    )  # fmt: skip


def classification(*records: ImageRecord, familiarity_checked: bool = False) -> FinishedClassification:
    """Return a finished run that classified these images and 8 others that were accepted."""
    outcomes = [record.outcome for record in records]
    summary = Summary(
        images=8 + len(records),
        accepted=8 + outcomes.count(Outcome.ACCEPTED),
        low_confidence=outcomes.count(Outcome.LOW_CONFIDENCE),
        rejected=outcomes.count(Outcome.REJECTED),
        classes={"left": 8 + sum(record.class_name == "left" for record in records)},
        reasons={str(record.reason): 1 for record in records if record.reason},
        least_certain=tuple(record for record in records if record.confidence is not None),
        not_accepted=tuple(record for record in records if record.outcome is not Outcome.ACCEPTED),
    )
    return FinishedClassification(
        key="k1", model="posture/3", threshold=0.9, familiarity_checked=familiarity_checked, finished=NOON, final=True,
        summary=summary,
    )  # fmt: skip


def uncertain_image() -> ImageRecord:
    """Return the record of an image below the threshold."""
    return ImageRecord(
        uri="s3://ward/a.jpg", sha256=SHA256, class_name="left", probabilities={"left": 0.6, "right": 0.4},
        confidence=0.6, threshold=0.9, outcome=Outcome.LOW_CONFIDENCE, reason="THRESHOLD_CONFIDENCE_NOT_MET",
        model="posture/3", timings={},
    )  # fmt: skip


def empty_image() -> ImageRecord:
    """Return the record of a rejected image."""
    return ImageRecord(
        uri="s3://ward/b.jpg", sha256=None, threshold=0.9, outcome=Outcome.REJECTED, reason="empty", model="posture/3",
        timings={},
    )  # fmt: skip


def ranking() -> FinishedRanking:
    """Return a finished run with one ranked person."""
    person = RankedPerson(
        uri="/photos/1.jpg", sha256=SHA256, person=1, score=0.75, ranking=0.8, arms_above_head=True,
        outcome=Outcome.ACCEPTED, model="running-style/2",
    )  # fmt: skip
    summary = RankingSummary(images=2, ranked=1, low_confidence=1, rejected=0, reasons={"blurred": 1}, best=(person,))
    return FinishedRanking(key="k2", model="running-style/2", finished=NOON, final=True, summary=summary)


def model_record(name: str, metrics: dict[str, Any], **changes: Any) -> ModelRecord:
    """Return the record of version 3 of a model with these metrics."""
    data = DataVersion(
        manifest_sha256=SHA256, test_sha256=SHA256, samples=100, train=60, validation=20, test=20, groups=7,
        source="/data", synthetic=True, reviewed=2,
    )  # fmt: skip
    fields: dict[str, Any] = {
        "name": name, "version": 3, "created": NOON, "task": "image-classification",
        "architecture": {"backbone": "mobilenet_v3_small", "head": "linear", "pretrained": True},
        "classes": ("left", "right"), "input": ImageInput(width=8, height=8, mean=(0, 0, 0), std=(1, 1, 1)),
        "threshold": 0.9, "temperature": 1.5, "data": data, "parameters": {"dropped": {"blurred": 2}}, "seed": 0,
        "metrics": metrics, "code_version": "0", "libraries": {},
        "files": {"model.onnx": FileEntry(sha256=SHA256, size=1)},
    }  # fmt: skip
    return ModelRecord(**{**fields, **changes})


def promotion(*, promoted: bool = True, metric: str = "macro_f1") -> Promotion:
    """Return the comparison of version 3 with version 2."""
    return Promotion(
        promoted=promoted, version=3, previous=2, metric=metric, value=0.85, current_value=0.8, why="at least as good"
    )


def drift(quantity: str = "classes", *, drifted: bool = True) -> DriftComparison:
    """Return a comparison with the baseline."""
    return DriftComparison(
        quantity=quantity, test="chi-square", baseline_size=400, size=500, p=1e-6, p_corrected=2e-6,
        effects={"total variation": 0.29}, judged_by="total variation", limit=0.1, drifted=drifted,
        summary="the share of left rose from 50 % to 79 %",
    )  # fmt: skip


def monitoring_report(*comparisons: DriftComparison, **changes: Any) -> MonitoringReport:
    """Return a report on posture/3 with these comparisons."""
    fields: dict[str, Any] = {
        "model": "posture", "version": "posture/3", "since": NOON, "until": NOON.replace(day=2), "note": None,
        "synthetic": False, "data": "s3://ward/labelled", "preset": "posture", "pretrained": True, "threshold": 0.9,
        "classes": ("left", "right"), "events": 500, "duplicates": 1, "bad_lines": 1,
        "bad_line_examples": ("s3://capture/1.jsonl:3",), "accepted": 400, "low_confidence": 100, "rejected": 2,
        "reasons": {"empty": 2}, "mean_confidence": 0.95,
        "expected_accuracy": Estimate(value=0.9, low=0.88, high=0.92), "versions": {},
        "per_class": {"left": ClassFigures(events=395, share=0.79, mean_confidence=0.9, baseline_share=0.5)},
        "latency": None, "period_hours": 24, "periods": (), "risk_coverage": (),
        "baseline": BaselineFacts(
            source="the test set of posture/3", predictions=400, embeddings=0, mean_confidence=0.96, accuracy=0.93
        ),
        "comparisons": comparisons, "drift": tuple(item for item in comparisons if item.drifted),
        "not_compared": None, "least_certain": (), "report": "s3://results/monitoring/report.html",
    }  # fmt: skip
    return MonitoringReport(**{**fields, **changes})
