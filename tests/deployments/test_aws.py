"""The CloudFormation template is valid, grants only the needed permissions, and its resources work together."""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployments.s3_events.messages import ObjectCreated, read_message
from sightline.settings import Settings
from sightline.uploads import UploadRules

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
            properties.get("AssumeRolePolicyDocument"),
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
    assert len(allowed) > 20
    for name, statement in allowed:
        assert not [action for action in as_list(statement["Action"]) if "*" in action], name
        assert "*" not in map(str, as_list(statement.get("Resource", ""))), name
        assert statement.get("Principal") != "*", name


def test_key_is_used_by_this_account_and_by_alarms_only(template: dict[str, Any]) -> None:
    """In a key's policy, the resource is the key. The account's roles need the permission in their own policies too."""
    [key] = of_type(template, "AWS::KMS::Key").values()
    assert key["Properties"]["EnableKeyRotation"] is True
    account, alarms = key["Properties"]["KeyPolicy"]["Statement"]
    assert account["Principal"] == {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}
    assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert alarms["Action"] == ["kms:GenerateDataKey", "kms:Decrypt"]
    publishers = {name for name, statement in statements(template) if "sns:Publish" in as_list(statement["Action"])}
    encrypting = {name for name, statement in statements(template) if "kms:Decrypt" in as_list(statement["Action"])}
    assert publishers - {"AlertsTopicPolicy"} == encrypting == {"WorkerRole", "ReconcilerRole"}


def test_topic_accepts_alarms_of_this_stack_only(template: dict[str, Any]) -> None:
    [statement] = [
        statement
        for name, statement in statements(template)
        if name == "AlertsTopicPolicy" and statement["Effect"] == "Allow"
    ]
    assert (statement["Principal"], statement["Action"]) == ({"Service": "cloudwatch.amazonaws.com"}, "sns:Publish")
    assert set(statement["Condition"]["ArnLike"]) == {"aws:SourceArn"}
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}


def test_queue_accepts_messages_of_one_bucket_and_account_only(template: dict[str, Any]) -> None:
    [statement] = [
        statement
        for name, statement in statements(template)
        if name == "UploadsQueuePolicy" and statement["Effect"] == "Allow"
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


def test_s3_notifies_of_every_object(template: dict[str, Any]) -> None:
    """A filter of S3 is case-sensitive; the listener applies the upload rules, which are not."""
    configured = template["Resources"]["VideosBucket"]["Properties"]["NotificationConfiguration"]["QueueConfigurations"]
    assert [(item["Event"], "Filter" in item) for item in configured] == [("s3:ObjectCreated:*", False)]


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
def test_stack_has_buckets_queues_and_a_topic(stack: dict[str, Any], clients: dict[str, Any]) -> None:
    s3, sqs, sns = (clients[name] for name in ("s3", "sqs", "sns"))
    assert {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]} == {f"ward-{kind}-{ACCOUNT}" for kind in KINDS}
    for kind in KINDS:
        s3.get_bucket_encryption(Bucket=f"ward-{kind}-{ACCOUNT}")
    urls = {url.rpartition("/")[2]: url for url in sqs.list_queues()["QueueUrls"]}
    assert set(urls) == {"ward-uploads", "ward-uploads-dead"}
    attributes = sqs.get_queue_attributes(QueueUrl=urls["ward-uploads"], AttributeNames=["All"])["Attributes"]
    assert f"arn:aws:sqs:us-east-1:{ACCOUNT}:ward-uploads-dead" in attributes["RedrivePolicy"]
    [subscription] = sns.list_subscriptions()["Subscriptions"]
    assert (subscription["Endpoint"], subscription["Protocol"]) == ("ward@example.org", "email")


SERVICES = ("setup", "worker", "listener", "reconciler", "api")


def permissions(iam: Any, role: str) -> dict[str, set[str]]:
    """Return the resources of a role's policies by action, without the ARNs' common beginning."""
    allowed: dict[str, set[str]] = {}
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        # Moto returns a role's own policies as the text of a Python dictionary.
        for statement in (document if isinstance(document, dict) else literal_eval(document))["Statement"]:
            resources = {re.sub(r"^arn:aws:(\w+):[^:]*:\d*:", r"\1 ", each) for each in as_list(statement["Resource"])}
            for action in as_list(statement["Action"]):
                allowed.setdefault(action, set()).update(resources)
    return allowed


def buckets(*kinds: str, suffix: str = "") -> set[str]:
    return {f"s3 ward-{kind}-{ACCOUNT}{suffix}" for kind in kinds}


@pytest.mark.parametrize("stack", [ECS, EC2], indirect=True)
def test_every_service_has_only_the_permissions_that_it_uses(stack: dict[str, Any], clients: dict[str, Any]) -> None:
    allowed = {name: permissions(clients["iam"], f"ward-{name}") for name in SERVICES}
    key = allowed["worker"]["kms:Decrypt"]
    assert len(key) == 1
    alert = {"sns:Publish": {"sns ward-alerts"}, "kms:Decrypt": key, "kms:GenerateDataKey": key}
    login = {"secretsmanager:GetSecretValue": {"secretsmanager secret:ward/prefect*"}}
    outbox = buckets("results", suffix="/.outbox/*")
    uploads, dead_letters = {"sqs ward-uploads"}, {"sqs ward-uploads-dead"}
    files = buckets(*KINDS, suffix="/*")
    readable = [kind for kind in KINDS if kind != "capture"]
    assert allowed == {
        "setup": {"secretsmanager:GetSecretValue": {"secretsmanager secret:ward/*"}},
        "worker": {
            **dict.fromkeys(
                ("s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"), buckets(*KINDS)
            ),
            **dict.fromkeys(
                (
                    "s3:GetObject",
                    "s3:GetObjectVersion",
                    "s3:PutObject",
                    "s3:DeleteObject",
                    "s3:DeleteObjectVersion",
                    "s3:AbortMultipartUpload",
                ),
                files,
            ),
            "sagemaker:InvokeEndpoint": {"sagemaker endpoint/ward-*"},
            **alert,
        },
        "listener": {
            **dict.fromkeys(("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"), uploads),
            "sqs:GetQueueAttributes": uploads,
            **dict.fromkeys(("sqs:SendMessage", "sqs:GetQueueUrl"), dead_letters),
            "s3:ListBucket": buckets("results"),
            **dict.fromkeys(("s3:GetObject", "s3:PutObject"), outbox),
            **login,
        },
        "reconciler": {
            "sqs:GetQueueAttributes": uploads | dead_letters,
            "s3:ListBucket": buckets("results"),
            **dict.fromkeys(("s3:GetObject", "s3:PutObject", "s3:DeleteObject"), outbox),
            **alert,
            **login,
        },
        "api": {
            "s3:ListBucket": buckets(*readable),
            "s3:GetObject": buckets(*readable, suffix="/*"),
            "s3:PutObject": buckets("models", suffix="/vehicles/*"),
        },
    }


def trust(iam: Any, role: str) -> dict[str, Any]:
    [statement] = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]["Statement"]
    return dict(statement)


def test_tasks_on_ecs_get_their_roles_from_ecs(stack: dict[str, Any], clients: dict[str, Any]) -> None:
    for name in SERVICES:
        statement = trust(clients["iam"], f"ward-{name}")
        assert statement["Principal"] == {"Service": ECS}
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    assert clients["iam"].list_instance_profiles()["InstanceProfiles"] == []
    assert {role["RoleName"] for role in clients["iam"].list_roles()["Roles"]} == {f"ward-{name}" for name in SERVICES}
    assert "ROLE_ARN" not in stack["Environment"]


@pytest.mark.parametrize("stack", [EC2], indirect=True)
def test_instance_on_ec2_may_only_assume_the_roles_of_the_services(
    stack: dict[str, Any], clients: dict[str, Any]
) -> None:
    iam = clients["iam"]
    [profile] = iam.list_instance_profiles()["InstanceProfiles"]
    assert profile["InstanceProfileName"] == stack["InstanceProfile"] == "ward-host"
    assert [role["RoleName"] for role in profile["Roles"]] == ["ward-host"]
    assert trust(iam, "ward-host")["Principal"] == {"Service": EC2}
    assert permissions(iam, "ward-host") == {"sts:AssumeRole": {f"iam role/ward-{name}" for name in SERVICES}}
    host = iam.get_role(RoleName="ward-host")["Role"]["Arn"]
    for name in SERVICES:
        assert trust(iam, f"ward-{name}")["Principal"] == {"AWS": host}


@pytest.mark.parametrize("stack", [EC2], indirect=True)
def test_services_on_ec2_assume_the_role_in_their_variable(
    stack: dict[str, Any], clients: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the configuration that the images' entrypoint writes; keys replace the machine's metadata here."""
    import boto3

    variables = dict(re.findall(r"(?m)^(\w+_ROLE_ARN)=(.*)$", stack["Environment"]))
    assert {name: arn.rpartition("/")[2] for name, arn in variables.items()} == {
        "SETUP_ROLE_ARN": "ward-setup",
        "FLOWS_ROLE_ARN": "ward-worker",
        "LISTENER_ROLE_ARN": "ward-listener",
        "RECONCILER_ROLE_ARN": "ward-reconciler",
        "API_ROLE_ARN": "ward-api",
    }
    entrypoint = (ROOT / "docker" / "entrypoint.sh").read_text()
    [layout] = re.findall(r"printf '(\[default\].*?)'", entrypoint)
    for arn in variables.values():
        configured = layout.replace("\\n", "\n").replace("Ec2InstanceMetadata", "Environment") % arn
        (tmp_path / "config").write_text(configured)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        assumed = boto3.Session(profile_name="default").client("sts").get_caller_identity()["Arn"]
        assert f":assumed-role/{arn.rpartition('/')[2]}/" in assumed


def test_alarms_notify_the_topic_of_dead_letters_and_waiting_uploads(template: dict[str, Any]) -> None:
    alarms = {
        alarm["Properties"]["MetricName"]: alarm["Properties"]
        for alarm in of_type(template, "AWS::CloudWatch::Alarm").values()
    }
    limits = {
        "ApproximateNumberOfMessagesVisible": ("UploadsDeadLetters", 0),
        "ApproximateAgeOfOldestMessage": ("UploadsQueue", 900),
    }
    assert alarms.keys() == limits.keys()
    for name, (queue, threshold) in limits.items():
        alarm = alarms[name]
        assert alarm["Namespace"] == "AWS/SQS"
        assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": {"Fn::GetAtt": [queue, "QueueName"]}}]
        assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", threshold)
        assert alarm["AlarmActions"] == [{"Ref": "AlertsTopic"}]
        assert alarm["AlarmName"]["Fn::Sub"].startswith("${Prefix}-")  # the topic accepts only these


@pytest.mark.parametrize("stack", [ECS, EC2], indirect=True)
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
            "QueueConfigurations": [{"QueueArn": arn, "Events": [item["Event"]]} for item in configured]
        },
    )
    suffixes = [suffix for rule in Settings(_env_file=None).upload_rules for suffix in rule.suffixes]
    uploads = {f"ana/IMG{spelling}" for suffix in suffixes for spelling in (suffix, suffix.upper(), suffix.title())}
    uploads |= {"ana/visit 1.Mp4", "ana/a.mP4", "ana/b.JpEG"}
    others = {"ana/notes.txt", "annotated/ana/a.mp4", "ana/.hidden.Mp4"}
    for key in uploads | others:
        clients["s3"].put_object(Bucket=bucket, Key=key, Body=b"x")
    keys = set()
    while (
        messages := clients["sqs"]
        .receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=0)
        .get("Messages")
    ):
        for message in messages:
            keys |= {
                record.content.key
                for record in read_message(message["Body"])
                if isinstance(record.content, ObjectCreated)
            }
            clients["sqs"].delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    assert keys == uploads | others
    rules = UploadRules.of(Settings(_env_file=None, video_bucket=f"s3://{bucket}"))
    assert {key for key in keys if rules.upload(f"s3://{bucket}/{key}", "1")} == uploads
