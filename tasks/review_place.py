"""Where people answer the questions about a run's uncertain images."""

from __future__ import annotations

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.utilities.urls import url_for

from tasks.support.policy import PLAIN, sightline_task

__all__ = ["where_to_answer"]

_FLOW = "review-predictions"


@sightline_task(**PLAIN)
def where_to_answer(results: str) -> str:
    """Return where the questions about the uncertain images in ``results`` are answered, and what starts that.

    If the server has a deployment that asks them, an event has started it, and its page lists the run that waits.
    """
    with get_client(sync_client=True) as client:
        found = client.read_deployments(flow_filter=FlowFilter(name=FlowFilterName(any_=[_FLOW])), limit=1)
    page = url_for("deployment", obj_id=found[0].id) if found else None
    if page:
        return f"{page} (open the run that waits there, and press Resume)"
    return f"start `make ui`, and there {_FLOW} with results={results}"
