"""The stages of the ranking and their dependencies: prepare → featurize → train → evaluate and export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sightline.progress import Progress
from sightline.storage import Location
from sightline.training.common.stage_graph import StageGraph
from sightline.training.common.stages import Stage, Work
from sightline.training.ranking.dataset import SPLITS, RankingData, Split
from sightline.training.ranking.evaluate import evaluate_head
from sightline.training.ranking.export import export_ranker
from sightline.training.ranking.featurize import featurize, read_features, save_backbone
from sightline.training.ranking.head import train_head
from sightline.training.ranking.parameters import RankingParameters
from sightline.training.ranking.preparing import prepare_split

__all__ = ["STAGES", "RankingTraining", "ranking_graph", "stages_root"]

STAGES = (
    "prepare-train",
    "prepare-evaluate",
    "backbone",
    "featurize-train",
    "featurize-evaluate",
    "train",
    "evaluate",
    "export",
)

_TRAIN = ("epochs", "batch_size", "lr", "dropout", "validation", "patience", "seed")
_HERE = "sightline.training.ranking"
_CODE: dict[str, tuple[str, ...]] = {
    "prepare": (
        f"{_HERE}.preparing",
        "sightline.ranking.prepare",
        "sightline.pose.people",
        "sightline.pose.estimator",
        "sightline.pose.faces",
        "sightline.pose.skeleton",
        "sightline.pose.windows",
        "sightline.vision.decode",
    ),
    "backbone": (
        f"{_HERE}.featurize",
        "sightline.vision.backbones",
        "sightline.vision.efficientnet",
        "sightline.vision.imagenet",
        "sightline.vision.nets",
    ),
    "featurize": (
        f"{_HERE}.featurize",
        "sightline.ranking.pixels",
        "sightline.vision.backbones",
        "sightline.vision.efficientnet",
        "sightline.vision.nets",
        "sightline.vision.weights",
    ),
    "train": (f"{_HERE}.head", "sightline.training.common.duplicates", "sightline.vision.heads"),
    "evaluate": (
        f"{_HERE}.evaluate",
        f"{_HERE}.head",
        f"{_HERE}.plots",
        "sightline.drawing",
        "sightline.training.common.evaluation",
        "sightline.vision.heads",
    ),
    "export": (
        f"{_HERE}.export",
        f"{_HERE}.featurize",
        "sightline.ranking.model",
        "sightline.vision.backbones",
        "sightline.vision.efficientnet",
        "sightline.vision.heads",
        "sightline.vision.nets",
        "sightline.vision.weights",
    ),
}
_LIBRARIES: dict[str, tuple[str, ...]] = {
    "prepare": ("mediapipe", "opencv-contrib-python-headless", "pillow"),
    "backbone": ("torch", "torchvision"),
    "featurize": ("torch", "torchvision", "pillow", "pyarrow"),
    "train": ("torch", "scikit-learn"),
    "evaluate": ("numpy", "scipy"),
    "export": ("torch", "onnx"),
}


@dataclass(frozen=True, eq=False)
class RankingTraining:
    """One training: the model's name, the data, the parameters and the stages."""

    name: str
    data: RankingData
    parameters: RankingParameters
    graph: StageGraph


def stages_root(models: Location) -> Location:
    """Return where the outputs of the stages are stored: in the registry, under a name that no model can have."""
    return models / ".stages" / "ranking"


def ranking_graph(
    data: RankingData | None, parameters: RankingParameters, root: Location, *, cache: Path | None = None
) -> StageGraph:
    """Return the stages on a data set, with outputs under ``root``. Without data they can be listed, not run."""
    versions = {f"data/{split}": data.version(split) if data else None for split in SPLITS}
    stages = [
        *(_prepare(data, split, parameters) for split in SPLITS),
        _stage(
            "backbone",
            (),
            {"backbone": parameters.backbone, "pretrained": parameters.pretrained}
            | ({} if parameters.pretrained else {"seed": parameters.seed}),
            lambda inputs, folder, progress: save_backbone(
                folder, parameters.backbone, pretrained=parameters.pretrained, seed=parameters.seed
            ),
        ),
        *(_featurize(split, parameters) for split in SPLITS),
        _stage(
            "train",
            ("featurize-train",),
            {name: getattr(parameters, name) for name in _TRAIN},
            lambda inputs, folder, progress: train_head(
                read_features(inputs["featurize-train"]), parameters, folder, progress
            ),
        ),
        _stage(
            "evaluate",
            ("train", "featurize-evaluate"),
            {"seed": parameters.seed},
            lambda inputs, folder, progress: evaluate_head(
                read_features(inputs["featurize-evaluate"]), inputs["train"], folder, seed=parameters.seed
            ),
        ),
        _stage(
            "export",
            ("train", "backbone"),
            {"image_size": parameters.image_size, "backbone": parameters.backbone},
            lambda inputs, folder, progress: export_ranker(
                inputs["backbone"],
                inputs["train"],
                folder,
                backbone=parameters.backbone,
                side=parameters.image_size,
            ),
        ),
    ]
    return StageGraph(stages, versions, root, cache=cache)


def _prepare(data: RankingData | None, split: Split, parameters: RankingParameters) -> Stage:
    def work(inputs: Mapping[str, Path], folder: Path, progress: Progress) -> None:
        assert data is not None  # noqa: S101, the graph does not run stages without data
        prepare_split(data, split, parameters.prepare, folder, progress)

    # Prepared lower bodies are neither filtered nor cropped.
    stage_parameters = (
        {"prepared": True} if parameters.prepared else {"prepared": False, **parameters.prepare.model_dump()}
    )
    return _stage(f"prepare-{split}", (f"data/{split}",), stage_parameters, work)


def _featurize(split: Split, parameters: RankingParameters) -> Stage:
    def work(inputs: Mapping[str, Path], folder: Path, progress: Progress) -> None:
        featurize(
            inputs[f"prepare-{split}"],
            inputs["backbone"],
            folder,
            backbone=parameters.backbone,
            side=parameters.image_size,
            batch_size=parameters.featurize_batch_size,
            progress=progress,
        )

    names = ("backbone", "image_size", "featurize_batch_size")
    stage_parameters = {name: getattr(parameters, name) for name in names}
    return _stage(f"featurize-{split}", (f"prepare-{split}", "backbone"), stage_parameters, work)


def _stage(name: str, inputs: tuple[str, ...], parameters: Mapping[str, object], work: Work) -> Stage:
    kind = name.partition("-")[0]
    return Stage(name, work, inputs, parameters, _CODE[kind], _LIBRARIES[kind])
