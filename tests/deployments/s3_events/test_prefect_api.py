"""The requests to Prefect's API: authentication, CSRF tokens, the deployment, and errors."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.s3_events.prefect_api import Failing, PrefectApi, RejectedByServer, Unavailable
from sightline.uploads import Upload
from tests.deployments.s3_events.fake import DEPLOYMENT, FakePrefect
from tests.deployments.s3_events.processes import Server, free_port

UPLOAD = Upload("s3://videos", "s3://videos/ana/a.mp4", "1", "video", "ana")


@pytest.mark.parametrize(
    ("auth", "key", "header"),
    [(None, None, None), ("me:pa:ss", None, "Basic bWU6cGE6c3M="), (None, "pnu_1", "Bearer pnu_1"),
     ("me:pa:ss", "pnu_1", "Basic bWU6cGE6c3M=")],
)  # fmt: skip
@pytest.mark.parametrize("has_csrf", [True, False])
def test_requests_are_authenticated_as_in_prefect(
    fake: FakePrefect, api: str, has_csrf: bool, auth: str | None, key: str | None, header: str | None
) -> None:
    fake.has_csrf = has_csrf
    with PrefectApi(f"{api}/", DEPLOYMENT, auth, key) as client:
        client.create_run(UPLOAD)
        client.post([])
    assert {request["path"].partition("?")[0] for request in fake.requests} == {
        "/api/csrf-token",
        "/api/deployments/name/process-upload/media",
        f"/api/deployments/{fake.deployment}/create_flow_run",
        "/api/events",
    }
    assert {request["authorization"] for request in fake.requests} == {header}


def test_error_contains_the_servers_response(fake: FakePrefect, api: str) -> None:
    with PrefectApi(api, DEPLOYMENT) as client:
        fake.answer = lambda events: 401
        with pytest.raises(Unavailable, match=r"/api/events: 401 Unauthorized$"):
            client.post([])
        fake.answer = lambda events: 413
        with pytest.raises(RejectedByServer, match="413"):
            client.post([])


def test_internal_error_is_the_requests_own_if_the_server_is_ready(fake: FakePrefect, api: str) -> None:
    fake.answer_run = lambda run: 500
    with PrefectApi(api, DEPLOYMENT) as client:
        with pytest.raises(Failing, match="500"):
            client.create_run(UPLOAD)
        fake.is_ready = False
        with pytest.raises(Unavailable, match="500") as raised:
            client.create_run(UPLOAD)
    assert not isinstance(raised.value, Failing)


def test_missing_deployment_is_unavailable_and_named(fake: FakePrefect, api: str) -> None:
    fake.deployment = None
    with PrefectApi(api, DEPLOYMENT) as client, pytest.raises(Unavailable, match="no deployment process-upload/media"):
        client.create_run(UPLOAD)


def test_response_that_is_not_from_prefect_is_unavailable(fake: FakePrefect, api: str) -> None:
    """A proxy may answer with a page of its own, and status 200."""
    fake.deployment = "a page"
    with PrefectApi(api, DEPLOYMENT) as client, pytest.raises(Unavailable, match="not from a Prefect server"):
        client.create_run(UPLOAD)


class TestCsrf:
    def test_token_is_requested_once(self, fake: FakePrefect, api: str) -> None:
        fake.has_csrf = True
        with PrefectApi(api, DEPLOYMENT) as client:
            for _ in range(3):
                client.create_run(UPLOAD)
        assert fake.count("/csrf-token") == 1

    def test_server_without_protection_is_asked_once(self, fake: FakePrefect, api: str) -> None:
        with PrefectApi(api, DEPLOYMENT) as client:
            for _ in range(3):
                client.create_run(UPLOAD)
        assert fake.count("/csrf-token") == 1

    def test_expired_token_is_renewed(self, fake: FakePrefect, api: str) -> None:
        fake.has_csrf, fake.token_seconds = True, 0.2
        with PrefectApi(api, DEPLOYMENT) as client:
            client.create_run(UPLOAD)
            time.sleep(0.3)
            client.create_run(UPLOAD)
        assert fake.count("/csrf-token") == 2
        assert fake.count("/create_flow_run") == 2

    def test_token_that_the_server_forgot_is_renewed(self, fake: FakePrefect, api: str) -> None:
        fake.has_csrf = True
        with PrefectApi(api, DEPLOYMENT) as client:
            client.create_run(UPLOAD)
            fake.forget_tokens()
            client.post([])
        assert fake.count("/csrf-token") == 2

    def test_protection_that_is_switched_on_later_is_noticed(self, fake: FakePrefect, api: str) -> None:
        with PrefectApi(api, DEPLOYMENT) as client:
            client.create_run(UPLOAD)
            fake.has_csrf = True
            client.create_run(UPLOAD)
        assert len(fake.runs) == 1

    def test_server_that_rejects_every_token_is_unavailable(self, fake: FakePrefect, api: str) -> None:
        fake.has_csrf, fake.token_seconds = True, -1
        with PrefectApi(api, DEPLOYMENT) as client, pytest.raises(Unavailable, match="Invalid CSRF token"):
            client.create_run(UPLOAD)


@pytest.mark.integration
@pytest.mark.slow
class TestRealServer:
    @pytest.fixture
    def with_csrf(self, prefect_home: Path) -> Iterator[str]:
        port = free_port()
        environment = {
            **os.environ,
            "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
            "PREFECT_SERVER_CSRF_TOKEN_EXPIRATION": "PT2S",
        }
        with closing(Server(prefect_home, port, environment)):
            yield f"http://127.0.0.1:{port}/api"

    @pytest.fixture(params=["with_csrf", "prefect_server"])
    def api_url(self, request: pytest.FixtureRequest) -> Iterator[str]:
        url: str = request.getfixturevalue(request.param)
        with temporary_settings({PREFECT_API_URL: url}):
            yield url

    def test_upload_has_one_run_across_clients_and_expired_tokens(self, api_url: str) -> None:
        from flows.process_upload import process_upload

        name = f"uploads-{uuid.uuid4().hex[:8]}"
        with get_client(sync_client=True) as prefect:
            deployment = prefect.create_deployment(prefect.create_flow(process_upload), name)
        ids: set[Any] = set()
        for _ in range(2):
            with PrefectApi(api_url, f"process-upload/{name}") as client:
                ids.add(client.create_run(UPLOAD))
                time.sleep(2.5)
                ids.add(client.create_run(UPLOAD))
                client.post([])
        [run_id] = ids
        with get_client(sync_client=True) as prefect:
            run = prefect.read_flow_run(run_id)
        assert (run.deployment_id, run.idempotency_key) == (deployment, str(UPLOAD.id))
        assert run.parameters == {"uri": UPLOAD.uri, "object_version": "1", "kind": "video"}
        assert run.state
        assert run.state.is_scheduled()
