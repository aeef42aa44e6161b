"""Every file that has arrived → a run for each version that none has processed."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from prefect.runtime import deployment as own_deployment
from prefect.states import Failed
from pydantic import BaseModel, ConfigDict, Field

from flows.process_upload import process_upload
from sightline.uploads import given_up_alert
from tasks.alerts import send_alert
from tasks.support.flow import sightline_flow
from tasks.uploads import Missed, find_missed, start_uploads


class SweptUpload(BaseModel):
    """What a sweep did with one file, and the run or the reason."""

    model_config = ConfigDict(frozen=True)

    uri: str
    outcome: Literal["started", "cancelled", "given up", "processed", "skipped", "failed"]
    why: str


class UploadSweep(BaseModel):
    """How many files there are, how many need nothing, and what was done with the others.

    ``deployment`` is what runs them, None where they were processed by the sweep itself. ``left`` are those beyond the
    limit of one sweep.
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
        """The result of a sweep."""
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
        deployment: What runs them, as process-upload/NAME. By default the one named like this sweep's own deployment;
            a sweep without one, on the command line, processes them itself, one after another.
        minutes: How long a file must have lain there; a younger one is left to its event.
        limit: Files that are started in one sweep, at most.
        retry_failed: Also those that have failed, or were given up.
    """
    runs_by = deployment or (f"process-upload/{own_deployment.name}" if own_deployment.name else None)
    missed = find_missed(timedelta(minutes=minutes), retry_failed=retry_failed)
    uploads = missed.uploads[:limit]
    if runs_by and uploads:
        started = start_uploads(uploads, runs_by, again=retry_failed)
        swept = [SweptUpload(uri=each.uri, outcome=each.outcome, why=f"run {each.run}") for each in started]
        if alert := given_up_alert({upload.uri: upload.run for upload in started if upload.outcome == "given up"}):
            send_alert(alert)
        return UploadSweep.of(missed, swept, runs_by)
    swept = []
    for upload in uploads:
        state = process_upload(upload.uri, upload.version, upload.kind, again=retry_failed, return_state=True)
        outcome: Literal["processed", "skipped", "failed"] = "skipped" if state.name == "Skipped" else "processed"
        if not state.is_completed():
            outcome = "failed"
        swept.append(SweptUpload(uri=upload.uri, outcome=outcome, why=state.message or ""))
    result = UploadSweep.of(missed, swept, runs_by)
    if failed := [each.uri for each in swept if each.outcome == "failed"]:
        message = f"{len(failed)} of {len(swept)} uploads failed: {', '.join(failed)}"
        return Failed(message=message, data=result)  # type: ignore[return-value]
    return result
