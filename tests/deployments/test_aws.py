"""The CloudFormation template is valid, grants only the needed permissions, and its resources work together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployments.s3_events.messages import read_message
from sightline.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "deployments" / "aws" / "sightline.yaml"
ACCOUNT = "123456789012"  # moto's
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS")  # moto does not support bucket and queue policies
KINDS = ("videos", "patients", "models", "capture", "results")


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    """The template with short forms such as !Ref expanded."""
    from cfnlint.decode import decode

    decoded, problems = decode(str(TEMPLATE))
    assert not problems
    return dict(decoded)


def of_type(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: resource for name, resource in template["Resources"].items() if resource["Type"] == kind}


def statements(template: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every policy statement with the name of its resource."""
    for name, resource in template["Resources"].items():
        properties = resource["Properties"]
        policies = [
            properties.get("PolicyDocument"),
            *(policy["PolicyDocument"] for policy in properties.get("Policies", ())),
        ]
        for policy in filter(None, policies):
            yield from ((name, statement) for statement in policy["Statement"])


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_cfn_lint_reports_no_problem() -> None:
    from cfnlint.api import lint

    every_check = {"regions": ["eu-west-1"], "include_checks": ["I"]}
    assert [str(problem) for problem in lint(TEMPLATE.read_text(), config=every_check)] == []
    assert lint("Resources: {Wrong: {Type: AWS::SQS::Queue, Properties: {Nothing: 1}}}", config=every_check) != []


def test_no_statement_allows_a_wildcard(template: dict[str, Any]) -> None:
    allowed = [(name, statement) for name, statement in statements(template) if statement["Effect"] == "Allow"]
    assert len(allowed) > 8
    for name, statement in allowed:
        assert not [action for action in as_list(statement["Action"]) if "*" in action], name
        assert "*" not in map(str, as_list(statement["Resource"])), name
        assert statement.get("Principal") != "*", name


def test_queue_accepts_messages_of_one_bucket_and_account_only(template: dict[str, Any]) -> None:
    [(_, statement)] = [
        (name, statement)
        for name, statement in statements(template)
        if "Principal" in statement and statement["Effect"] == "Allow"
    ]
    assert statement["Action"] == "sqs:SendMessage"
    conditions = statement["Condition"]
    assert set(conditions["ArnEquals"]) == {"aws:SourceArn"}
    assert conditions["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}


def test_every_resource_rejects_unencrypted_connections(template: dict[str, Any]) -> None:
    closed = {
        str(as_list(statement["Resource"])[0])
        for _, statement in statements(template)
        if statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    }
    kinds = ("AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::SNS::Topic")
    names = [name for kind in kinds for name in of_type(template, kind)]
    assert len(closed) == len(names) == 8
    assert all(any(f"'{name}" in resource for resource in closed) for name in names)


def test_every_bucket_is_private_encrypted_versioned_and_cleaned_up(template: dict[str, Any]) -> None:
    buckets = of_type(template, "AWS::S3::Bucket")
    assert len(buckets) == len(KINDS)
    for name, bucket in buckets.items():
        properties = bucket["Properties"]
        assert all(value is True for value in properties["PublicAccessBlockConfiguration"].values()), name
        assert len(properties["PublicAccessBlockConfiguration"]) == 4
        assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
        assert "BucketEncryption" in properties
        rules = properties["LifecycleConfiguration"]["Rules"]
        assert any("AbortIncompleteMultipartUpload" in rule for rule in rules)
        assert any("NoncurrentVersionExpiration" in rule for rule in rules)
        assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_s3_notifies_of_every_suffix_of_the_rules_in_both_cases(template: dict[str, Any]) -> None:
    configured = template["Resources"]["VideosBucket"]["Properties"]["NotificationConfiguration"]["QueueConfigurations"]
    notified = [rule["Value"] for item in configured for rule in item["Filter"]["S3Key"]["Rules"]]
    accepted = [suffix for rule in Settings(_env_file=None).upload_rules for suffix in rule.suffixes]
    assert sorted(notified) == sorted([*accepted, *map(str.upper, accepted)])


@pytest.fixture
def clients(s3_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    import boto3
    from moto import mock_aws

    for name, value in s3_environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    with mock_aws():
        yield {name: boto3.client(name) for name in ("cloudformation", "s3", "sqs", "iam", "sns")}


ECS, EC2 = "ecs-tasks.amazonaws.com", "ec2.amazonaws.com"


@pytest.fixture
def stack(clients: dict[str, Any], request: pytest.FixtureRequest) -> dict[str, Any]:
    """The outputs of the stack, by name, as moto creates it."""
    run_on = getattr(request, "param", ECS)
    parameters = {"Prefix": "ward", "RunOn": run_on, "AlertEmail": "ward@example.org"}
    cloudformation = clients["cloudformation"]
    cloudformation.create_stack(
        StackName="ward",
        TemplateBody=TEMPLATE.read_text(),
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
    )
    [created] = cloudformation.describe_stacks(StackName="ward")["Stacks"]
    assert created["StackStatus"] == "CREATE_COMPLETE"
    return {output["OutputKey"]: output["OutputValue"] for output in created["Outputs"]} | {"run_on": run_on}


@pytest.mark.parametrize("stack", [ECS, EC2], indirect=True)
def test_stack_has_buckets_queues_a_topic_and_roles(stack: dict[str, Any], clients: dict[str, Any]) -> None:
    s3, sqs, iam, sns = (clients[name] for name in ("s3", "sqs", "iam", "sns"))
    assert {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]} == {f"ward-{kind}-{ACCOUNT}" for kind in KINDS}
    for kind in KINDS:
        s3.get_bucket_encryption(Bucket=f"ward-{kind}-{ACCOUNT}")
    urls = {url.rpartition("/")[2]: url for url in sqs.list_queues()["QueueUrls"]}
    assert set(urls) == {"ward-uploads", "ward-uploads-dead"}
    attributes = sqs.get_queue_attributes(QueueUrl=urls["ward-uploads"], AttributeNames=["All"])["Attributes"]
    assert f"arn:aws:sqs:us-east-1:{ACCOUNT}:ward-uploads-dead" in attributes["RedrivePolicy"]
    [subscription] = sns.list_subscriptions()["Subscriptions"]
    assert (subscription["Endpoint"], subscription["Protocol"]) == ("ward@example.org", "email")
    for name in ("worker", "listener", "api"):
        role = iam.get_role(RoleName=f"ward-{name}")["Role"]
        [trust] = role["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": stack["run_on"]}
        assert ("Condition" in trust) == stack["run_on"].startswith("ecs")
        policy = str(iam.get_role_policy(RoleName=f"ward-{name}", PolicyName=name)["PolicyDocument"])
        readable = {kind for kind in KINDS if f"arn:aws:s3:::ward-{kind}-{ACCOUNT}/*" in policy}
        assert readable == {"worker": {*KINDS}, "listener": set(), "api": {*KINDS} - {"capture"}}[name]
        writable = re.findall(r"'s3:PutObject'\], 'Resource': '([^']+)'", policy)
        assert ("s3:PutObject" in policy) == (name != "listener")
        assert name != "api" or writable == [f"arn:aws:s3:::ward-models-{ACCOUNT}/vehicles/*"]
        secrets = re.findall(r"arn:aws:secretsmanager:us-east-1:\d+:secret:([^'\"]+)", policy)
        assert secrets == {"worker": ["ward/*"], "listener": ["ward/prefect*"], "api": []}[name]
    profiles = iam.list_instance_profiles()["InstanceProfiles"]
    assert len(profiles) == (3 if stack["run_on"].startswith("ec2") else 0)


def test_environment_output_is_valid_as_settings(
    stack: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    (tmp_path / ".env").write_text(stack["Environment"])
    settings = Settings(_env_file=tmp_path / ".env")
    assert settings.video_bucket == f"s3://ward-videos-{ACCOUNT}"
    assert str(settings.outbox) == f"s3://ward-results-{ACCOUNT}/.outbox"
    assert str(settings.reviews) == f"s3://ward-results-{ACCOUNT}/.reviews"
    assert str(settings.s3_events_queue_url).endswith(f"/{ACCOUNT}/ward-uploads")
    assert settings.alert_channels == (f"arn:aws:sns:us-east-1:{ACCOUNT}:ward-alerts",)


def test_upload_sends_a_message_to_the_queue(
    stack: dict[str, Any], clients: dict[str, Any], template: dict[str, Any]
) -> None:
    """Moto creates buckets without their notifications, so the test adds those of the template."""
    bucket, queue = f"ward-videos-{ACCOUNT}", re.findall("(?m)^S3_EVENTS_QUEUE_URL=(.*)$", stack["Environment"])[0]
    configured = template["Resources"]["VideosBucket"]["Properties"]["NotificationConfiguration"]["QueueConfigurations"]
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:ward-uploads"
    clients["s3"].put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={
            "QueueConfigurations": [
                {
                    "QueueArn": arn,
                    "Events": [item["Event"]],
                    "Filter": {"Key": {"FilterRules": [dict(rule) for rule in item["Filter"]["S3Key"]["Rules"]]}},
                }
                for item in configured
            ]
        },
    )
    for key in ("ana/visit 1.mp4", "ana/IMG_0503.MOV", "ana/notes.txt"):
        clients["s3"].put_object(Bucket=bucket, Key=key, Body=b"x")
    received = clients["sqs"].receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    keys = [created.key for message in received for created in read_message(message["Body"])]
    assert sorted(keys) == ["ana/IMG_0503.MOV", "ana/visit 1.mp4"]
