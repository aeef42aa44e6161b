"""Publication of a patient's trained forest, and its promotion if it is at least as accurate as the current version."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sightline.affect import MODEL_FILE, SESSIONS, TASK, apply_temperature, load_emotion_model, model_of
from sightline.features import FEATURE_NAMES
from sightline.progress import Progress
from sightline.registry import (
    DataVersion,
    FeatureInput,
    ModelDraft,
    ModelRecord,
    Promotion,
    Registry,
)
from sightline.training.common.calibration import Calibration, calibrate, expected_calibration_error
from sightline.training.common.evaluation import selective
from sightline.training.common.publishing import VersionComparison, promote_version, provenance
from sightline.training.emotions.dataset import SessionTable
from sightline.training.emotions.pipelines import fit_forest
from sightline.training.emotions.plots import draw_plots
from sightline.training.emotions.synthetic import ENGINE
from sightline.training.emotions.validation import Validation, validate

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

__all__ = ["ARCHIVE", "TrainedForest", "promote_forest", "publish_forest", "train_forest"]

ARCHIVE = "model.tar.gz"
METRIC = "accuracy"
"""The metric that decides on promotion: the share of sessions whose out-of-fold prediction is correct."""

_LIBRARIES = ("numpy", "scikit-learn", "scipy", "skops")


@dataclass(frozen=True, eq=False)
class TrainedForest:
    """A forest fitted on every session, with its validation on held-out sessions.

    ``before`` and ``out_of_fold``: the out-of-fold probabilities of the sessions, shape = (n, classes), before and
    after temperature scaling.
    """

    forest: Pipeline
    validation: Validation
    calibration: Calibration
    before: NDArray[np.float64]
    out_of_fold: NDArray[np.float64]


def train_forest(
    table: SessionTable, *, repeats: int = 5, permutations: int = 100, progress: Progress | None = None
) -> TrainedForest:
    """Validate the forest, and fit it on all sessions.

    The temperature is fitted on the out-of-fold probabilities: there is no other held-out data.
    """
    validated = validate(table, repeats=repeats, permutations=permutations, progress=progress)
    before = apply_temperature(validated.out_of_fold, 1.0)
    calibration = calibrate(np.log(before), table.labels)
    after = apply_temperature(validated.out_of_fold, calibration.temperature)
    return TrainedForest(fit_forest(table), validated.validation, calibration, before, after)


def publish_forest(
    registry: Registry,
    patient: str,
    table: SessionTable,
    trained: TrainedForest,
    folder: Path,
    *,
    threshold: float,
    parameters: Mapping[str, Any],
    source: str,
) -> ModelRecord:
    """Write the files into the empty ``folder``, and publish them as the next version of the patient's model.

    The first version has the patient's own name, which no model of another kind has.
    """
    import skops.io

    validation = trained.validation
    skops.io.dump(trained.forest, folder / MODEL_FILE)
    rows = _sessions(patient, table, trained)
    (folder / SESSIONS).write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    draw_plots(folder, validation)
    manifest = _hash_of(rows["sessions"])
    draft = ModelDraft(
        name=model_of(registry, patient).name,
        task=TASK,
        architecture={"patient": patient, "model": "random forest", "trees": validation.trees},
        classes=table.classes,
        input=FeatureInput(features=FEATURE_NAMES),
        threshold=threshold,
        temperature=trained.calibration.temperature,
        data=DataVersion(
            manifest_sha256=manifest,
            # Every session is in the test set, predicted by forests that were not trained on it.
            test_sha256=manifest,
            samples=len(table.sessions),
            train=len(table.sessions),
            validation=0,
            test=len(table.sessions),
            groups=validation.videos,
            source=source,
            synthetic=any(session.engine == ENGINE for session in table.sessions),
        ),
        parameters=dict(parameters),
        seed=validation.seed,
        metrics=_metrics(table, trained, threshold),
        **provenance(_LIBRARIES),
    )
    (folder / ARCHIVE).write_bytes(_archive(folder, draft))
    return registry.publish(draft, folder)


def promote_forest(registry: Registry, record: ModelRecord, table: SessionTable, trained: TrainedForest) -> Promotion:
    """Make a version current if it is at least as accurate as the current one on the same sessions.

    A session that a model was trained on counts with the out-of-fold prediction of the model's cross-validation, which
    is stored with the model.
    """
    emotions = np.array(table.classes)
    true = emotions[table.labels]
    value = float((emotions[trained.out_of_fold.argmax(axis=1)] == true).mean())

    def compare() -> VersionComparison:
        current = registry.current(record.name)
        if current is None or current.version == record.version:
            return VersionComparison.without_current(value)
        predicted, unseen = _predictions_of(registry, record, current.version, table)
        why = f"compared on the same {len(true)} sessions: {len(true) - unseen} by their out-of-fold predictions" + (
            f", and {unseen} that {record.name}/{current.version} was not trained on" if unseen else ""
        )
        return VersionComparison(current.version, value, float((predicted == true).mean()), why)

    return promote_version(registry, record, METRIC, compare)


def _predictions_of(
    registry: Registry, record: ModelRecord, version: int, table: SessionTable
) -> tuple[NDArray[np.str_], int]:
    """Return the emotion that an earlier version predicts for each session, and the number that are new to it."""
    files = registry.open(record.name, version)
    stored = json.loads((files.folder / SESSIONS).read_text(encoding="utf-8"))["sessions"]
    out_of_fold = {row["sha256"]: max(row["probabilities"], key=row["probabilities"].get) for row in stored}
    model = load_emotion_model(registry, record.architecture["patient"], version)
    direct = np.array(model.classes)[model.predict_rows(table.features).argmax(axis=1)]
    predicted = [
        out_of_fold.get(session.sha256, emotion) for session, emotion in zip(table.sessions, direct, strict=True)
    ]
    return np.array(predicted), sum(session.sha256 not in out_of_fold for session in table.sessions)


def _metrics(table: SessionTable, trained: TrainedForest, threshold: float) -> dict[str, Any]:
    accepted = selective(trained.out_of_fold, table.labels, threshold)
    return trained.validation.model_dump(mode="json") | {
        "ece_before": expected_calibration_error(trained.before, table.labels),
        "ece_after": expected_calibration_error(trained.out_of_fold, table.labels),
        "share_accepted": accepted.share_accepted,
        "accuracy_accepted": accepted.accuracy_accepted,
    }


def _sessions(patient: str, table: SessionTable, trained: TrainedForest) -> dict[str, Any]:
    """Return the training sessions with their out-of-fold probabilities."""
    rows = zip(table.sessions, table.groups.tolist(), trained.out_of_fold.tolist(), strict=True)
    return {
        "patient": patient,
        "sessions": [
            {
                "session": session.session,
                "emotion": session.emotion,
                "video_file": session.video_file,
                "sha256": session.sha256,
                "group": group,
                "poses": session.pose_indices.count,
                "frames_with_person": session.frames_with_person,
                "probabilities": dict(zip(table.classes, probabilities, strict=True)),
            }
            for session, group, probabilities in rows
        ],
    }


def _hash_of(sessions: list[dict[str, Any]]) -> str:
    lines = sorted(f"{session['sha256']} {session['emotion']}\n" for session in sessions)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _archive(folder: Path, draft: ModelDraft) -> bytes:
    """Return an archive of the folder's files and of the record, which has no version yet."""
    files = {file.name: file.read_bytes() for file in sorted(folder.iterdir())}
    files["record.json"] = draft.model_dump_json(indent=2).encode()
    packed = io.BytesIO()
    # Without a modification time, so that the same files give the same archive.
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
