"""Chunks on their way to tasks."""

from __future__ import annotations

import pytest
from prefect.utilities.annotations import opaque

from sightline.settings import settings
from tasks.support.windows import whole


@pytest.mark.parametrize(("runner", "is_marked"), [("threads", True), ("dask", False), ("ray", False)])
def test_chunks_are_marked_only_where_the_mark_reaches_the_task(
    runner: str, is_marked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pickled, Prefect's mark comes back around a tuple, and the task would get that for its chunk."""
    monkeypatch.setenv("TASK_RUNNER", runner)
    settings.cache_clear()
    chunks = [(1, 2), (3,)]
    assert whole(chunks) == ([opaque(chunk) for chunk in chunks] if is_marked else chunks)
    assert [isinstance(each, opaque) for each in whole(chunks)] == [is_marked] * 2
    settings.cache_clear()
