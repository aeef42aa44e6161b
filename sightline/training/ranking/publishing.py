"""Making a trained ranking a version of the registry, and current where it ranks at least as well."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sightline.ranking import TASK, load_ranker
from sightline.ranking.model import MODEL_FILE
from sightline.registry import (
    DataVersion,
    ModelDraft,
    ModelRecord,
    Promotion,
    Registry,
    code_version,
    versions_of_libraries,
)
from sightline.training.common.current_model import Comparison, RivalChanged, fair_places
from sightline.training.common.manifest import COLUMNS, MANIFEST, csv_bytes, hash_of_samples
from sightline.training.common.stages import StageGraph
from sightline.training.ranking.dataset import LABELS, SPLITS, RankingData, Split
from sightline.training.ranking.evaluate import METRICS, SCORES, THRESHOLD, RankingMetrics, auc
from sightline.training.ranking.export import EXPORT
from sightline.training.ranking.featurize import BACKBONE, image_input, read_crop
from sightline.training.ranking.head import TRAINING, History, read_history
from sightline.training.ranking.parameters import RankingParameters
from sightline.training.ranking.preparing import Crop, crops_of, read_people
from sightline.vision.heads import LinearHead

__all__ = ["DROPPED", "METRIC", "dropped_by_reason", "parameters_of", "promote_ranker", "publish_ranker"]

METRIC = "roc_auc"
"""What promotion goes by."""

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
    """Gather what the stages made in ``folder``, an empty one, and publish it as the model's next version.

    The stages are run as far as they are not fresh. The version is not current yet: that is :func:`promote_ranker`'s.
    """
    made = {stage: graph.folder(stage) for stage in graph.stages}
    history = read_history(made["train"])
    people = {split: read_people(made[f"prepare-{split}"]) for split in SPLITS}
    crops = {split: [crop for crop in rows if crop.image_path] for split, rows in people.items()}
    _gather(made, folder)
    (folder / MANIFEST).write_bytes(_manifest(crops, history))
    if dropped := [(split, row) for split, rows in people.items() for row in rows if not row.image_path]:
        (folder / DROPPED).write_bytes(_dropped(dropped))
    metrics = RankingMetrics.model_validate_json((folder / METRICS).read_bytes())
    export = json.loads((made["export"] / EXPORT).read_bytes())
    draft = ModelDraft(
        name=name,
        created=datetime.now(UTC),
        task=TASK,
        architecture={
            "backbone": BACKBONE,
            "pretrained": parameters.pretrained,
            "embedding": LinearHead.load(folder / LinearHead.FILE).embedding_size,
            "head": "linear",
            "fitted": "whole, on the mean colour",
            "opset": export["opset"],
        },
        classes=LABELS,
        input=image_input(parameters.image_size),
        threshold=THRESHOLD,
        temperature=1.0,
        data=_data_version(data, crops, history),
        parameters={
            **parameters.model_dump(mode="json"),
            "data": {
                "uri": data.uri,
                "revision": data.revision,
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
        code_version=code_version(),
        libraries=versions_of_libraries(_LIBRARIES),
    )
    return registry.publish(draft, folder)


def parameters_of(record: ModelRecord) -> RankingParameters:
    """The parameters that a version was trained with."""
    return RankingParameters(
        **{name: record.parameters[name] for name in RankingParameters.model_fields if name in record.parameters}
    )


def dropped_by_reason(people: Iterable[Crop]) -> dict[str, int]:
    """How many people and photos have no lower body to rank, by reason."""
    return dict(sorted(Counter(row.reason for row in people if not row.image_path).items()))


def promote_ranker(registry: Registry, record: ModelRecord, graph: StageGraph) -> Promotion:
    """Make a version current where its ROC-AUC is at least the current one's on the same evaluation pictures.

    Where the current model's own evaluation had the same pictures, its recorded figure stands. Where it has learnt
    from some of them, both are judged on the others alone; should too few be left, on all.
    """
    while True:
        found = _compared(registry, record, graph)
        try:
            return registry.promote(
                record.name, record.version, metric=METRIC, value=found.value, rival=found.rival_is, why=found.why
            )
        except RivalChanged:
            continue


def _compared(registry: Registry, record: ModelRecord, graph: StageGraph) -> Comparison:
    value = float(record.metrics[METRIC])
    current = registry.current(record.name)
    if current is None or current.version == record.version:
        return Comparison(None, value, None, "there was no current model")
    files = registry.open(record.name, current.version)
    rival = files.record.label
    if files.record.data.test_sha256 == record.data.test_sha256:
        why = f"{rival} was evaluated on the same {record.data.test} pictures"
        return Comparison(current.version, value, float(files.record.metrics[METRIC]), why)
    folder = graph.folder("prepare-evaluate")
    crops = crops_of(folder)
    labels = np.array([LABELS.index(crop.label) for crop in crops], dtype=np.int64)
    judged, known = fair_places(files, [crop.sha256 for crop in crops], labels)
    why = f"{rival} was evaluated anew on the same {len(crops)} pictures"
    if not judged.all():
        why = f"compared on {judged.sum()} of {len(crops)} pictures, since {rival} has learnt from the others"
    elif known:
        why += f", of which it has learnt from {known}: its figure is too high"
    pictures = [read_crop(folder, crop) for crop, counts in zip(crops, judged, strict=True) if counts]
    ours, theirs = (_auc_of(registry, label, pictures, labels[judged]) for label in (record.label, rival))
    return Comparison(current.version, ours, theirs, why)


def _auc_of(registry: Registry, model: str, pictures: list[NDArray[np.uint8]], labels: NDArray[np.int64]) -> float:
    return auc(load_ranker(registry, model).scores(pictures), labels)


def _gather(made: Mapping[str, Path], folder: Path) -> None:
    """The files of the stages that belong to the model."""
    kept = [made["export"] / MODEL_FILE, made["train"] / LinearHead.FILE, made["train"] / TRAINING]
    kept += [made["evaluate"] / METRICS, made["evaluate"] / SCORES, *sorted(made["evaluate"].glob("*.png"))]
    for file in kept:
        shutil.copyfile(file, folder / file.name)


def _parts(crops: Crops, history: History) -> Iterable[tuple[str, Crop]]:
    held_out = set(history.validation)
    for crop in crops["train"]:
        yield "validation" if crop.image_path in held_out else "train", crop
    for crop in crops["evaluate"]:
        yield "test", crop


def _manifest(crops: Crops, history: History) -> bytes:
    """One row a lower body with the part it is in, in the columns of every manifest."""
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
