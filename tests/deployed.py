"""Runs of the deployment of review-predictions, executed here, with the requests that Prefect's UI sends."""

from __future__ import annotations

import json
import time
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.exceptions import Pause
from prefect.flow_engine import run_flow
from prefect.states import State

from flows.review_predictions import ReviewResult, review_predictions

__all__ = ["Deployed", "artifacts", "call", "event"]


def call(method: str, path: str, **options: Any) -> Any:
    """Return the response of the server's API to Prefect's client, which retries if the server is busy."""
    with get_client(sync_client=True) as client:
        return client._client.request(method, path, **options).raise_for_status().json()


class Deployed:
    """A run of the deployment, executed here as in a worker's process."""

    def __init__(self, **parameters: Any) -> None:
        deployment = review_predictions.to_deployment("test").apply()
        created = call("POST", f"/deployments/{deployment}/create_flow_run", json={"parameters": parameters})
        self.id = str(created["id"])

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = call("GET", f"/flow_runs/{self.id}")["state"]
        return state

    def resume(self) -> State[ReviewResult] | None:
        """Run it until it is suspended, and return None, or until its end, and return its state."""
        with get_client(sync_client=True) as client:
            run = client.read_flow_run(UUID(self.id))
        try:
            return run_flow(review_predictions, flow_run=run, return_type="state")  # type: ignore[return-value]
        except Pause:
            return None

    def form(self, page: int) -> dict[str, Any]:
        """Return the page's form as the UI gets it."""
        text = call("GET", f"/flow_runs/{self.id}/input/suspended-page-{page}-schema")
        form: dict[str, Any] = (json.loads(text) if isinstance(text, str) else text)["properties"]
        return form

    def answer(self, **fields: str) -> str:
        """Submit the form, and return the server's status."""
        return str(call("POST", f"/flow_runs/{self.id}/resume", json={"run_input": fields})["status"])


def artifacts(run: str) -> dict[str, str]:
    rows = call("POST", "/artifacts/filter", json={"artifacts": {"flow_run_id": {"any_": [run]}}})
    return {artifact["key"]: str(artifact["data"]) for artifact in rows}


def event(name: str, about: str) -> dict[str, Any]:
    """Return the latest event with this name and ``about`` in its resource or payload; fail after 20 seconds."""
    for _ in range(100):
        events = call("POST", "/events/filter", json={"filter": {"event": {"name": [name]}}})["events"]
        if matching := [item for item in events if about in json.dumps([item["resource"], item["payload"]])]:
            return dict(matching[0])
        time.sleep(0.2)
    raise AssertionError(f"no {name} about {about}")
