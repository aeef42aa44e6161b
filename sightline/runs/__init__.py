"""Chunked runs over many items, which can be interrupted and resumed, for any kind of work.

A :class:`Job` is the plan of a run, a :class:`ChunkedRun` its progress and results. A package that defines a kind of
run subclasses both:

job = plan(images, model, chunk_size=64)
for chunk in job.remaining(images):
    job.run.keep(chunk.number, classify(chunk.items))
job.finish()
"""

from sightline.runs.finished import FinishedRun, read_finished_runs
from sightline.runs.job import Chunk, Job
from sightline.runs.results import CSV, RESULTS, TABLE, TableWriter, Top
from sightline.runs.run import ChunkedRun
from sightline.runs.skipped import SKIPPED, SkippedFile, write_skipped

__all__ = [
    "CSV",
    "RESULTS",
    "SKIPPED",
    "TABLE",
    "Chunk",
    "ChunkedRun",
    "FinishedRun",
    "Job",
    "SkippedFile",
    "TableWriter",
    "Top",
    "read_finished_runs",
    "write_skipped",
]
