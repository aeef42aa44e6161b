"""Training an image classifier: the steps from labelled images to a promoted model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.logging import get_run_logger

from sightline import reviews, storage
from sightline.names import ModelName
from sightline.registry import ModelRecord, Pointer, Promotion
from sightline.reviews import Reviewed
from sightline.settings import settings
from sightline.training import images
from sightline.training.images import Assessed, ComparisonRow, CrossValidation, Fitted, Splits, TrainingData, Unusable
from tasks.events import emit_model_rolled_back, emit_training
from tasks.models import open_registry, open_reviews
from tasks.runs import image_limits
from tasks.support.opaque import Opaque
from tasks.support.policy import ON_STORAGE, PLAIN, sightline_task
from tasks.support.progress import progress
from tasks.training_plan import TrainingPlan

__all__ = [
    "assess_model",
    "compare_models",
    "cross_validate_recipe",
    "find_cooldown",
    "find_same_images",
    "fit_model",
    "move_pointer_back",
    "promote_model",
    "publish_comparison",
    "publish_model",
    "read_images",
    "report_rollback",
    "report_training",
    "split_images",
    "write_pressure_maps",
]


@sightline_task(**ON_STORAGE, timeout="training_timeout_seconds")
def read_images(data: str, plan: TrainingPlan, folder: Path, with_reviews: bool = False) -> Opaque[TrainingData]:
    """Read, check, hash and decode every image into a file in ``folder``.

    ``with_reviews``: also read the images that people have answered questions about.
    """
    reviewed = open_reviews().answered(plan.name) if with_reviews else []
    with progress("read") as report:
        read = images.read_training_data(
            reviews.with_reviews(images.open_source(data), reviewed, image_limits()),
            plan.preset,
            plan.recipe.input,
            folder,
            classes=plan.classes,
            progress=report,
        )
    return Opaque(replace(read, reviews=_provenance_of_answers(read, reviewed)))


def _provenance_of_answers(data: TrainingData, reviewed: Sequence[Reviewed]) -> dict[str, Any] | None:
    used = {sample.sha256 for sample in data.manifest.samples if sample.source == "review"}
    answers = [answer for answer in reviewed if answer.question.sha256 in used]
    return reviews.provenance(answers) if answers else None


@sightline_task(**PLAIN, timeout="training_timeout_seconds")
def split_images(data: Opaque[TrainingData], plan: TrainingPlan) -> Splits:
    """Split the images into a training, a validation and a test set."""
    return images.split(data.value.manifest, plan.preset.shares, plan.seed)


@sightline_task(**PLAIN, timeout="training_timeout_seconds")
def compare_models(data: Opaque[TrainingData], splits: Splits, plan: TrainingPlan) -> list[ComparisonRow]:
    """Train backbones and heads on the same images, and compare them on the validation set."""
    with progress("compare") as report:
        return images.compare(
            plan.preset,
            data.value,
            splits,
            pretrained=plan.pretrained,
            seed=plan.seed,
            device=settings().device,
            progress=report,
        )


@sightline_task(**PLAIN, timeout="training_timeout_seconds")
def cross_validate_recipe(data: Opaque[TrainingData], plan: TrainingPlan) -> CrossValidation:
    """Train and test the recipe on every fold of the preset."""
    with progress("cross-validate") as report:
        return images.cross_validate(
            plan.recipe,
            data.value,
            plan.preset.folds,
            seed=plan.seed,
            validation=plan.preset.shares.validation,
            threshold=plan.threshold,
            pretrained=plan.preset.starts_pretrained(plan.pretrained),
            device=settings().device,
            progress=report,
        )


@sightline_task(**PLAIN, timeout="training_timeout_seconds")
def fit_model(data: Opaque[TrainingData], splits: Splits, plan: TrainingPlan) -> Fitted:
    """Train the model on the training set alone."""
    with progress("train") as report:
        return images.fit(
            plan.recipe,
            data.value.pixels[splits.train],
            data.value.labels[splits.train],
            len(data.value.manifest.classes),
            seed=plan.seed,
            pretrained=plan.preset.starts_pretrained(plan.pretrained),
            device=settings().device,
            progress=report,
        )


@sightline_task(**PLAIN, timeout="training_timeout_seconds")
def assess_model(fitted: Fitted, data: Opaque[TrainingData], splits: Splits, plan: TrainingPlan) -> Assessed:
    """Calibrate the model on the validation set, and measure it on the test set."""
    return images.assess(fitted, data.value, splits, plan.threshold, plan.false_alarms)


@sightline_task(**ON_STORAGE, timeout="training_timeout_seconds")
def publish_model(
    assessed: Assessed,
    data: Opaque[TrainingData],
    splits: Splits,
    plan: TrainingPlan,
    cross_validation: CrossValidation | None,
    comparison: Sequence[ComparisonRow],
) -> ModelRecord:
    """Publish a new version in the registry: weights, record, manifest and plots."""
    with TemporaryDirectory(prefix="sightline-", ignore_cleanup_errors=True) as folder:
        return images.publish(
            open_registry(),
            plan.name,
            plan.preset,
            data.value,
            splits,
            assessed,
            Path(folder),
            seed=plan.seed,
            pretrained=plan.pretrained,
            classes=plan.classes,
            cross_validation=cross_validation,
            comparison=comparison,
        )


@sightline_task(**ON_STORAGE)
def find_cooldown(plan: TrainingPlan, hours: float) -> str | None:
    """Return why it is too early to train the model again; None if it is not."""
    newest = _newest(plan)
    if newest is None or datetime.now(UTC) - newest.created >= timedelta(hours=hours):
        return None
    return f"{newest.label} was trained at {newest.created:%Y-%m-%d %H:%M} UTC, less than {hours:g} hours ago"


@sightline_task(**ON_STORAGE)
def find_same_images(plan: TrainingPlan, data: Opaque[TrainingData]) -> str | None:
    """Return why another training would change nothing; None if there are new images or labels."""
    newest, manifest = _newest(plan), data.value.manifest
    if newest is None or newest.data.manifest_sha256 != manifest.sha256:
        return None
    return (
        f"{newest.label} was trained on the same {len(manifest.samples)} images, so another training would change "
        "nothing. Add labelled images, or answer the review of the uncertain ones"
    )


def _newest(plan: TrainingPlan) -> ModelRecord | None:
    registry = open_registry()
    versions = registry.versions(plan.name)
    return registry.record(plan.name, versions[-1]) if versions else None


@sightline_task(**ON_STORAGE, timeout="training_timeout_seconds")
def promote_model(
    record: ModelRecord,
    assessed: Assessed,
    data: Opaque[TrainingData],
    splits: Splits,
    plan: TrainingPlan,
    why: str | None = None,
) -> Promotion:
    """Make the version current if it is at least as good as the current one on the same test images.

    ``why``: the reason for the training.
    """
    return images.promote(
        open_registry(), record, plan.preset, data.value, splits, assessed, why=why, device=settings().device
    )


# Not retried, unlike other steps that use storage: a move whose answer was lost would be repeated.
@sightline_task(**PLAIN)
def move_pointer_back(model: ModelName) -> tuple[int | None, Pointer]:
    """Roll the model back to its version, by default the one before the current one.

    Returns the version that was current, None if there was none, and the pointer after its move.
    """
    registry = open_registry()
    pointer = registry.current(model.unversioned)
    return pointer.version if pointer else None, registry.rollback(model, why="by hand")


@sightline_task(**ON_STORAGE, timeout="flow_timeout_seconds")
def write_pressure_maps(folder: str, count: int, people: int, seed: int) -> list[str]:
    """Write synthetic pressure maps as files, and return their names."""
    with progress("synthesize") as report:
        location = storage.locate(folder)
        files = images.synthesize_pressure_maps(location, count, people=people, seed=seed, progress=report)
    return [file.name for file in files]


@sightline_task(**PLAIN)
def publish_comparison(comparison: Sequence[ComparisonRow]) -> None:
    """Publish the comparison of backbones and heads as a table, and log it."""
    rows = images.comparison_rows(comparison)
    create_table_artifact(rows, key="model-selection", description="Backbones and heads on the validation set")
    logger = get_run_logger()
    for line in images.aligned(rows):
        logger.info("%s", line)


@sightline_task(**PLAIN)
def report_training(record: ModelRecord, promotion: Promotion, unusable: Sequence[Unusable], folder: str) -> None:
    """Publish the model's page, and emit the events of a training. ``folder`` is the URI of the version."""
    page = images.model_page(record, promotion, unusable, folder)
    create_markdown_artifact(page, key="model", description=record.label)
    emit_training(record, promotion)


@sightline_task(**PLAIN)
def report_rollback(model: ModelName, previous: int | None) -> None:
    """Emit ``sightline.model.rolled-back`` for the version that is current now."""
    emit_model_rolled_back(model, previous)
