"""All uploads → those that no run has processed → one run for each."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from prefect.runtime import deployment as own_deployment
from prefect.states import Failed
from pydantic import BaseModel, ConfigDict, Field

from flows.process_upload import process_upload
from tasks.support.flow import sightline_flow
from tasks.uploads import Missed, find_missed, start_uploads


class SweptUpload(BaseModel):
    """What a sweep did with one upload, and the run or the reason."""

    model_config = ConfigDict(frozen=True)

    uri: str
    outcome: Literal["started", "cancelled", "crashed", "given up", "processed", "skipped", "failed"]
    why: str


class UploadSweep(BaseModel):
    """The number of uploads by outcome, and what the sweep did with the missed ones.

    ``deployment`` runs them; it is None if the sweep processed them itself. ``left`` counts those beyond the limit of
    one sweep.
    """

    model_config = ConfigDict(frozen=True)

    deployment: str | None
    found: int
    done: int
    failed: int
    missed: int
    left: int
    uploads: tuple[SweptUpload, ...]

    @classmethod
    def of(cls, missed: Missed, uploads: list[SweptUpload], deployment: str | None) -> UploadSweep:
        """Return the result of a sweep."""
        total = len(missed.uploads)
        return cls(
            deployment=deployment,
            **missed.model_dump(include={"found", "done", "failed"}),
            missed=total,
            left=total - len(uploads),
            uploads=tuple(uploads),
        )


@sightline_flow(name="sweep-uploads", flow_run_name="sweep the uploads")
def sweep_uploads(
    deployment: str | None = None,
    *,
    minutes: Annotated[float, Field(ge=0, le=60 * 24 * 30)] = 10,
    limit: Annotated[int, Field(ge=1, le=10_000)] = 500,
    retry_failed: bool = False,
) -> UploadSweep:
    """Find the uploads that no run has processed, and start a run for each.

    Args:
        deployment: The deployment that runs them, as process-upload/NAME. By default the one with the name of this
            sweep's deployment; a sweep on the command line processes them itself, one after another.
        minutes: Minutes since a file's last change; the listener starts the runs of newer files.
        limit: The maximum number of files in one sweep.
        retry_failed: Also process those that failed, crashed or were given up. A run that a person cancelled is not
            started again; restart it on its page.
    """
    target = deployment or (f"process-upload/{own_deployment.name}" if own_deployment.name else None)
    missed = find_missed(timedelta(minutes=minutes), retry_failed=retry_failed)
    uploads = missed.uploads[:limit]
    if target and uploads:
        started = start_uploads(uploads, target, again=retry_failed)
        swept = [SweptUpload(uri=upload.uri, outcome=upload.outcome, why=f"run {upload.run}") for upload in started]
        return UploadSweep.of(missed, swept, target)
    swept = []
    for upload in uploads:
        state = process_upload(upload.uri, upload.version, upload.kind, again=retry_failed, return_state=True)
        outcome: Literal["processed", "skipped", "failed"] = "skipped" if state.name == "Skipped" else "processed"
        if not state.is_completed():
            outcome = "failed"
        swept.append(SweptUpload(uri=upload.uri, outcome=outcome, why=state.message or ""))
    result = UploadSweep.of(missed, swept, target)
    if failed := [f"{upload.uri}: {upload.why}" for upload in swept if upload.outcome == "failed"]:
        message = f"{len(failed)} of {len(swept)} uploads failed. {'; '.join(failed)}"
        return Failed(message=message, data=result)  # type: ignore[return-value]
    return result
