"""Publication of a trained ranking, and its promotion if it ranks at least as well as the current version."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sightline.ranking import TASK, load_ranker
from sightline.ranking.model import MODEL_FILE
from sightline.registry import DataVersion, ModelDraft, ModelRecord, Promotion, Registry
from sightline.training.common.manifest import COLUMNS, MANIFEST, csv_bytes, hash_of_samples
from sightline.training.common.publishing import (
    Guess,
    TestSet,
    VersionComparison,
    compare_with_current,
    promote_version,
    provenance,
)
from sightline.training.common.stage_graph import StageGraph
from sightline.training.ranking.dataset import LABELS, SPLITS, RankingData, Split
from sightline.training.ranking.evaluate import METRICS, SCORES, THRESHOLD, RankingMetrics, auc
from sightline.training.ranking.export import EXPORT
from sightline.training.ranking.featurize import image_input, read_crop
from sightline.training.ranking.head import TRAINING, History, read_history
from sightline.training.ranking.parameters import RankingParameters
from sightline.training.ranking.preparing import Crop, crops_of, read_people
from sightline.vision.heads import LinearHead

__all__ = ["DROPPED", "METRIC", "dropped_by_reason", "parameters_of", "promote_ranker", "publish_ranker"]

METRIC = "roc_auc"
"""The metric that decides on promotion."""

DROPPED = "dropped.csv"

Crops = Mapping[Split, list[Crop]]

_LIBRARIES = (
    "mediapipe",
    "numpy",
    "onnx",
    "onnxruntime",
    "opencv-contrib-python-headless",
    "pillow",
    "torch",
    "torchvision",
)


def publish_ranker(
    registry: Registry, name: str, graph: StageGraph, data: RankingData, parameters: RankingParameters, folder: Path
) -> ModelRecord:
    """Copy the output of the stages into the empty ``folder``, and publish it as the model's next version.

    Runs the stages that are not fresh. :func:`promote_ranker` makes the version current.
    """
    outputs = {stage: graph.folder(stage) for stage in graph.stages}
    history = read_history(outputs["train"])
    people = {split: read_people(outputs[f"prepare-{split}"]) for split in SPLITS}
    crops = {split: [crop for crop in rows if crop.image_path] for split, rows in people.items()}
    _copy_files(outputs, folder)
    (folder / MANIFEST).write_bytes(_manifest(crops, history))
    if dropped := [(split, row) for split, rows in people.items() for row in rows if not row.image_path]:
        (folder / DROPPED).write_bytes(_dropped(dropped))
    metrics = RankingMetrics.model_validate_json((folder / METRICS).read_bytes())
    export = json.loads((outputs["export"] / EXPORT).read_bytes())
    draft = ModelDraft(
        name=name,
        task=TASK,
        architecture={
            "backbone": parameters.backbone,
            "pretrained": parameters.pretrained,
            "embedding": LinearHead.load(folder / LinearHead.FILE).embedding_size,
            "head": "linear",
            "fitted": "whole, on the mean colour",
            "opset": export["opset"],
        },
        classes=LABELS,
        input=image_input(parameters.image_size, parameters.backbone),
        threshold=THRESHOLD,
        temperature=1.0,
        data=_data_version(data, crops, history),
        parameters={
            **parameters.model_dump(mode="json"),
            "data": {
                "uri": data.uri,
                "revision": data.revision,
                "folders": list(data.folders) if data.folders else None,
                "versions": {split: data.version(split) for split in SPLITS},
            },
            "dropped": dropped_by_reason(people["train"] + people["evaluate"]),
            "stages": {stage: graph.run(stage).record.key for stage in graph.stages},
        },
        seed=parameters.seed,
        metrics=metrics.model_dump(mode="json")
        | {
            "epochs": len(history.train_losses),
            "epoch_kept": history.epoch,
            "validation_loss": history.validation_losses[history.epoch - 1],
            "onnx_difference": export["largest_difference"],
        },
        **provenance(_LIBRARIES),
    )
    return registry.publish(draft, folder)


def parameters_of(record: ModelRecord) -> RankingParameters:
    """Return the parameters that a version was trained with."""
    return RankingParameters(
        **{name: record.parameters[name] for name in RankingParameters.model_fields if name in record.parameters}
    )


def dropped_by_reason(people: Iterable[Crop]) -> dict[str, int]:
    """Return the number of people and photos without a lower body to rank, by reason."""
    return dict(sorted(Counter(row.reason for row in people if not row.image_path).items()))


def promote_ranker(registry: Registry, record: ModelRecord, graph: StageGraph) -> Promotion:
    """Make a version current if its ROC-AUC is at least that of the current one on the same evaluation images.

    :func:`compare_with_current` describes the comparison. A version that recognises no good runner, or whose accuracy
    may be that of a guess, is never promoted.
    """

    def read_test_set() -> TestSet:
        crops = crops_of(graph.folder("prepare-evaluate"))
        labels = np.array([LABELS.index(crop.label) for crop in crops], dtype=np.int64)
        return TestSet([crop.sha256 for crop in crops], labels)

    def measure(current: str, selected: NDArray[np.bool_]) -> tuple[float, float]:
        folder = graph.folder("prepare-evaluate")
        crops = [crop for crop, is_selected in zip(crops_of(folder), selected, strict=True) if is_selected]
        labels = np.array([LABELS.index(crop.label) for crop in crops], dtype=np.int64)
        images = [read_crop(folder, crop) for crop in crops]
        return _auc_of(registry, record.label, images, labels), _auc_of(registry, current, images, labels)

    def compare() -> VersionComparison:
        comparison = compare_with_current(registry, record, METRIC, read_test_set, measure, _guess(record))
        objection = _objection(record)
        if objection is None:
            return comparison
        why = objection if comparison.version is None else f"{objection}; {comparison.why}"
        return replace(comparison, why=why, refused=True)

    return promote_version(registry, record, METRIC, compare)


def _objection(record: ModelRecord) -> str | None:
    """Return why a version must not be promoted, whatever the current one is; None if nothing speaks against it."""
    metrics = RankingMetrics.model_validate(record.metrics)
    if not metrics.recall:
        return (
            f"it recognises none of the {metrics.good} good runners among the evaluation photos (recall 0). Check the "
            "labels, or add photos"
        )
    chance = max(metrics.good, metrics.images - metrics.good) / metrics.images
    return Guess("accuracy", metrics.accuracy_interval[0], chance, "always the same label").objection


def _guess(record: ModelRecord) -> Guess | None:
    """Compare a model with a random order, whose ROC-AUC is 0.5; None without an interval."""
    interval = record.metrics["roc_auc_interval"]
    return Guess("ROC-AUC", interval[0], 0.5, "a random order") if interval else None


def _auc_of(registry: Registry, model: str, images: list[NDArray[np.uint8]], labels: NDArray[np.int64]) -> float:
    return auc(load_ranker(registry, model).scores(images), labels)


def _copy_files(outputs: Mapping[str, Path], folder: Path) -> None:
    """Copy the files of the stages that belong to the model."""
    files = [outputs["export"] / MODEL_FILE, outputs["train"] / LinearHead.FILE, outputs["train"] / TRAINING]
    files += [outputs["evaluate"] / METRICS, outputs["evaluate"] / SCORES, *sorted(outputs["evaluate"].glob("*.png"))]
    for file in files:
        shutil.copyfile(file, folder / file.name)


def _parts(crops: Crops, history: History) -> Iterable[tuple[str, Crop]]:
    held_out = set(history.validation)
    for crop in crops["train"]:
        yield "validation" if crop.image_path in held_out else "train", crop
    for crop in crops["evaluate"]:
        yield "test", crop


def _manifest(crops: Crops, history: History) -> bytes:
    """Return one row for each lower body with its part of the data, in the columns of every manifest."""
    rows = [(crop.sha256, crop.label, crop.group, part, crop.image_path) for part, crop in _parts(crops, history)]
    return csv_bytes([COLUMNS[:-1], *rows])


def _dropped(dropped: Iterable[tuple[str, Crop]]) -> bytes:
    rows = [(split, row.label, row.photo, str(row.person), row.reason, row.detail) for split, row in dropped]
    return csv_bytes([("split", "label", "photo", "person", "reason", "detail"), *rows])


def _data_version(data: RankingData, crops: Crops, history: History) -> DataVersion:
    parts = Counter(part for part, _ in _parts(crops, history))
    return DataVersion(
        manifest_sha256=_hash_of([*crops["train"], *crops["evaluate"]]),
        test_sha256=_hash_of(crops["evaluate"]),
        samples=parts.total(),
        train=parts["train"],
        validation=parts["validation"],
        test=parts["test"],
        groups=len({(split, crop.group) for split in SPLITS for crop in crops[split]}),
        source=data.name,
        synthetic=data.synthetic,
    )


def _hash_of(crops: Iterable[Crop]) -> str:
    return hash_of_samples((crop.sha256, crop.label) for crop in crops)
