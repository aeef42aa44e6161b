"""Photos of good and bad runners → prepare → featurize → train → evaluate → export → registry → promotion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from prefect.runtime import flow_run
from pydantic import BaseModel, ConfigDict, Field

from sightline.registry import ModelRecord, Promotion
from sightline.storage import uri_of
from sightline.training.common.stages import StageRun
from sightline.training.ranking import STAGES, RankingBackbone, RankingMetrics, RankingParameters
from tasks.models import open_registry
from tasks.ranking_training import plan_ranking, promote_ranking, publish_ranking, report_training, run_stage
from tasks.support.flow import not_promoted, sightline_flow


class RankingTrainingResult(BaseModel):
    """The new version, its metrics, whether and why it was promoted, and which stages were run."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: int
    promoted: bool
    why: str
    data: str
    revision: str | None
    pretrained: bool
    synthetic: bool
    train: int
    validation: int
    evaluated: int
    dropped: dict[str, int]
    metrics: RankingMetrics
    stages: dict[str, str]
    folder: str
    plots: tuple[str, ...]

    @classmethod
    def of(
        cls, record: ModelRecord, promotion: Promotion, stages: Mapping[str, StageRun], folder: str
    ) -> RankingTrainingResult:
        """Return the result of a published version."""
        return cls(
            name=record.name,
            version=record.version,
            promoted=promotion.promoted,
            why=promotion.why,
            data=record.parameters["data"]["uri"],
            revision=record.parameters["data"]["revision"],
            pretrained=record.architecture["pretrained"],
            evaluated=record.data.test,
            **record.data.model_dump(include={"synthetic", "train", "validation"}),
            dropped=record.parameters["dropped"],
            metrics=RankingMetrics.model_validate(record.metrics),
            stages={name: "ran" if run.ran else "fresh" for name, run in stages.items()},
            folder=folder,
            plots=tuple(f"{folder}/{name}" for name in record.files if name.endswith(".png")),
        )


@sightline_flow(
    name="train-ranking",
    flow_run_name=lambda: f"train {flow_run.parameters['name']}",
    timeout="training_timeout_seconds",
)
def train_ranking(
    data: str | None = None,
    bad: str | None = None,
    *,
    name: str = "running-style",
    again: str | None = None,
    prepared: bool = False,
    min_confidence: Annotated[float, Field(ge=0, le=1)] = 0.8,
    blur_threshold: Annotated[float, Field(ge=0)] = 100.0,
    pretrained: bool = True,
    backbone: RankingBackbone = "resnet18",
    image_size: Annotated[int, Field(ge=32, le=1024)] = 224,
    featurize_batch_size: Annotated[int, Field(ge=1)] = 32,
    epochs: Annotated[int, Field(ge=1)] = 10,
    batch_size: Annotated[int, Field(ge=1)] = 32,
    lr: Annotated[float, Field(gt=0)] = 0.001,
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5,
    validation: Annotated[float, Field(gt=0, le=0.5)] = 0.2,
    patience: Annotated[int, Field(ge=1)] = 3,
    arms_bonus: Annotated[float, Field(ge=0, le=1)] = 0.1,
    seed: Annotated[int, Field(ge=0)] = 42,
) -> RankingTrainingResult:
    """Train and publish the running-style ranking; rerun only the stages whose inputs changed.

    Args:
        data: The folder or s3:// prefix of the photos of good runners. Without BAD, photos that are divided already,
            {train,evaluate}/{good,bad}: a folder, an s3:// prefix, or dvc://REPO@REV/path.
        bad: The folder or s3:// prefix of the photos of bad runners. A fifth of the photos is held out for evaluation;
            near duplicates, and photos of the same name, stay together.
        name: The model's name in the registry.
        again: A version, NAME/VERSION, to reproduce: its data at their revision, with its parameters.
        prepared: The data are already crops of lower bodies, {train,evaluate}/lower_body/{good,bad}.
        min_confidence: The lowest confidence of the pose models at which a detection counts as a person.
        blur_threshold: The lowest sharpness of a person's crop: the variance of its Laplacian.
        pretrained: Start from ImageNet weights; otherwise from random ones, which need no download.
        backbone: The network that embeds the lower bodies: resnet18, efficientnet_lite0, efficientnet_lite2 or
            convnext_tiny.
        image_size: The side of the model's square input, in pixels.
        featurize_batch_size: Lower bodies per batch of the embedding.
        epochs: The maximum number of epochs.
        batch_size: Lower bodies per training step.
        lr: The learning rate.
        dropout: The share of features that dropout sets to zero.
        validation: The share of source photos in the validation split.
        patience: Training stops after this many epochs without a better validation loss.
        arms_bonus: Bonus for raised arms, as a share of the difference between the score and 1.
        seed: The seed of the split, the training, random weights and the intervals.
    """
    parameters = RankingParameters(
        prepared=prepared, min_confidence=min_confidence, blur_threshold=blur_threshold, pretrained=pretrained,
        backbone=backbone,
        image_size=image_size, featurize_batch_size=featurize_batch_size, epochs=epochs, batch_size=batch_size, lr=lr,
        dropout=dropout, validation=validation, patience=patience, arms_bonus=arms_bonus, seed=seed,
    )  # fmt: skip
    job = plan_ranking(name, data, bad, parameters, again)
    stages = {stage: run_stage(job, stage) for stage in STAGES}
    record = publish_ranking(job)
    promotion = promote_ranking(job, record)
    folder = uri_of(open_registry().root / record.name / str(record.version))
    report_training(record, promotion, stages, job.value.graph.mermaid(), folder)
    result = RankingTrainingResult.of(record, promotion, stages, folder)
    return result if promotion.promoted else not_promoted(promotion.why, result)
