"""A run that is killed at any moment, and run again, comes to the same end as one left in peace."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from sightline.storage import Location


def shown(root: Location) -> dict[str, str]:
    """All files, hidden and partial ones too, with a digest of what is in them.

    Of the plan only that it is there, since it names the attempt.
    """
    if isinstance(root, Path):
        files = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
        digests = {key: hashlib.md5(path.read_bytes()).hexdigest() for key, path in files.items()}
    else:
        pages = root.client.client.get_paginator("list_objects_v2").paginate(Bucket=root.bucket, Prefix=f"{root.key}/")
        found = [item for page in pages for item in page.get("Contents", ())]
        digests = {item["Key"].removeprefix(f"{root.key}/"): item["ETag"].strip('"') for item in found}
    return {key: "" if key.endswith(".plan.json") else digest for key, digest in digests.items()}


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.parametrize(
    ("bucket", "each", "moments"),
    [("folder", 2, 140), pytest.param("s3", 1, 23, marks=pytest.mark.soak)],
    indirect=["bucket"],
)
def test_killed_before_any_change_and_run_again_it_ends_as_one_of_the_two_runs_alone(
    bucket: Location, each: int, moments: int, storing: ModuleType, run_storing: Callable[..., str]
) -> None:
    first_run = {"frames": each, "poses": each, **storing.FIRST_RUN}
    for name, run in (("first", first_run), ("second", storing.SECOND_RUN)):
        storing.process(storing.store_in(bucket / name), "content", **run)
    first, second = (shown(bucket / name) for name in ("first", "second"))

    deaths, planned = json.loads(run_storing("killed", bucket, moments, each))

    assert deaths < moments, "some moments of the run were not reached"
    assert 0 < len(planned) - (moments - deaths) < deaths, "some were killed before the plan, some after it"
    # Until there is a plan the second run decides, from then on the first. Files are stored by several threads, so
    # which change makes the plan is not the same in every process.
    ends = [shown(bucket / str(k)) for k in range(1, moments + 1)]
    assert ends == [first if k in planned else second for k in range(1, moments + 1)]
