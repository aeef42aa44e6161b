"""Images that people have answered about → a folder for each class, with a manifest."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from sightline.reviews import Exported
from tasks.reviews import export_reviewed, publish_export
from tasks.support.flow import sightline_flow, skipped


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


@sightline_flow(name="export-training-data", flow_run_name="export what people answered about {model}")
def export_training_data(model: str, folder: str) -> ExportResult:
    """Export the reviewed images as one folder per class, with a manifest.

    Args:
        model: The model that was unsure of them, a name of the registry or endpoint://NAME.
        folder: Where they go: a folder or an s3:// prefix. What is there from an earlier export is not written again.
    """
    exported = export_reviewed(model, folder)
    result = ExportResult.of(folder, exported)
    if not exported.rows and not exported.unusable:
        return skipped(f"nobody has answered about images of {model}", result)
    publish_export(
        [{"class": name, "images": str(count)} for name, count in exported.classes.items()],
        f"{result.images} images in {folder}, {result.written} of them new, {len(result.unusable)} could not be read",
    )
    return result
