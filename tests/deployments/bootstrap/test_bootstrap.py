"""The bootstrap makes what a server needs, and a second one changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import WorkPool
from prefect.events.schemas.automations import AutomationCore
from prefect_docker.worker import DockerWorkerJobConfiguration

from deployments.bootstrap import Outcome, bootstrap
from deployments.bootstrap.environment import flow_environment
from deployments.bootstrap.files import read
from sightline.errors import InvalidInput, InvalidSetting
from sightline.settings import Settings

pytestmark = pytest.mark.integration

ON_AWS = {
    "RESULTS_BUCKET": "s3://results",
    "VIDEO_BUCKET": "s3://videos",
    "AWS_ENDPOINT_URL": "http://aws:5000",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "hidden",
    "SLACK_WEBHOOK_URL": "json://127.0.0.1:1/alerts",
    "SMTP_SERVER": "mail.ward.org",
    "SMTP_PASSWORD": "hidden too",
    "API_KEYS": '["hidden as well"]',
    "SIGHTLINE_IMAGE": "registry.org/sightline:1.2.3",
    "DOCKER_RUNS_AT_ONCE": "7",
}


@pytest.fixture
def client(prefect_server: str) -> Iterator[SyncPrefectClient]:
    """A server with nothing of the bootstrap's on it."""
    with get_client(sync_client=True) as found:
        for pool in found.read_work_pools():
            found.delete_work_pool(pool.name)
        for automation in found.read_automations():
            found.delete_automation(automation.id)
        for document in found.read_block_documents():
            if document.name == "sightline" and document.id:
                found.delete_block_document(document.id)
        yield found


def outcomes(environment: Mapping[str, str]) -> dict[str, Outcome]:
    return {f"{change.kind} {change.name}": change.outcome for change in bootstrap(environment)}


def test_all_of_it_is_made_once_and_then_unchanged(client: SyncPrefectClient) -> None:
    first, second = outcomes(ON_AWS), outcomes(ON_AWS)
    assert set(first.values()) == {Outcome.CREATED}
    assert set(second.values()) == {Outcome.UNCHANGED}
    assert len(client.read_automations()) == 3


def test_what_has_changed_is_changed_and_nothing_else(client: SyncPrefectClient) -> None:
    before = outcomes(ON_AWS)
    after = outcomes({**ON_AWS, "SLACK_WEBHOOK_URL": "json://127.0.0.1:2/alerts", "DOCKER_RUNS_AT_ONCE": "1"})
    changed = {name for name, outcome in after.items() if outcome is Outcome.UPDATED}
    assert changed == {"block slack-webhook/sightline", "work pool media-docker"}
    assert set(before) == set(after)


def test_an_automation_that_somebody_changed_is_put_right_and_one_switched_off_stays_off(
    client: SyncPrefectClient,
) -> None:
    outcomes(ON_AWS)
    name = "sightline: crash the runs whose heartbeat has stopped"
    [found] = client.read_automations_by_name(name)
    client.pause_automation(found.id)
    assert outcomes(ON_AWS)[f"automation {name}"] is Outcome.UNCHANGED
    [found] = client.read_automations_by_name(name)
    assert not found.enabled
    changed = found.model_dump(mode="json", exclude={"id": True, "owner_resource": True, "trigger": {"id"}}) | {
        "description": "mine"
    }
    changed["trigger"]["within"] = 30
    client.update_automation(found.id, AutomationCore.model_validate(changed))
    assert outcomes(ON_AWS)[f"automation {name}"] is Outcome.UPDATED
    [found] = client.read_automations_by_name(name)
    assert (found.description, found.trigger.within.total_seconds(), found.enabled) == ("", 540, False)  # type: ignore[union-attr]


def test_an_automation_of_an_earlier_version_is_removed_and_one_of_somebody_else_stays(
    client: SyncPrefectClient,
) -> None:
    outcomes(ON_AWS)
    first = client.read_automations()[0]
    for name in ("sightline: of an earlier version", "mine"):
        client.create_automation(
            AutomationCore.model_validate({**first.model_dump(include={"trigger", "actions"}), "name": name})
        )
    changes = outcomes(ON_AWS)
    assert changes.pop("automation sightline: of an earlier version") == Outcome.REMOVED
    assert set(changes.values()) == {Outcome.UNCHANGED}
    names = {each.name for each in client.read_automations()}
    assert "mine" in names
    assert len(names) == 4


def test_without_anybody_to_tell_no_automation_tells(client: SyncPrefectClient) -> None:
    outcomes(ON_AWS)
    gone = outcomes({"RESULTS_BUCKET": "s3://results"})
    telling = {name for name in gone if "tell of" in name}
    assert {gone[name] for name in telling} == {Outcome.REMOVED}
    assert [each.name for each in client.read_automations()] == [
        "sightline: crash the runs whose heartbeat has stopped"
    ]
    assert {outcomes({"RESULTS_BUCKET": "s3://results"})[name] for name in telling} == {Outcome.LEFT_OUT}


def test_the_server_alerts_through_those_channels_that_it_can_use(client: SyncPrefectClient) -> None:
    """An email block cannot notify, and a topic of SNS is no block: the flows use those."""
    channels = '["slack-webhook/sightline", "email-server-credentials/sightline", "arn:aws:sns:us-east-1:1:x"]'
    outcomes({**ON_AWS, "ALERT_CHANNELS": channels})
    slack = client.read_block_document_by_name("sightline", "slack-webhook").id
    [told] = client.read_automations_by_name("sightline: tell of runs that failed, crashed or timed out")
    assert [cast("Any", action).block_document_id for action in told.actions] == [slack]


def test_a_run_is_told_the_settings_and_its_keys_only_by_their_block(client: SyncPrefectClient) -> None:
    outcomes(ON_AWS)
    pool = client.read_work_pool("media-docker")
    text = str(pool.base_job_template)
    assert "hidden" not in text
    assert "mail.ward.org" not in text
    told = _configuration(pool).env
    assert told["VIDEO_BUCKET"] == "s3://videos"
    assert told["AWS_ACCESS_KEY_ID"] == "key"
    assert told["AWS_SECRET_ACCESS_KEY"] == "hidden"
    assert told["PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK"] == "s3-bucket/sightline"
    assert told["ALERT_CHANNELS"] == '["slack-webhook/sightline"]'
    assert "API_KEYS" not in told


def test_a_container_has_the_image_and_the_limits_that_were_asked_for(client: SyncPrefectClient) -> None:
    outcomes(ON_AWS)
    plain = _configuration(client.read_work_pool("media-docker"), mem_limit="2g")
    assert (plain.image, plain.mem_limit, plain.memswap_limit) == ("registry.org/sightline:1.2.3", "2g", "2g")
    assert (plain.networks, plain.volumes, plain.auto_remove) == (["sightline"], ["sightline-cache:/cache"], False)
    made = plain.container_create_kwargs
    assert made is not None
    assert "device_requests" not in made
    gpu = _configuration(client.read_work_pool("media-docker-gpu"))
    assert gpu.image == "sightline:local-cuda"
    assert gpu.env["DEVICE"] == "cuda"
    assert gpu.container_create_kwargs is not None
    assert gpu.container_create_kwargs["device_requests"] == [
        {"driver": "nvidia", "count": -1, "capabilities": [["gpu"]]}
    ]
    assert client.read_work_pool("media-docker").concurrency_limit == 7


def _configuration(pool: WorkPool, **variables: Any) -> DockerWorkerJobConfiguration:
    """What the worker makes of the pool."""
    import asyncio

    async def resolve() -> DockerWorkerJobConfiguration:
        async with get_client() as client:
            return await DockerWorkerJobConfiguration.from_template_and_values(
                pool.base_job_template, variables, client=client
            )

    return asyncio.run(resolve())


def test_a_pool_of_another_type_is_left_alone_and_named(client: SyncPrefectClient) -> None:
    from prefect.client.schemas.actions import WorkPoolCreate

    client.create_work_pool(WorkPoolCreate(name="media-docker", type="process"))
    with pytest.raises(InvalidInput, match=r"media-docker: is of the type process, not docker\. Delete it"):
        list(bootstrap({}))


@pytest.mark.parametrize(("name", "value"), [("SMTP_PORT", "ten"), ("SMTP_TYPE", "TELEX")])
def test_a_mail_server_that_cannot_be_is_named(client: SyncPrefectClient, name: str, value: str) -> None:
    with pytest.raises(InvalidSetting, match=f"{name} is .*{value}"):
        list(bootstrap({"SMTP_SERVER": "mail.ward.org", name: value}))


def test_secrets_may_lie_in_aws(
    client: SyncPrefectClient, s3_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import boto3

    for name, value in s3_environment.items():
        monkeypatch.setenv(name, value)
    boto3.client("secretsmanager").create_secret(Name="slack", SecretString="json://127.0.0.1:3/alerts")
    outcomes({"SLACK_WEBHOOK_URL": "aws-secret://slack"})
    document = client.read_block_document_by_name("sightline", "slack-webhook")
    assert document.data["url"] == "json://127.0.0.1:3/alerts"


class TestFiles:
    """Variables in the YAML files."""

    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        path = tmp_path / "some.yaml"
        path.write_text("limit: ${LIMIT:-2}\nimage: a/${IMAGE}:1\nleft: '{{ event.payload.uri }} $HOME'\n")
        return path

    def test_a_variable_alone_keeps_its_type(self, file: Path) -> None:
        assert read(file, {"IMAGE": "7", "LIMIT": "3"}) == {
            "limit": 3, "image": "a/7:1", "left": "{{ event.payload.uri }} $HOME",
        }  # fmt: skip

    def test_a_default_holds_where_the_variable_is_empty(self, file: Path) -> None:
        assert read(file, {"IMAGE": "b", "LIMIT": ""})["limit"] == 2

    def test_one_that_is_missing_is_named(self, file: Path) -> None:
        with pytest.raises(InvalidSetting, match=r"some\.yaml needs IMAGE, which is not set"):
            read(file, {})


def test_every_bucket_is_handed_on_to_the_flows() -> None:
    buckets = [name.upper() for name in Settings.model_fields if name.endswith("_bucket")]
    assert set(flow_environment(dict.fromkeys(buckets, "s3://some"), blocks=frozenset())) == set(buckets)


def test_alerts_of_a_flow_link_to_where_a_person_finds_the_server() -> None:
    told = flow_environment({"PREFECT_UI_URL": "https://prefect.ward.org"}, blocks=frozenset())
    assert told == {"PREFECT_UI_URL": "https://prefect.ward.org"}


@pytest.mark.slow
@pytest.mark.soak
def test_the_flows_are_deployed_to_the_pool_that_is_named(
    client: SyncPrefectClient, prefect_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)  # Prefect deploys in a process of its own
    changes = list(bootstrap({"RESULTS_BUCKET": "s3://results"}, deploy=True, pool="media-process"))
    assert any(change.kind == "deployments" for change in changes)
    assert {each.work_pool_name for each in client.read_deployments()} == {"media-process"}
