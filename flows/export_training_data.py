"""Images that people have answered about → a folder for each class, with a manifest."""

from __future__ import annotations

from prefect import flow
from prefect.states import Completed
from pydantic import BaseModel, ConfigDict

from sightline.reviews import Exported
from tasks.hooks import alert_on_failure
from tasks.reviews import export_reviewed
from tasks.reviews_report import publish_export


class ExportResult(BaseModel):
    """How many images lie in the folder, by class; how many of them are new; and which could not be read, and why."""

    model_config = ConfigDict(frozen=True)

    folder: str
    images: int
    written: int
    classes: dict[str, int]
    unusable: dict[str, str]

    @classmethod
    def of(cls, folder: str, exported: Exported) -> ExportResult:
        """The result of an export."""
        return cls(
            folder=folder,
            images=len(exported.rows),
            written=exported.written,
            classes=exported.classes,
            unusable=exported.unusable,
        )


@flow(
    name="export-training-data",
    flow_run_name="export what people answered about {model}",
    on_failure=[alert_on_failure],
    on_crashed=[alert_on_failure],
)
def export_training_data(model: str, folder: str) -> ExportResult:
    """Write the images that people have answered about as a folder for each class, with a manifest.

    Args:
        model: The model that was unsure of them, a name of the registry or endpoint://NAME.
        folder: Where they go: a folder or an s3:// prefix. What is there from an earlier export is not written again.
    """
    exported = export_reviewed(model, folder)
    result = ExportResult.of(folder, exported)
    if not exported.rows and not exported.unusable:
        # Prefect takes the state for the run's own, and its data for what the flow returns.
        return Completed(name="Skipped", message=f"nobody has answered about images of {model}", data=result)  # type: ignore[return-value]
    publish_export(
        [{"class": name, "images": str(count)} for name, count in exported.classes.items()],
        f"{result.images} images in {folder}, {result.written} of them new, {len(result.unusable)} could not be read",
    )
    return result
