"""Making a patient's trained forest a version of the registry, and current where it is no worse."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sightline.affect import MODEL_FILE, TASK, apply_temperature, load_emotion_model
from sightline.features import FEATURE_NAMES
from sightline.names import PatientName
from sightline.progress import Progress
from sightline.registry import (
    DataVersion,
    FeatureInput,
    ModelDraft,
    ModelRecord,
    Promotion,
    Registry,
    code_version,
    versions_of_libraries,
)
from sightline.training.common.calibration import Calibration, calibrate, expected_calibration_error
from sightline.training.common.evaluation import selective
from sightline.training.emotions.dataset import SessionTable
from sightline.training.emotions.pipelines import fit_forest
from sightline.training.emotions.plots import draw_plots
from sightline.training.emotions.synthetic import ENGINE
from sightline.training.emotions.validation import Validation, validate

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

__all__ = ["ARCHIVE", "SESSIONS", "TrainedForest", "promote_forest", "publish_forest", "train_forest"]

SESSIONS, ARCHIVE = "training_sessions.json", "model.tar.gz"
METRIC = "accuracy"
"""What promotion goes by: the share of sessions whose emotion was said rightly by a model that had not seen them."""

_LIBRARIES = ("numpy", "scikit-learn", "scipy", "skops")


@dataclass(frozen=True, eq=False)
class TrainedForest:
    """A forest fitted on every session, with what is known of it from sessions that it had not seen.

    ``before`` and ``out_of_fold``: what was said of each session, shape = (n, classes), without and with the
    temperature.
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

    Its temperature is found on what was said of each session out of fold: there is no other held-out data.
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
    """Write the files into ``folder``, an empty one, and publish them as the next version of the patient's model.

    Raises ``WrongTask`` where a model for something else has the patient's name.
    """
    import skops.io

    validation = trained.validation
    skops.io.dump(trained.forest, folder / MODEL_FILE)
    rows = _sessions(patient, table, trained)
    (folder / SESSIONS).write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    draw_plots(folder, validation)
    manifest = _hash_of(rows["sessions"])
    draft = ModelDraft(
        name=PatientName.of(patient).model.name,
        created=datetime.now(UTC),
        task=TASK,
        architecture={"patient": patient, "model": "random forest", "trees": validation.trees},
        classes=table.classes,
        input=FeatureInput(features=FEATURE_NAMES),
        threshold=threshold,
        temperature=trained.calibration.temperature,
        data=DataVersion(
            manifest_sha256=manifest,
            # Every session is tested, by forests that have not seen it.
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
        code_version=code_version(),
        libraries=versions_of_libraries(_LIBRARIES),
    )
    (folder / ARCHIVE).write_bytes(_archive(folder, draft))
    return registry.publish(draft, folder)


def promote_forest(registry: Registry, record: ModelRecord, table: SessionTable, trained: TrainedForest) -> Promotion:
    """Make a version current where it is no worse than the current one on the same sessions.

    Neither is asked about a session that it has learnt from: there, what its cross-validation said of the session out
    of fold counts, which is kept beside each model.
    """
    emotions = np.array(table.classes)
    said = emotions[trained.out_of_fold.argmax(axis=1)]
    true = emotions[table.labels]
    reasons = ["there was no current model"]

    def rival(version: int) -> float:
        theirs, unseen = _said_by(registry, record, version, table)
        known = len(table.sessions) - unseen
        reasons[:] = [
            f"compared on the same {len(true)} sessions: {known} by what cross-validation said of each unseen"
            + (f", and {unseen} that {record.name}/{version} has not learnt from" if unseen else "")
        ]
        return float((theirs == true).mean())

    current = registry.current(record.name)
    if current is not None and current.version != record.version:
        rival(current.version)
    return registry.promote(
        record.name, record.version, metric=METRIC, value=float((said == true).mean()), rival=rival, why=reasons[0]
    )


def _said_by(
    registry: Registry, record: ModelRecord, version: int, table: SessionTable
) -> tuple[NDArray[np.str_], int]:
    """The emotion that an earlier version says of each session, and how many of them it has not learnt from."""
    files = registry.open(record.name, version)
    kept = json.loads((files.folder / SESSIONS).read_text(encoding="utf-8"))["sessions"]
    out_of_fold = {each["sha256"]: max(each["probabilities"], key=each["probabilities"].get) for each in kept}
    model = load_emotion_model(registry, record.architecture["patient"], version)
    asked = np.array(model.classes)[model.predict_rows(table.features).argmax(axis=1)]
    said = [out_of_fold.get(one.sha256, name) for one, name in zip(table.sessions, asked, strict=True)]
    return np.array(said), sum(one.sha256 not in out_of_fold for one in table.sessions)


def _metrics(table: SessionTable, trained: TrainedForest, threshold: float) -> dict[str, Any]:
    accepted = selective(trained.out_of_fold, table.labels, threshold)
    return trained.validation.model_dump(mode="json") | {
        "ece_before": expected_calibration_error(trained.before, table.labels),
        "ece_after": expected_calibration_error(trained.out_of_fold, table.labels),
        "share_accepted": accepted.share_accepted,
        "accuracy_accepted": accepted.accuracy_accepted,
    }


def _sessions(patient: str, table: SessionTable, trained: TrainedForest) -> dict[str, Any]:
    """What the model learnt from, and what was said of each session by forests that had not seen it."""
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
                "probabilities": dict(zip(table.classes, found, strict=True)),
            }
            for session, group, found in rows
        ],
    }


def _hash_of(sessions: list[dict[str, Any]]) -> str:
    lines = sorted(f"{each['sha256']} {each['emotion']}\n" for each in sessions)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _archive(folder: Path, draft: ModelDraft) -> bytes:
    """The folder's files, with the record as far as it is known before the registry numbers it."""
    files = {file.name: file.read_bytes() for file in sorted(folder.iterdir())}
    files["record.json"] = draft.model_dump_json(indent=2).encode()
    packed = io.BytesIO()
    # Without the time of packing, so that the same files make the same archive.
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
