"""The bootstrap creates the resources of a server, and a second run changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions
from prefect.events.schemas.automations import AutomationCore
from prefect.events.schemas.deployment_triggers import DeploymentEventTrigger
from prefect_aws import AwsCredentials, S3Bucket

from deployments.bootstrap import ChangeType, bootstrap
from deployments.bootstrap.environment import flow_environment, read_flow_environment
from deployments.bootstrap.resources import read_definitions
from deployments.prefect_file import CONTAINERS, DEPLOYMENT, GPU_CONTAINERS, HOUSEKEEPING, POOLS, PROCESSES
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


def outcomes(environment: Mapping[str, str]) -> dict[str, ChangeType]:
    return {f"{change.kind} {change.name}": change.outcome for change in bootstrap(environment)}


@pytest.fixture
def used(prefect_server: str) -> Iterator[SyncPrefectClient]:
    """A client of a server that may have resources of earlier bootstraps: creating all of them takes seconds."""
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def on_aws(used: SyncPrefectClient) -> SyncPrefectClient:
    """A client of a server after a bootstrap on AWS."""
    outcomes(ON_AWS)
    return used


def test_first_run_creates_everything_second_run_changes_nothing(client: SyncPrefectClient) -> None:
    first, second = outcomes(ON_AWS), outcomes(ON_AWS)
    assert set(first.values()) == {ChangeType.CREATED}
    assert set(second.values()) == {ChangeType.UNCHANGED}


def test_only_resources_whose_variables_changed_are_updated(on_aws: SyncPrefectClient) -> None:
    before = outcomes(ON_AWS)
    after = outcomes({**ON_AWS, "SLACK_WEBHOOK_URL": "json://127.0.0.1:2/alerts", "DOCKER_RUNS_AT_ONCE": "1"})
    changed = {name for name, outcome in after.items() if outcome is ChangeType.UPDATED}
    assert changed == {"block slack-webhook/sightline", "work pool media-docker"}
    assert set(before) == set(after)


def test_changed_setting_of_the_flows_is_updated_and_a_removed_one_is_forgotten(on_aws: SyncPrefectClient) -> None:
    after = outcomes({**{name: value for name, value in ON_AWS.items() if name != "VIDEO_BUCKET"}, "DEVICE": "cpu"})
    changed = {name for name, outcome in after.items() if outcome is ChangeType.UPDATED}
    assert changed == {f"block flow-environment/{pool}" for pool in POOLS}
    variables = read_flow_environment(on_aws, "media-docker")
    assert variables["DEVICE"] == "cpu"
    assert "VIDEO_BUCKET" not in variables


def test_automations_of_earlier_versions_are_removed_and_those_of_users_stay(used: SyncPrefectClient) -> None:
    """They would alert a second time, and crash healthy runs after an outage of the server."""
    others = {automation.id for automation in used.read_automations()}
    for name in ("sightline: crash the runs whose heartbeat has stopped", "of a user"):
        used.create_automation(
            AutomationCore.model_validate(
                {
                    "name": name,
                    "trigger": {"type": "event", "posture": "Reactive", "expect": ["x"], "threshold": 1},
                    "actions": [{"type": "do-nothing"}],
                }
            )
        )
    changes = outcomes(ON_AWS)
    assert changes["automation sightline: crash the runs whose heartbeat has stopped"] is ChangeType.REMOVED
    [of_user] = [automation for automation in used.read_automations() if automation.id not in others]
    assert of_user.name == "of a user"
    used.delete_automation(of_user.id)


def test_run_environment_has_settings_and_no_secret(on_aws: SyncPrefectClient) -> None:
    for pool in POOLS:
        variables = read_flow_environment(on_aws, pool)
        assert variables["VIDEO_BUCKET"] == "s3://videos"
        assert variables["AWS_ENDPOINT_URL"] == "http://aws:5000"
        assert variables["PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK"] == "s3-bucket/sightline"
        assert json.loads(variables["ALERT_CHANNELS"]) == ["slack-webhook/sightline"]
        assert not {"API_KEYS", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "SLACK_WEBHOOK_URL"} & set(variables)
        stored = f"{variables} {on_aws.read_work_pool(pool).base_job_template}"
        assert not [secret for secret in ("hidden", "mail.ward.org", "127.0.0.1:1/alerts") if secret in stored]


def test_containers_on_aws_assume_the_role_of_the_flows(used: SyncPrefectClient) -> None:
    role = "arn:aws:iam::123456789012:role/sightline-flows"
    outcomes({"FLOWS_ROLE_ARN": role})
    for pool in (CONTAINERS, GPU_CONTAINERS, HOUSEKEEPING):
        assert read_flow_environment(used, pool)["SIGHTLINE_ROLE_ARN"] == role
    assert "SIGHTLINE_ROLE_ARN" not in read_flow_environment(used, PROCESSES)


def test_environment_of_an_unknown_pool_is_empty(used: SyncPrefectClient) -> None:
    assert read_flow_environment(used, "some-ecs") == {}


def test_credentials_block_has_the_address_of_s3_and_no_keys(used: SyncPrefectClient) -> None:
    outcomes({**ON_AWS, "AWS_DEFAULT_REGION": "eu-central-1"})
    bucket = S3Bucket.load("sightline", _sync=True)  # type: ignore[call-arg]
    assert isinstance(bucket, S3Bucket)
    assert bucket.credentials.aws_client_parameters.endpoint_url == "http://aws:5000"
    assert bucket.credentials.region_name == "eu-central-1"
    assert keys(used) == {None}


@pytest.mark.parametrize("results", ["s3://results", ""])
def test_keys_in_the_credentials_block_of_an_earlier_version_are_removed(used: SyncPrefectClient, results: str) -> None:
    earlier = AwsCredentials(
        aws_access_key_id="key",
        aws_secret_access_key="hidden",  # type: ignore[arg-type]  # pydantic converts it
        aws_session_token="hidden too",
    )
    earlier.save("sightline", overwrite=True, _sync=True)  # type: ignore[call-arg]
    assert keys(used) == {"key", "hidden", "hidden too"}
    changes = outcomes({**ON_AWS, "RESULTS_BUCKET": results})
    assert changes["block aws-credentials/sightline"] is ChangeType.UPDATED
    assert keys(used) == {None}


def keys(client: SyncPrefectClient) -> set[Any]:
    data = client.read_block_document_by_name("sightline", "aws-credentials", include_secrets=True).data
    return {data.get(name) for name in ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")}


def test_pool_of_another_type_is_rejected_by_name(client: SyncPrefectClient) -> None:
    from prefect.client.schemas.actions import WorkPoolCreate

    client.create_work_pool(WorkPoolCreate(name="media-docker", type="process"))
    with pytest.raises(InvalidInput, match=r"media-docker: has the type process, not docker\. Delete it"):
        list(bootstrap({}))
    client.delete_work_pool("media-docker")


@pytest.mark.parametrize(("name", "value"), [("SMTP_PORT", "ten"), ("SMTP_TYPE", "TELEX")])
def test_invalid_mail_server_setting_is_rejected_by_name(used: SyncPrefectClient, name: str, value: str) -> None:
    with pytest.raises(InvalidSetting, match=f"{name} is .*{value}"):
        list(bootstrap({"SMTP_SERVER": "mail.ward.org", name: value}))


def test_secret_reference_is_resolved_from_secrets_manager(
    used: SyncPrefectClient, s3_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import boto3

    for name, value in s3_environment.items():
        monkeypatch.setenv(name, value)
    boto3.client("secretsmanager").create_secret(Name="slack", SecretString="json://127.0.0.1:3/alerts")
    outcomes({"SLACK_WEBHOOK_URL": "aws-secret://slack"})
    document = used.read_block_document_by_name("sightline", "slack-webhook")
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


@pytest.mark.slow
@pytest.mark.soak
def test_upgrade_clears_limits_and_triggers_of_earlier_deployments(
    client: SyncPrefectClient, prefect_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    outcomes({})
    earlier = {}
    for name in ("process-upload", "sweep-uploads"):
        earlier[name] = client.create_deployment(
            client.create_flow_from_name(name), DEPLOYMENT, work_pool_name="media-docker", work_queue_name="default",
            concurrency_limit=2, job_variables={"mem_limit": "1g"},
            concurrency_options=ConcurrencyOptions(collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW),
        )  # fmt: skip
    trigger = DeploymentEventTrigger(name="Process a file on arrival", expect={"sightline.s3.object-created"})
    trigger.set_deployment_id(earlier["process-upload"])
    client.create_automation(trigger.as_automation())
    list(bootstrap({}, deploy=True))
    for name, pool in (("process-upload", "media-docker"), ("sweep-uploads", HOUSEKEEPING)):
        deployment = client.read_deployment_by_name(f"{name}/{DEPLOYMENT}")
        assert deployment.id == earlier[name]
        assert (deployment.work_pool_name, deployment.work_queue_name) == (pool, name)
        assert deployment.global_concurrency_limit is None
        assert deployment.concurrency_options is None
    assert "Process a file on arrival" not in {automation.name for automation in client.read_automations()}
