"""Uploaded file → lease → processing by its kind; every version once."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from prefect.runtime import flow_run
from pydantic import BaseModel, ConfigDict

from flows.classify_images import ClassificationResult, classify_images
from flows.process_video import process_video
from flows.video_results import VideoResult
from sightline.errors import InvalidInput
from sightline.leases import LeaseTaken
from sightline.settings import settings
from sightline.uploads import Kind, Settled, Upload
from tasks.support.flow import sightline_flow, skipped
from tasks.uploads import find_upload, upload_lease


class UploadResult(BaseModel):
    """The result for an upload. ``processed`` is False if this version was skipped, for the reason ``why``."""

    model_config = ConfigDict(frozen=True)

    uri: str
    version: str
    kind: str
    patient: str | None
    processed: bool
    why: str | None = None
    video: VideoResult | None = None
    images: ClassificationResult | None = None

    @classmethod
    def of(cls, upload: Upload, **fields: Any) -> UploadResult:
        """Return the result for an upload."""
        identity = {name: getattr(upload, name) for name in ("uri", "version", "kind", "patient")}
        return cls.model_validate({**identity, **fields})


def _process(upload: Upload) -> dict[str, BaseModel]:
    if upload.kind == "video":
        engine = settings().upload_transcriber
        return {"video": process_video(upload.uri, patient=upload.patient, transcriber=engine)}
    return {"images": classify_images(upload.uri, settings().upload_image_model)}


@sightline_flow(name="process-upload", flow_run_name=lambda: f"upload {PurePosixPath(flow_run.parameters['uri']).name}")
def process_upload(
    uri: str, object_version: str | None = None, kind: Kind | None = None, *, again: bool = False
) -> UploadResult:
    """Process an uploaded video or image, each version once.

    Args:
        uri: The file: a path or an s3:// URI that matches a rule of UPLOAD_RULES.
        object_version: Its version, on S3 the ETag. By default the current one.
        kind: video for process-video, image for classify-images with UPLOAD_IMAGE_MODEL. By default the rule's kind.
        again: Process this version even if it was processed or failed before.
    """
    upload, is_current = find_upload(uri, object_version, kind)
    if not is_current:
        return _skipped(upload, f"{upload.uri} has been replaced since; the later version has a separate run")
    try:
        with upload_lease(upload, again=again) as lease:
            try:
                outputs = _process(upload)
            except InvalidInput as error:  # Other errors, such as a network failure, are transient.
                lease.failed(str(error))
                raise
            lease.done()
    except (Settled, LeaseTaken) as reason:
        return _skipped(upload, str(reason))
    return UploadResult.of(upload, processed=True, **outputs)


def _skipped(upload: Upload, why: str) -> UploadResult:
    result = UploadResult.of(upload, processed=False, why=why)
    return skipped(why, result)
