"""Training an image classifier: the steps from labelled pictures to a promoted model."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from prefect import task
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
from tasks.support.policy import ON_STORAGE, PLAIN
from tasks.support.progress import progress
from tasks.training_plan import TrainingPlan

__all__ = [
    "Pictures",
    "assess_model",
    "compare_models",
    "cross_validate_recipe",
    "find_cooldown",
    "find_same_pictures",
    "fit_model",
    "move_pointer_back",
    "promote_model",
    "publish_comparison",
    "publish_model",
    "read_pictures",
    "report_rollback",
    "report_training",
    "split_pictures",
    "write_pressure_maps",
]


class Pictures:
    """The labelled pictures, in a plain object: Prefect looks through every field of a data class at each call.

    ``reviewed``: the people's answers among their labels.
    """

    def __init__(self, data: TrainingData, reviewed: Sequence[Reviewed] = ()) -> None:
        self.data = data
        used = {sample.sha256 for sample in data.manifest.samples if sample.source == "review"}
        self.reviewed = [each for each in reviewed if each.question.sha256 in used]


@task(**ON_STORAGE)
def read_pictures(data: str, plan: TrainingPlan, folder: Path, with_reviews: bool = False) -> Pictures:
    """Every picture, checked, hashed and decoded into a file in ``folder``.

    ``with_reviews``: those that people have answered about as well.
    """
    reviewed = open_reviews().answered(plan.name) if with_reviews else []
    with progress("read") as report:
        return Pictures(
            images.read_training_data(
                reviews.with_reviews(images.open_source(data), reviewed, image_limits()),
                plan.preset,
                plan.recipe.input,
                folder,
                classes=plan.classes,
                progress=report,
            ),
            reviewed,
        )


@task(**PLAIN)
def split_pictures(pictures: Pictures, plan: TrainingPlan) -> Splits:
    """Which pictures train, validate and test."""
    return images.split(pictures.data.manifest, plan.preset.shares, plan.seed)


@task(**PLAIN)
def compare_models(pictures: Pictures, splits: Splits, plan: TrainingPlan) -> list[ComparisonRow]:
    """Backbones and heads, each trained on the same pictures and judged on the validation set."""
    with progress("compare") as report:
        return images.compare(
            plan.preset,
            pictures.data,
            splits,
            pretrained=plan.pretrained,
            seed=plan.seed,
            device=settings().device,
            progress=report,
        )


@task(**PLAIN)
def cross_validate_recipe(pictures: Pictures, plan: TrainingPlan) -> CrossValidation:
    """The recipe trained and tested anew on each of the preset's folds."""
    with progress("cross-validate") as report:
        return images.cross_validate(
            plan.recipe,
            pictures.data,
            plan.preset.folds,
            seed=plan.seed,
            pretrained=plan.preset.starts_pretrained(plan.pretrained),
            device=settings().device,
            progress=report,
        )


@task(**PLAIN)
def fit_model(pictures: Pictures, splits: Splits, plan: TrainingPlan) -> Fitted:
    """The model, trained on the training set alone."""
    data = pictures.data
    with progress("train") as report:
        return images.fit(
            plan.recipe,
            data.pixels[splits.train],
            data.labels[splits.train],
            len(data.manifest.classes),
            seed=plan.seed,
            pretrained=plan.preset.starts_pretrained(plan.pretrained),
            device=settings().device,
            progress=report,
        )


@task(**PLAIN)
def assess_model(fitted: Fitted, pictures: Pictures, splits: Splits, plan: TrainingPlan) -> Assessed:
    """The temperature, found on the validation set, and the figures on the test set."""
    return images.assess(fitted, pictures.data, splits, plan.threshold)


@task(**ON_STORAGE)
def publish_model(
    assessed: Assessed,
    pictures: Pictures,
    splits: Splits,
    plan: TrainingPlan,
    cross_validation: CrossValidation | None,
    comparison: Sequence[ComparisonRow],
) -> ModelRecord:
    """A new version in the registry: weights, record, manifest and plots."""
    with TemporaryDirectory(prefix="sightline-", ignore_cleanup_errors=True) as folder:
        return images.publish(
            open_registry(),
            plan.name,
            plan.preset,
            pictures.data,
            splits,
            assessed,
            Path(folder),
            seed=plan.seed,
            pretrained=plan.pretrained,
            cross_validation=cross_validation,
            comparison=comparison,
            reviews=reviews.provenance(pictures.reviewed) if pictures.reviewed else None,
        )


@task(**ON_STORAGE)
def find_cooldown(plan: TrainingPlan, hours: float) -> str | None:
    """Why it is too early to train the model again; None where it is not."""
    newest = _newest(plan)
    if newest is None or datetime.now(UTC) - newest.created >= timedelta(hours=hours):
        return None
    return f"{newest.label} was trained at {newest.created:%Y-%m-%d %H:%M} UTC, less than {hours:g} hours ago"


@task(**ON_STORAGE)
def find_same_pictures(plan: TrainingPlan, pictures: Pictures) -> str | None:
    """Why there is nothing new to learn; None where there is."""
    newest = _newest(plan)
    if newest is None or newest.data.manifest_sha256 != pictures.data.manifest.sha256:
        return None
    return (
        f"{newest.label} was trained on the same {len(pictures.data.manifest.samples)} pictures, and another training "
        "would learn nothing new. Add labelled pictures, or answer the review of the uncertain ones"
    )


def _newest(plan: TrainingPlan) -> ModelRecord | None:
    registry = open_registry()
    versions = registry.versions(plan.name)
    return registry.record(plan.name, versions[-1]) if versions else None


@task(**ON_STORAGE)
def promote_model(
    record: ModelRecord,
    assessed: Assessed,
    pictures: Pictures,
    splits: Splits,
    plan: TrainingPlan,
    why: str | None = None,
) -> Promotion:
    """The version made current, where it is at least as good as the current one on the same test pictures.

    ``why``: what the training was started for.
    """
    return images.promote(
        open_registry(), record, plan.preset, pictures.data, splits, assessed, why=why, device=settings().device
    )


# Not retried, unlike other steps that use storage: a move whose answer was lost would be repeated.
@task(**PLAIN)
def move_pointer_back(model: ModelName) -> tuple[int | None, Pointer]:
    """Roll the model back to its version, by default the one before the current one.

    Returns the version that was current, None if there was none, and the pointer after its move.
    """
    registry = open_registry()
    pointer = registry.current(model.unversioned)
    return pointer.version if pointer else None, registry.rollback(model, why="by hand")


@task(**ON_STORAGE)
def write_pressure_maps(folder: str, count: int, people: int, seed: int) -> list[str]:
    """Synthetic pressure maps as files; their names."""
    with progress("synthesize") as report:
        made = images.synthesize_pressure_maps(storage.locate(folder), count, people=people, seed=seed, progress=report)
    return [file.name for file in made]


@task(**PLAIN)
def publish_comparison(comparison: Sequence[ComparisonRow]) -> None:
    """Publish the comparison of backbones and heads as a table, and log it."""
    rows = images.comparison_rows(comparison)
    create_table_artifact(rows, key="model-selection", description="Backbones and heads on the validation set")
    logger = get_run_logger()
    for line in images.aligned(rows):
        logger.info("%s", line)


@task(**PLAIN)
def report_training(record: ModelRecord, promotion: Promotion, unusable: Sequence[Unusable], folder: str) -> None:
    """Publish the model's page, and emit the events of a training. ``folder`` is the URI of the version."""
    page = images.model_page(record, promotion, unusable, folder)
    create_markdown_artifact(page, key="model", description=record.label)
    emit_training(record, promotion)


@task(**PLAIN)
def report_rollback(model: ModelName, previous: int | None) -> None:
    """Emit ``sightline.model.rolled-back`` for the version that is current now."""
    emit_model_rolled_back(model, previous)
