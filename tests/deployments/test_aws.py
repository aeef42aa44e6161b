"""The AWS resources: their template is sound, gives nobody more than they need, and what it makes works together."""

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
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS")  # moto makes no policies of buckets and queues
KINDS = ("videos", "patients", "models", "capture", "results")


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    """The template, its short forms (!Ref) written out."""
    from cfnlint.decode import decode

    read, problems = decode(str(TEMPLATE))
    assert not problems
    return dict(read)


def of_type(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: each for name, each in template["Resources"].items() if each["Type"] == kind}


def statements(template: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement of every policy, with the resource that it is of."""
    for name, resource in template["Resources"].items():
        properties = resource["Properties"]
        policies = [
            properties.get("PolicyDocument"),
            *(each["PolicyDocument"] for each in properties.get("Policies", ())),
        ]
        for policy in filter(None, policies):
            yield from ((name, statement) for statement in policy["Statement"])


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_cfn_lint_finds_nothing() -> None:
    from cfnlint.api import lint

    every_check = {"regions": ["eu-west-1"], "include_checks": ["I"]}
    assert [str(each) for each in lint(TEMPLATE.read_text(), config=every_check)] == []
    assert lint("Resources: {Wrong: {Type: AWS::SQS::Queue, Properties: {Nothing: 1}}}", config=every_check) != []


def test_nothing_is_allowed_that_is_not_named(template: dict[str, Any]) -> None:
    allowed = [(name, each) for name, each in statements(template) if each["Effect"] == "Allow"]
    assert len(allowed) > 8
    for name, statement in allowed:
        assert not [action for action in listed(statement["Action"]) if "*" in action], name
        assert "*" not in map(str, listed(statement["Resource"])), name
        assert statement.get("Principal") != "*", name


def test_whoever_is_let_in_is_so_for_this_account_and_bucket_only(template: dict[str, Any]) -> None:
    [(_, statement)] = [
        (name, each) for name, each in statements(template) if "Principal" in each and each["Effect"] == "Allow"
    ]
    assert statement["Action"] == "sqs:SendMessage"
    conditions = statement["Condition"]
    assert set(conditions["ArnEquals"]) == {"aws:SourceArn"}
    assert conditions["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}


def test_nothing_is_reached_without_encryption(template: dict[str, Any]) -> None:
    closed = {
        str(listed(each["Resource"])[0])
        for _, each in statements(template)
        if each["Effect"] == "Deny" and each["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    }
    kinds = ("AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::SNS::Topic")
    names = [name for kind in kinds for name in of_type(template, kind)]
    assert len(closed) == len(names) == 8
    assert all(any(f"'{name}" in resource for resource in closed) for name in names)


def test_every_bucket_is_closed_encrypted_versioned_and_tidied(template: dict[str, Any]) -> None:
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


def test_s3_tells_of_what_the_rules_take_in_small_letters_and_capitals(template: dict[str, Any]) -> None:
    configured = template["Resources"]["VideosBucket"]["Properties"]["NotificationConfiguration"]["QueueConfigurations"]
    told = [rule["Value"] for each in configured for rule in each["Filter"]["S3Key"]["Rules"]]
    taken = [suffix for rule in Settings(_env_file=None).upload_rules for suffix in rule.suffixes]
    assert sorted(told) == sorted([*taken, *map(str.upper, taken)])


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
    """The stack as moto makes it; its outputs by name."""
    run_on = getattr(request, "param", ECS)
    parameters = {"Prefix": "ward", "RunOn": run_on, "AlertEmail": "ward@example.org"}
    cloudformation = clients["cloudformation"]
    cloudformation.create_stack(
        StackName="ward",
        TemplateBody=TEMPLATE.read_text(),
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
    )
    [found] = cloudformation.describe_stacks(StackName="ward")["Stacks"]
    assert found["StackStatus"] == "CREATE_COMPLETE"
    return {each["OutputKey"]: each["OutputValue"] for each in found["Outputs"]} | {"run_on": run_on}


@pytest.mark.parametrize("stack", [ECS, EC2], indirect=True)
def test_the_stack_has_buckets_queues_a_topic_and_roles(stack: dict[str, Any], clients: dict[str, Any]) -> None:
    s3, sqs, iam, sns = (clients[name] for name in ("s3", "sqs", "iam", "sns"))
    assert {each["Name"] for each in s3.list_buckets()["Buckets"]} == {f"ward-{kind}-{ACCOUNT}" for kind in KINDS}
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
        reached = {kind for kind in KINDS if f"arn:aws:s3:::ward-{kind}-{ACCOUNT}/*" in policy}
        assert reached == {"worker": {*KINDS}, "listener": set(), "api": {*KINDS} - {"capture"}}[name]
        written = re.findall(r"'s3:PutObject'\], 'Resource': '([^']+)'", policy)
        assert ("s3:PutObject" in policy) == (name != "listener")
        assert name != "api" or written == [f"arn:aws:s3:::ward-models-{ACCOUNT}/vehicles/*"]
        secrets = re.findall(r"arn:aws:secretsmanager:us-east-1:\d+:secret:([^'\"]+)", policy)
        assert secrets == {"worker": ["ward/*"], "listener": ["ward/prefect*"], "api": []}[name]
    profiles = iam.list_instance_profiles()["InstanceProfiles"]
    assert len(profiles) == (3 if stack["run_on"].startswith("ec2") else 0)


def test_the_environment_that_it_tells_is_what_the_settings_take(
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


def test_an_upload_is_heard_of_in_the_queue(
    stack: dict[str, Any], clients: dict[str, Any], template: dict[str, Any]
) -> None:
    """Moto makes buckets without their notifications, so the template's are put on it here."""
    bucket, queue = f"ward-videos-{ACCOUNT}", re.findall("(?m)^S3_EVENTS_QUEUE_URL=(.*)$", stack["Environment"])[0]
    configured = template["Resources"]["VideosBucket"]["Properties"]["NotificationConfiguration"]["QueueConfigurations"]
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:ward-uploads"
    clients["s3"].put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={
            "QueueConfigurations": [
                {
                    "QueueArn": arn,
                    "Events": [each["Event"]],
                    "Filter": {"Key": {"FilterRules": [dict(rule) for rule in each["Filter"]["S3Key"]["Rules"]]}},
                }
                for each in configured
            ]
        },
    )
    for key in ("ana/visit 1.mp4", "ana/IMG_0503.MOV", "ana/notes.txt"):
        clients["s3"].put_object(Bucket=bucket, Key=key, Body=b"x")
    received = clients["sqs"].receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    told = [created.key for message in received for created in read_message(message["Body"])]
    assert sorted(told) == ["ana/IMG_0503.MOV", "ana/visit 1.mp4"]
