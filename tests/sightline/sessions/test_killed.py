"""A run that is killed at any time and repeated gives the same result as an undisturbed run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from sightline.storage import Location


def digests_of(root: Location) -> dict[str, str]:
    """Return a digest of every file's content by key, for hidden and partial files too.

    The plan has an empty digest, since it names the attempt.
    """
    if isinstance(root, Path):
        files = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
        digests = {key: hashlib.md5(path.read_bytes()).hexdigest() for key, path in files.items()}
    else:
        pages = root.client.client.get_paginator("list_objects_v2").paginate(Bucket=root.bucket, Prefix=f"{root.key}/")
        items = [item for page in pages for item in page.get("Contents", ())]
        digests = {item["Key"].removeprefix(f"{root.key}/"): item["ETag"].strip('"') for item in items}
    return {key: "" if key.endswith(".plan.json") else digest for key, digest in digests.items()}


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.parametrize(
    ("bucket", "size", "moments"),
    [("folder", 2, 140), pytest.param("s3", 1, 23, marks=pytest.mark.soak)],
    indirect=["bucket"],
)
def test_run_killed_before_any_change_and_repeated_gives_one_result(
    bucket: Location, size: int, moments: int, storing: ModuleType, run_storing: Callable[..., str]
) -> None:
    first_run = {"frames": size, "poses": size, **storing.FIRST_RUN}
    for name, run in (("first", first_run), ("second", storing.SECOND_RUN)):
        storing.process(storing.store_in(bucket / name), "content", **run)
    first, second = (digests_of(bucket / name) for name in ("first", "second"))

    deaths, planned = json.loads(run_storing("killed", bucket, moments, size))

    assert deaths < moments, "some moments of the run were not reached"
    assert 0 < len(planned) - (moments - deaths) < deaths, "some runs must be killed before the plan, some after it"
    # Without a plan, the second run decides the result; with a plan, the first. Several threads store files, so the
    # change that creates the plan differs between processes.
    ends = [digests_of(bucket / str(k)) for k in range(1, moments + 1)]
    assert ends == [first if k in planned else second for k in range(1, moments + 1)]
