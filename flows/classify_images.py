"""Images → serialize → classify → filter, one chunk at a time; captured, recorded and alerted."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from prefect import unmapped
from prefect.runtime import flow_run
from pydantic import Field

from sightline.errors import ThresholdNotMet
from sightline.vision import THRESHOLD_NOT_MET, Counts, FinishedClassification, classification_alert
from tasks.alerts import send_alert
from tasks.images import (
    ClassificationJob,
    classify,
    filter_low_confidence,
    list_images,
    plan,
    publish_results,
    serialize,
    warn_if_unchecked,
)
from tasks.models import resolve_model
from tasks.review_place import where_to_answer
from tasks.runs import chunks_to_do, find_finished, finish_run
from tasks.support.flow import sightline_flow, skipped
from tasks.support.progress import progress
from tasks.support.windows import Windows


class ClassificationResult(Counts):
    """The counts and the files of a run. ``processed`` is False if an earlier run had classified the images.

    ``skipped`` counts the files below the source that are not among the images, by reason. ``review`` lists the
    uncertain images, and ``answer`` is where people answer the questions about them, None if there are none. ``csv`` is
    None for a run that finished with an earlier version.
    """

    processed: bool
    model: str
    threshold: float
    skipped: dict[str, int]
    familiarity_checked: bool
    results: str
    table: str
    csv: str | None
    review: str
    answer: str | None
    skipped_files: str
    capture: str

    @classmethod
    def of(
        cls, job: ClassificationJob, ended: FinishedClassification, *, processed: bool, answer: str | None
    ) -> ClassificationResult:
        """Return the result of a finished run."""
        return cls(
            **ended.summary.model_dump(include=set(Counts.model_fields)),
            processed=processed,
            model=ended.model,
            threshold=ended.threshold,
            skipped=ended.skipped,
            familiarity_checked=ended.familiarity_checked,
            **job.files,
            **job.added_files,
            answer=answer,
            capture=job.capture,
        )


@sightline_flow(
    name="classify-images",
    flow_run_name=lambda: f"classify by {flow_run.parameters['model']}",
    distributed=True,
)
def classify_images(
    # On the command line, the source is a single string, which may be JSON.
    source: Annotated[str | list[str] | dict[str, Any], Parameter(accepts_keys=False, n_tokens=1)],
    model: str = "posture",
    *,
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None,
    on_low_confidence: Literal["review", "fail"] = "review",
    chunk_size: Annotated[int, Field(ge=1, le=4096)] = 64,
    max_workers: Annotated[int, Field(ge=1, le=64)] | None = None,
    output: str | None = None,
    capture: str | None = None,
) -> ClassificationResult:
    """Classify images, store a record of each, and alert about the uncertain ones.

    Args:
        source: A folder, an s3:// prefix, one image, a list of URIs, or a payload with images, image_urls or s3_key.
        model: A model of the registry, as NAME or NAME/VERSION, or a SageMaker endpoint, as endpoint://NAME.
        threshold: The lowest confidence that is accepted. By default the model's threshold.
        on_low_confidence: "review" lists the uncertain images; "fail" also ends the run as Failed if there are any.
        chunk_size: Images in a chunk.
        max_workers: Chunks in progress at the same time. By default the number of cores.
        output: The folder or s3:// prefix of the results. By default under RESULTS_BUCKET, by model and run.
        capture: The folder or bucket of the capture files. By default CAPTURE_BUCKET.
    """
    listing, spec = list_images(source), resolve_model(model, threshold)
    warn_if_unchecked(spec)
    job = plan(listing.images, spec, chunk_size, output, capture, listing.skipped)
    ended = find_finished(job)
    processed = ended is None
    if ended is None:
        with (
            TemporaryDirectory(prefix="sightline-", ignore_cleanup_errors=True) as name,
            progress("classify") as report,
        ):
            windows = Windows(chunks_to_do(job, listing.images), report, max_workers)
            for window in windows:
                serialized = serialize.map(window, unmapped(job), unmapped(Path(name)))
                classified = classify.map(serialized, unmapped(job))
                filtered = filter_low_confidence.map(classified, unmapped(job))
                windows.submitted(serialized, classified, filtered)
        ended = finish_run(job)
        publish_results(job, ended)
    if alert := classification_alert(ended, job.files["results"]):
        send_alert(alert)
    if on_low_confidence == "fail" and (uncertain := ended.summary.low_confidence):
        raise ThresholdNotMet(
            f"{THRESHOLD_NOT_MET}: {uncertain} of {job.images} images are below {job.model.threshold:g}, or of a kind "
            f"that {ended.model} does not know; see {job.files['review']}"
        )
    answer = where_to_answer(job.files["results"]) if ended.summary.low_confidence else None
    result = ClassificationResult.of(job, ended, processed=processed, answer=answer)
    if not processed:
        message = f"{ended.model} classified these images before; nothing was changed"
        return skipped(message, result)
    return result
