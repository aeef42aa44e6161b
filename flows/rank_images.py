"""Photos → people → lower bodies → scores, one chunk at a time; sorted on a contact sheet."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter
from prefect import unmapped
from prefect.runtime import flow_run
from pydantic import BaseModel, ConfigDict, Field

from sightline.ranking import FinishedRanking, PrepareParameters
from tasks.images import list_images
from tasks.ranking import RankingJob, copy_best_photos, plan_photos, publish_ranked, rank, resolve_ranker
from tasks.runs import chunks_to_do, find_finished, finish_run
from tasks.support.flow import sightline_flow, skipped
from tasks.support.progress import progress
from tasks.support.windows import Windows


class RankingResult(BaseModel):
    """The counts and the files of a ranking. ``processed`` is False if an earlier run had ranked the photos.

    ``photos_ranked`` have a ranked person, and show ``different_photos`` if the same picture counts once. ``people``
    were found; ``ranked``, ``low_confidence`` and ``rejected`` count them and unreadable photos. ``skipped`` counts the
    files below the source that are not among the photos, by reason. ``copied`` are the copies of the best photos. Files
    that an earlier version did not write are None.
    """

    model_config = ConfigDict(frozen=True)

    processed: bool
    model: str
    images: int
    photos_ranked: int | None
    different_photos: int | None
    people: int | None
    ranked: int
    low_confidence: int
    rejected: int
    reasons: dict[str, int]
    best: str | None
    best_ranking: float | None
    arms_bonus: float
    skipped: dict[str, int]
    results: str
    table: str
    sheet: str
    csv: str | None
    photos: str | None
    photos_table: str | None
    page: str | None
    copied: tuple[str, ...]
    skipped_files: str

    @classmethod
    def of(
        cls, job: RankingJob, ended: FinishedRanking, *, processed: bool, copied: tuple[str, ...] = ()
    ) -> RankingResult:
        """Return the result of a finished run."""
        best = ended.summary.best[0] if ended.summary.best else None
        return cls(
            processed=processed,
            model=ended.model,
            **ended.summary.model_dump(exclude={"best"}),
            best=best.uri if best else None,
            best_ranking=best.ranking if best else None,
            arms_bonus=job.bonus,
            skipped=ended.skipped,
            copied=copied,
            **job.files,
            **job.added_files,
        )


@sightline_flow(name="rank-images", flow_run_name=lambda: f"rank by {flow_run.parameters['model']}", distributed=True)
def rank_images(
    # On the command line, the source is a single string, which may be JSON.
    source: Annotated[str | list[str] | dict[str, Any], Parameter(accepts_keys=False, n_tokens=1)],
    model: str = "running-style",
    *,
    min_confidence: Annotated[float, Field(ge=0, le=1)] = 0.8,
    blur_threshold: Annotated[float, Field(ge=0)] = 100.0,
    arms_bonus: Annotated[float, Field(ge=0, le=1)] | None = None,
    chunk_size: Annotated[int, Field(ge=1, le=1024)] = 16,
    max_workers: Annotated[int, Field(ge=1, le=64)] | None = None,
    output: str | None = None,
    copy_best: Annotated[int, Field(ge=1, le=1000)] | None = None,
    copy_to: str | None = None,
) -> RankingResult:
    """Rank the people in photos by running style, and show the best first on a contact sheet.

    Args:
        source: A folder, an s3:// prefix, one image, a list of URIs, or a payload with images, image_urls or s3_key.
        model: A ranking model of the registry, as NAME or NAME/VERSION.
        min_confidence: The lowest confidence of the pose models at which a detection counts as a person.
        blur_threshold: The lowest sharpness of a person's crop: the variance of its Laplacian.
        arms_bonus: Bonus for raised arms, as a share of the difference between the score and 1. By default the model's.
        chunk_size: Photos in a chunk.
        max_workers: Chunks in progress at the same time. By default the number of cores.
        output: The folder or s3:// prefix of the results. By default under RESULTS_BUCKET, by model and run.
        copy_best: Copy this many of the best photos, one of each picture.
        copy_to: The folder or s3:// prefix of the copies. By default best in the results.
    """
    listing = list_images(source)
    label, model_bonus = resolve_ranker(model)
    parameters = PrepareParameters(min_confidence=min_confidence, blur_threshold=blur_threshold)
    bonus = model_bonus if arms_bonus is None else arms_bonus
    job = plan_photos(listing.images, label, parameters, bonus, chunk_size, output, listing.skipped)
    ended = find_finished(job)
    processed = ended is None
    if ended is None:
        with progress("rank") as report:
            windows = Windows(chunks_to_do(job, listing.images), report, max_workers)
            for window in windows:
                windows.submitted(rank.map(window, unmapped(job)))
        ended = finish_run(job)
        publish_ranked(job, ended)
    copied = copy_best_photos(job, listing.images, copy_best, copy_to) if copy_best else ()
    result = RankingResult.of(job, ended, processed=processed, copied=copied)
    if not processed:
        message = f"{ended.model} ranked these photos before; nothing was ranked again"
        return skipped(message, result)
    return result
