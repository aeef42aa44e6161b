"""Reviewed images → one folder per class, with a manifest."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from sightline.reviews import Exported
from tasks.reviews import export_reviewed, publish_export
from tasks.support.flow import sightline_flow, skipped


class TrainingDataExport(BaseModel):
    """The number of exported images, by class and newly written, and the reasons why others could not be read."""

    model_config = ConfigDict(frozen=True)

    folder: str
    images: int
    written: int
    classes: dict[str, int]
    unusable: dict[str, str]

    @classmethod
    def of(cls, folder: str, exported: Exported) -> TrainingDataExport:
        """Return the result of an export."""
        return cls(
            folder=folder,
            images=len(exported.rows),
            written=exported.written,
            classes=exported.classes,
            unusable=exported.unusable,
        )


@sightline_flow(name="export-training-data", flow_run_name="export reviewed images of {model}")
def export_training_data(model: str, folder: str) -> TrainingDataExport:
    """Export the reviewed images as one folder per class, with a manifest.

    Args:
        model: The model whose predictions were reviewed: a name in the registry, or endpoint://NAME.
        folder: The target, a folder or an s3:// prefix. Images of an earlier export are not written again.
    """
    exported = export_reviewed(model, folder)
    result = TrainingDataExport.of(folder, exported)
    if not exported.rows and not exported.unusable:
        return skipped(f"no images of {model} have been reviewed", result)
    publish_export(
        [{"class": name, "images": str(count)} for name, count in exported.classes.items()],
        f"{result.images} images in {folder}, {result.written} of them new, {len(result.unusable)} unreadable",
    )
    return result
