"""Import of an image classifier: a torchvision network, with its own last layer or with boosted trees as the head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sightline.errors import InvalidInput
from sightline.registry import DataVersion, ImageInput, ModelDamaged, ModelDraft, ModelRecord, Registry
from sightline.registry.baseline import BASELINE, Baseline
from sightline.training.common.calibration import calibrate
from sightline.training.common.evaluation import evaluate
from sightline.training.common.manifest import MANIFEST
from sightline.training.common.publishing import provenance
from sightline.training.images import Preset, Splits, TrainingData, open_source, read_training_data, split
from sightline.training.importing.common import NEVER_EVALUATED, imported_parameters, no_data
from sightline.training.importing.networks import network_of
from sightline.training.importing.sandbox import read_contents, read_file
from sightline.vision import TASK
from sightline.vision.heads import Head, XGBoostHead, probabilities
from sightline.vision.weights import BACKBONE_FILE, load_backbone

if TYPE_CHECKING:
    from sightline.vision.nets import Backbone

__all__ = ["import_image_model"]

_LIBRARIES = ("numpy", "safetensors", "torch", "torchvision", "xgboost")


@dataclass(frozen=True)
class _Assessment:
    """What data shows about an imported model; without data nothing but the defaults."""

    temperature: float
    metrics: dict[str, Any]
    data: DataVersion


def import_image_model(
    registry: Registry,
    name: str,
    file: str,
    *,
    head: str | None,
    classes: Sequence[str],
    size: ImageInput,
    threshold: float,
    preset: Preset,
    data: str | None,
) -> ModelRecord:
    """Publish the network in ``file`` as the next version of the model ``name``, without making it current.

    ``head``: a pickled XGBClassifier on the network's embeddings, by default the network's own last layer. ``classes``:
    the names of its outputs, in their order. ``data``: labelled images that the model was not trained on, as the preset
    reads them: the temperature is fitted on one part of them, the metrics are those on the others. Raises
    ``InvalidInput``.
    """
    stored = read_file(file)
    network = network_of(file, read_contents(file, stored).arrays)
    with TemporaryDirectory(prefix="sightline-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary) / "version"
        folder.mkdir()
        files = [(file, stored)]
        if head is not None:
            files.append((head, read_file(head)))
        loaded_head = network.head if head is None else _trees(head, files[1][1], folder, classes)
        if loaded_head is None:
            raise InvalidInput(
                file, f"is a {network.backbone} without a single last layer for the classes",
                "Give the classifier of its embeddings with --head",
            )  # fmt: skip
        backbone = _backbone(file, network.backbone, network.weights, folder)
        found = (loaded_head.classes, loaded_head.embedding_size)
        if found != (len(classes), backbone.embedding_size):
            raise InvalidInput(
                head or file,
                f"is a head for {found[0]} classes and embeddings of {found[1]}; expected {len(classes)} classes "
                f"({', '.join(classes)}) and embeddings of {backbone.embedding_size}",
                "Name the classes with --classes, in the order of the outputs",
            )
        loaded_head.save(folder / loaded_head.FILE)
        model = _Model(backbone, loaded_head, size)
        assessed = _Assessment(1.0, {"evaluation": NEVER_EVALUATED}, no_data())
        if data is not None:
            assessed = _assess(model, data, preset, tuple(classes), threshold, folder, Path(temporary))
        draft = ModelDraft(
            name=name,
            task=TASK,
            architecture={
                "backbone": network.backbone,
                "embedding": backbone.embedding_size,
                "head": "linear" if head is None else "xgboost",
                "flip": False,
                "half": False,
                "pretrained": False,
            },
            classes=tuple(classes),
            input=size,
            threshold=threshold,
            temperature=assessed.temperature,
            data=assessed.data,
            parameters={**imported_parameters(*files), "preset": preset.reference, "data": data},
            seed=preset.seed,
            metrics=assessed.metrics,
            **provenance(_LIBRARIES),
        )
        return registry.publish(draft, folder)


@dataclass(frozen=True)
class _Model:
    backbone: Backbone
    head: Head
    size: ImageInput

    def embed(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the embeddings, shape = (n, size), of images, uint8, shape = (n, height, width, 3)."""
        from sightline.training.images.fit import embed

        return embed(self.backbone, pixels, self.size)


def _backbone(file: str, name: str, weights: Any, folder: Path) -> Backbone:
    from safetensors.numpy import save_file

    save_file({key: np.asarray(array, order="C") for key, array in weights.items()}, folder / BACKBONE_FILE)
    try:
        return load_backbone(folder, name)
    except ModelDamaged as error:
        raise InvalidInput(file, f"is not a {name} that can be used ({error})", "Export the model again") from error


def _trees(file: str, stored: bytes, folder: Path, classes: Sequence[str]) -> XGBoostHead:
    contents = read_contents(file, stored)
    if contents.values["kind"] != "boosted trees":
        raise InvalidInput(file, f"contains a {contents.values['kind']}, not an XGBClassifier", "Give the right file")
    path = folder / XGBoostHead.FILE
    path.write_bytes(contents.arrays["trees"].tobytes())
    try:
        head = XGBoostHead.load(path)
    except ValueError as error:
        raise InvalidInput(file, str(error), "Export the model again") from error
    named = contents.values["classes"]
    if named is not None and list(named) != list(classes) and all(isinstance(name, str) for name in named):
        raise InvalidInput(
            file, f"has the classes {', '.join(named)}, not {', '.join(classes)}", "Give these with --classes"
        )
    return head


def _assess(
    model: _Model, data: str, preset: Preset, classes: tuple[str, ...], threshold: float, folder: Path, temporary: Path
) -> _Assessment:
    """Calibrate and measure the model, and write the baseline and the manifest of the images into ``folder``."""
    # The preset's own classes may lack images; classes that are requested by name may not.
    requested = None if set(preset.classes) == set(classes) else classes
    images = read_training_data(open_source(data), preset, model.size, temporary, classes=requested, minimum=1)
    parts = split(images.manifest, preset.shares, preset.seed)
    splits = Splits(parts.train[:0], parts.validation, np.sort(np.concatenate([parts.train, parts.test])))
    indices = np.array([classes.index(name) for name in images.manifest.classes])[images.labels]
    logits = model.head.logits(model.embed(images.pixels))
    calibration = calibrate(logits[splits.validation], indices[splits.validation])
    after, labels = probabilities(logits[splits.test], calibration.temperature), indices[splits.test]
    evaluation = evaluate(after, labels, classes, threshold)
    Baseline.of_test_set(after, labels, lambda indices: model.embed(images.pixels[splits.test[indices]])).save(
        folder / BASELINE
    )
    (folder / MANIFEST).write_bytes(images.manifest.csv(splits.parts))
    metrics = evaluation.model_dump(mode="json", exclude={"threshold", "ece"}) | {
        "ece_after": evaluation.ece,
        "validation": {"ece_before": calibration.ece_before, "ece_after": calibration.ece_after},
    }
    return _Assessment(calibration.temperature, metrics, _data_version(images, splits))


def _data_version(images: TrainingData, splits: Splits) -> DataVersion:
    manifest = images.manifest
    return DataVersion(
        manifest_sha256=manifest.sha256,
        test_sha256=manifest.sha256_of(splits.test),
        samples=len(manifest.samples),
        train=0,
        validation=len(splits.validation),
        test=len(splits.test),
        groups=manifest.groups,
        source=images.source.name,
        synthetic=manifest.synthetic,
    )
