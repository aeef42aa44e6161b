"""A secret may stay in AWS Secrets Manager; whatever is wrong with it, no message shows one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from deployments import secrets
from deployments.secrets import resolve_secret
from sightline.errors import InvalidSetting


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch, s3_environment: dict[str, str]) -> Iterator[Any]:
    import boto3
    from moto import mock_aws

    for name, value in s3_environment.items():
        if name != "AWS_ENDPOINT_URL":
            monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    secrets._fetch.cache_clear()
    with mock_aws():
        yield boto3.client("secretsmanager")
    secrets._fetch.cache_clear()


@pytest.mark.parametrize("value", ["", "hunter2", "https://hooks.slack.com/services/T/B/x#y", "me:aws-secret://x"])
def test_what_names_no_secret_is_the_secret(value: str) -> None:
    assert resolve_secret(value) == value


def test_a_secret_is_fetched_by_name_and_by_arn(manager: Any) -> None:
    arn = manager.create_secret(Name="sightline/slack", SecretString="https://hooks.example/1")["ARN"]
    assert resolve_secret("aws-secret://sightline/slack") == "https://hooks.example/1"
    assert resolve_secret(f"aws-secret://{arn}") == "https://hooks.example/1"


def test_a_member_of_a_json_secret_is_fetched_by_its_key(manager: Any) -> None:
    manager.create_secret(Name="smtp", SecretString=json.dumps({"user": "ward", "pass word": "hunter2", "port": 25}))
    assert resolve_secret("aws-secret://smtp#pass word") == "hunter2"


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("aws-secret://", "names no secret"),
        ("aws-secret://#key", "names no secret"),
        ("aws-secret://nothing", "nothing: cannot be had from AWS Secrets Manager: .*ResourceNotFound"),
        ("aws-secret://plain#key", "plain: is no JSON object"),
        ("aws-secret://smtp#pass", "smtp: has no text called pass. It has user, port$"),
        ("aws-secret://smtp#port", "smtp: has no text called port"),
        ("aws-secret://binary", "binary: is binary"),
    ],
)
def test_what_cannot_be_had_is_named_and_no_secret_is(manager: Any, value: str, complaint: str) -> None:
    manager.create_secret(Name="plain", SecretString="hunter2")
    manager.create_secret(Name="smtp", SecretString=json.dumps({"user": "hunter2", "port": 25}))
    manager.create_secret(Name="binary", SecretBinary=b"hunter2")
    with pytest.raises(InvalidSetting, match=complaint) as caught:
        resolve_secret(value)
    assert "hunter2" not in str(caught.value)
