"""The deployments of the local server."""

from __future__ import annotations

from typing import Any

import prefect
import pytest

from deployments.serve import serve_flows
from flows.catalogue import CATALOGUE

_ENTRIES = {entry.name: entry for entry in CATALOGUE}


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The deployments that are served, by flow."""
    served: dict[str, Any] = {}

    def serve(*deployments: Any, **_: Any) -> None:
        served.update({deployment.flow_name: deployment for deployment in deployments})

    monkeypatch.setattr(prefect, "serve", serve)
    entries = [_ENTRIES[name] for name in ("export-openpose", "sweep-uploads", "review-predictions")]
    serve_flows(entries, "http://x", login="sightline:key")
    return served


def test_flow_has_its_limit_without_a_work_queue(served: dict[str, Any]) -> None:
    """There is no work pool on a workstation whose queue could have the limit."""
    assert len(served) == 3
    for name, deployment in served.items():
        concurrency = _ENTRIES[name].concurrency
        assert deployment.work_queue_name is None
        if concurrency is None:
            assert deployment.concurrency_limit is None
        else:
            assert deployment.concurrency_limit == concurrency.limit
            strategy = "CANCEL_NEW" if concurrency.cancel_new else "ENQUEUE"
            assert deployment.concurrency_options.collision_strategy == strategy
