"""The bootstrap creates the resources of a server, and a second run changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import WorkPool
from prefect.events.schemas.automations import AutomationCore
from prefect_docker.worker import DockerWorkerJobConfiguration

from deployments.bootstrap import ChangeType, bootstrap
from deployments.bootstrap.environment import flow_environment
from deployments.bootstrap.resources import read_definitions
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
    """A client of a server without any resource of the bootstrap."""
    with get_client(sync_client=True) as client:
        for pool in client.read_work_pools():
            client.delete_work_pool(pool.name)
        for automation in client.read_automations():
            client.delete_automation(automation.id)
        for document in client.read_block_documents():
            if document.name == "sightline" and document.id:
                client.delete_block_document(document.id)
        yield client


def outcomes(environment: Mapping[str, str]) -> dict[str, ChangeType]:
    return {f"{change.kind} {change.name}": change.outcome for change in bootstrap(environment)}


def test_first_run_creates_everything_second_run_changes_nothing(client: SyncPrefectClient) -> None:
    first, second = outcomes(ON_AWS), outcomes(ON_AWS)
    assert set(first.values()) == {ChangeType.CREATED}
    assert set(second.values()) == {ChangeType.UNCHANGED}
    assert len(client.read_automations()) == 3


def test_only_resources_whose_variables_changed_are_updated(client: SyncPrefectClient) -> None:
    before = outcomes(ON_AWS)
    after = outcomes({**ON_AWS, "SLACK_WEBHOOK_URL": "json://127.0.0.1:2/alerts", "DOCKER_RUNS_AT_ONCE": "1"})
    changed = {name for name, outcome in after.items() if outcome is ChangeType.UPDATED}
    assert changed == {"block slack-webhook/sightline", "work pool media-docker"}
    assert set(before) == set(after)


def test_edited_automation_is_restored_and_disabled_one_stays_disabled(client: SyncPrefectClient) -> None:
    outcomes(ON_AWS)
    name = "sightline: crash the runs whose heartbeat has stopped"
    [automation] = client.read_automations_by_name(name)
    client.pause_automation(automation.id)
    assert outcomes(ON_AWS)[f"automation {name}"] is ChangeType.UNCHANGED
    [automation] = client.read_automations_by_name(name)
    assert not automation.enabled
    changed = automation.model_dump(mode="json", exclude={"id": True, "owner_resource": True, "trigger": {"id"}}) | {
        "description": "edited"
    }
    changed["trigger"]["within"] = 30
    client.update_automation(automation.id, AutomationCore.model_validate(changed))
    assert outcomes(ON_AWS)[f"automation {name}"] is ChangeType.UPDATED
    [automation] = client.read_automations_by_name(name)
    assert (automation.description, automation.enabled) == ("", False)
    assert automation.trigger.within.total_seconds() == 540  # type: ignore[union-attr]


def test_automation_of_an_earlier_version_is_removed_and_a_users_one_stays(client: SyncPrefectClient) -> None:
    outcomes(ON_AWS)
    first = client.read_automations()[0]
    for name in ("sightline: of an earlier version", "of a user"):
        client.create_automation(
            AutomationCore.model_validate({**first.model_dump(include={"trigger", "actions"}), "name": name})
        )
    changes = outcomes(ON_AWS)
    assert changes.pop("automation sightline: of an earlier version") == ChangeType.REMOVED
    assert set(changes.values()) == {ChangeType.UNCHANGED}
    names = {automation.name for automation in client.read_automations()}
    assert "of a user" in names
    assert len(names) == 4


def test_notifications_are_removed_if_no_channel_can_notify(client: SyncPrefectClient) -> None:
    outcomes(ON_AWS)
    without_channel = outcomes({"RESULTS_BUCKET": "s3://results"})
    notifying = {name for name in without_channel if "notify of" in name}
    assert {without_channel[name] for name in notifying} == {ChangeType.REMOVED}
    assert [automation.name for automation in client.read_automations()] == [
        "sightline: crash the runs whose heartbeat has stopped"
    ]
    assert {outcomes({"RESULTS_BUCKET": "s3://results"})[name] for name in notifying} == {ChangeType.SKIPPED}


def test_server_notifies_only_through_blocks_that_can_notify(client: SyncPrefectClient) -> None:
    """Email blocks cannot notify and SNS topics are not blocks; only the flows use them."""
    channels = '["slack-webhook/sightline", "email-server-credentials/sightline", "arn:aws:sns:us-east-1:1:x"]'
    outcomes({**ON_AWS, "ALERT_CHANNELS": channels})
    slack = client.read_block_document_by_name("sightline", "slack-webhook").id
    [automation] = client.read_automations_by_name("sightline: notify of runs that failed, crashed or timed out")
    assert [cast("Any", action).block_document_id for action in automation.actions] == [slack]


def test_run_environment_has_settings_and_keys_only_through_a_block(client: SyncPrefectClient) -> None:
    outcomes(ON_AWS)
    pool = client.read_work_pool("media-docker")
    text = str(pool.base_job_template)
    assert "hidden" not in text
    assert "mail.ward.org" not in text
    env = _configuration(pool).env
    assert env["VIDEO_BUCKET"] == "s3://videos"
    assert env["AWS_ACCESS_KEY_ID"] == "key"
    assert env["AWS_SECRET_ACCESS_KEY"] == "hidden"
    assert env["PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK"] == "s3-bucket/sightline"
    assert env["ALERT_CHANNELS"] == '["slack-webhook/sightline"]'
    assert "API_KEYS" not in env


def test_container_configuration_has_the_requested_image_and_limits(client: SyncPrefectClient) -> None:
    outcomes(ON_AWS)
    plain = _configuration(client.read_work_pool("media-docker"), mem_limit="2g")
    assert (plain.image, plain.mem_limit, plain.memswap_limit) == ("registry.org/sightline:1.2.3", "2g", "2g")
    assert (plain.networks, plain.volumes, plain.auto_remove) == (["sightline"], ["sightline-cache:/cache"], False)
    kwargs = plain.container_create_kwargs
    assert kwargs is not None
    assert "device_requests" not in kwargs
    gpu = _configuration(client.read_work_pool("media-docker-gpu"))
    assert gpu.image == "sightline:local-cuda"
    assert gpu.env["DEVICE"] == "cuda"
    assert gpu.container_create_kwargs is not None
    assert gpu.container_create_kwargs["device_requests"] == [
        {"driver": "nvidia", "count": -1, "capabilities": [["gpu"]]}
    ]
    assert client.read_work_pool("media-docker").concurrency_limit == 7


def _configuration(pool: WorkPool, **variables: Any) -> DockerWorkerJobConfiguration:
    """Resolve the pool's job template as the worker does."""
    import asyncio

    async def resolve() -> DockerWorkerJobConfiguration:
        async with get_client() as client:
            return await DockerWorkerJobConfiguration.from_template_and_values(
                pool.base_job_template, variables, client=client
            )

    return asyncio.run(resolve())


def test_pool_of_another_type_is_rejected_by_name(client: SyncPrefectClient) -> None:
    from prefect.client.schemas.actions import WorkPoolCreate

    client.create_work_pool(WorkPoolCreate(name="media-docker", type="process"))
    with pytest.raises(InvalidInput, match=r"media-docker: has the type process, not docker\. Delete it"):
        list(bootstrap({}))


@pytest.mark.parametrize(("name", "value"), [("SMTP_PORT", "ten"), ("SMTP_TYPE", "TELEX")])
def test_invalid_mail_server_setting_is_rejected_by_name(client: SyncPrefectClient, name: str, value: str) -> None:
    with pytest.raises(InvalidSetting, match=f"{name} is .*{value}"):
        list(bootstrap({"SMTP_SERVER": "mail.ward.org", name: value}))


def test_secret_reference_is_resolved_from_secrets_manager(
    client: SyncPrefectClient, s3_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import boto3

    for name, value in s3_environment.items():
        monkeypatch.setenv(name, value)
    boto3.client("secretsmanager").create_secret(Name="slack", SecretString="json://127.0.0.1:3/alerts")
    outcomes({"SLACK_WEBHOOK_URL": "aws-secret://slack"})
    document = client.read_block_document_by_name("sightline", "slack-webhook")
    assert document.data["url"] == "json://127.0.0.1:3/alerts"


class TestDefinitions:
    """Variables in the YAML files."""

    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        path = tmp_path / "some.yaml"
        path.write_text("limit: ${LIMIT:-2}\nimage: a/${IMAGE}:1\nleft: '{{ event.payload.uri }} $HOME'\n")
        return path

    def test_value_of_one_variable_is_parsed_as_yaml(self, file: Path) -> None:
        assert read_definitions(file, {"IMAGE": "7", "LIMIT": "3"}) == {
            "limit": 3, "image": "a/7:1", "left": "{{ event.payload.uri }} $HOME",
        }  # fmt: skip

    def test_default_replaces_an_empty_variable(self, file: Path) -> None:
        assert read_definitions(file, {"IMAGE": "b", "LIMIT": ""})["limit"] == 2

    def test_unset_variable_is_rejected_by_name(self, file: Path) -> None:
        with pytest.raises(InvalidSetting, match=r"some\.yaml needs IMAGE, which is not set"):
            read_definitions(file, {})


def test_flow_environment_has_every_bucket() -> None:
    buckets = [name.upper() for name in Settings.model_fields if name.endswith("_bucket")]
    assert set(flow_environment(dict.fromkeys(buckets, "s3://some"), blocks=frozenset())) == set(buckets)


def test_flow_environment_has_the_servers_public_address() -> None:
    variables = flow_environment({"PREFECT_UI_URL": "https://prefect.ward.org"}, blocks=frozenset())
    assert variables == {"PREFECT_UI_URL": "https://prefect.ward.org"}


@pytest.mark.slow
@pytest.mark.soak
def test_flows_are_deployed_to_the_requested_pool(
    client: SyncPrefectClient, prefect_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)  # `prefect deploy` runs in another process
    changes = list(bootstrap({"RESULTS_BUCKET": "s3://results"}, deploy=True, pool="media-process"))
    assert any(change.kind == "deployments" for change in changes)
    assert {deployment.work_pool_name for deployment in client.read_deployments()} == {"media-process"}
