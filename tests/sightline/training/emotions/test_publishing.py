"""A patient's forest is published with its evaluation, and promoted if it is no worse."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sightline.affect import load_emotion_model
from sightline.errors import InvalidModelName
from sightline.registry import ModelDraft, ModelRecord, Registry
from sightline.training.emotions import (
    SessionTable,
    TrainedForest,
    promote_forest,
    publish_forest,
    publishing,
    train_forest,
)
from tests.emotions import synthetic_table

PATIENT = "José M."


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "models")


@pytest.fixture(scope="module")
def table() -> SessionTable:
    return synthetic_table()


@pytest.fixture(scope="module")
def trained(table: SessionTable) -> TrainedForest:
    return train_forest(table, repeats=1, permutations=0)


@pytest.fixture(autouse=True)
def _without_plots(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip drawing, which takes most of the time, in all tests except that of the version's files."""
    if "files" not in request.node.name:
        monkeypatch.setattr(publishing, "draw_plots", lambda *_: [])


def publish(
    registry: Registry, folder: Path, table: SessionTable, trained: TrainedForest, patient: str = PATIENT
) -> ModelRecord:
    target = folder / f"version-{len(list(folder.iterdir()))}"
    target.mkdir()
    return publish_forest(registry, patient, table, trained, target, threshold=0.6, parameters={}, source="patients")


def part(table: SessionTable, rows: np.ndarray) -> SessionTable:
    """Return some rows of a table."""
    return replace(
        table, sessions=tuple(np.array(table.sessions, object)[rows]), features=table.features[rows],
        labels=table.labels[rows], groups=table.groups[rows],
    )  # fmt: skip


def with_wrong_predictions(trained: TrainedForest, table: SessionTable, rows: np.ndarray) -> TrainedForest:
    """Return the forest with wrong predictions of some sessions."""
    predictions = trained.out_of_fold.copy()
    predictions[rows] = np.roll(np.eye(len(table.classes))[table.labels[rows]], 1, axis=1)
    return replace(trained, out_of_fold=predictions)


def test_loaded_model_predicts_like_the_trained_one(
    registry: Registry, tmp_path: Path, table: SessionTable, trained: TrainedForest
) -> None:
    record = publish(registry, tmp_path, table, trained)
    assert promote_forest(registry, record, table, trained).promoted
    model = load_emotion_model(registry, PATIENT)
    expected = trained.forest.predict_proba(table.features).argmax(axis=1)
    assert (model.predict_rows(table.features).argmax(axis=1) == expected).all()
    assert model.classes == table.classes
    assert model.record.data.synthetic
    assert model.record.architecture["patient"] == PATIENT


def test_archive_holds_the_files_and_is_reproducible(
    registry: Registry, tmp_path: Path, table: SessionTable, trained: TrainedForest
) -> None:
    record = publish(registry, tmp_path, table, trained)
    files = registry.open(record.name, 1).folder
    with tarfile.open(fileobj=io.BytesIO((files / "model.tar.gz").read_bytes())) as archive:
        held = {row.name: archive.extractfile(row).read() for row in archive.getmembers()}  # type: ignore[union-attr]
        assert {row.mtime for row in archive.getmembers()} == {0}
    assert json.loads(held.pop("record.json"))["metrics"] == record.metrics
    assert held == {name: (files / name).read_bytes() for name in record.files if name != "model.tar.gz"}


def test_sessions_are_stored_with_out_of_fold_probabilities(
    registry: Registry, tmp_path: Path, table: SessionTable, trained: TrainedForest
) -> None:
    record = publish(registry, tmp_path, table, trained)
    stored = json.loads((registry.open(record.name, 1).folder / "training_sessions.json").read_bytes())
    assert stored["patient"] == PATIENT
    correct = [max(row["probabilities"], key=row["probabilities"].get) == row["emotion"] for row in stored["sessions"]]
    assert np.mean(correct) == record.metrics["accuracy"] < 1, (
        "predictions of the training sessions would all be correct"
    )


def test_calibration_uses_out_of_fold_probabilities(
    registry: Registry, tmp_path: Path, table: SessionTable, trained: TrainedForest
) -> None:
    record = publish(registry, tmp_path, table, trained)
    assert record.temperature == trained.calibration.temperature
    assert record.metrics["ece_after"] <= record.metrics["ece_before"]


def test_worse_version_is_not_promoted(
    registry: Registry, tmp_path: Path, table: SessionTable, trained: TrainedForest
) -> None:
    good = publish(registry, tmp_path, table, trained)
    promote_forest(registry, good, table, trained)
    worse = with_wrong_predictions(
        trained, table, np.flatnonzero(trained.out_of_fold.argmax(axis=1) == table.labels)[:1]
    )
    bad = publish(registry, tmp_path, table, worse)
    promotion = promote_forest(registry, bad, table, worse)
    assert (promotion.promoted, promotion.previous) == (False, 1)
    assert promotion.current_value == pytest.approx(promotion.value + 1 / len(table.sessions))
    assert promotion.why == "compared on the same 60 sessions: 60 by their out-of-fold predictions"
    assert load_emotion_model(registry, PATIENT).name == good.label


def test_equally_good_version_is_promoted(
    registry: Registry, tmp_path: Path, table: SessionTable, trained: TrainedForest
) -> None:
    for _ in range(2):
        record = publish(registry, tmp_path, table, trained)
        assert promote_forest(registry, record, table, trained).promoted
    assert load_emotion_model(registry, PATIENT).name == record.label


def test_current_model_predicts_the_sessions_it_has_not_seen(
    registry: Registry, tmp_path: Path, table: SessionTable, trained: TrainedForest
) -> None:
    early = part(table, np.arange(40))
    first = train_forest(early, repeats=1, permutations=0)
    record = publish(registry, tmp_path, early, first)
    promote_forest(registry, record, early, first)
    later = publish(registry, tmp_path, table, trained)
    promotion = promote_forest(registry, later, table, trained)
    assert "40 by their out-of-fold predictions, and 20 that" in promotion.why
    unseen = part(table, np.arange(40, 60))
    direct = load_emotion_model(registry, PATIENT, 1).predict_rows(unseen.features).argmax(axis=1) == unseen.labels
    out_of_fold = first.out_of_fold.argmax(axis=1) == early.labels
    assert promotion.current_value == pytest.approx((out_of_fold.sum() + direct.sum()) / 60)


@pytest.mark.parametrize("patient", ["vehicles", "posture", "running-style"])
def test_patient_named_like_an_image_model_leaves_nothing_in_its_place(
    patient: str, registry: Registry, tmp_path: Path, table: SessionTable, trained: TrainedForest
) -> None:
    before = [registry.versions(patient), sorted(path.name for path in (tmp_path / "models").glob(f"{patient}/*"))]
    record = publish(registry, tmp_path, table, trained, patient)
    assert record.label == f"patient--{patient}/1"
    after = [registry.versions(patient), sorted(path.name for path in (tmp_path / "models").glob(f"{patient}/*"))]
    assert after == before


def test_image_model_cannot_have_the_name_of_a_patients_model(registry: Registry, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    draft = registry.record("vehicles").model_dump(exclude={"version", "files"}) | {"name": "patient--ana"}
    with pytest.raises(InvalidModelName, match="is the name of a patient's model"):
        registry.publish(ModelDraft(**draft), folder)
    assert not (tmp_path / "models" / "patient--ana").exists()
