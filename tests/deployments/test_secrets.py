"""Secrets are read from AWS Secrets Manager, and no error message contains one."""

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
def test_value_that_is_no_reference_is_returned_unchanged(value: str) -> None:
    assert resolve_secret(value) == value


def test_secret_is_read_by_name_and_by_arn(manager: Any) -> None:
    arn = manager.create_secret(Name="sightline/slack", SecretString="https://hooks.example/1")["ARN"]
    assert resolve_secret("aws-secret://sightline/slack") == "https://hooks.example/1"
    assert resolve_secret(f"aws-secret://{arn}") == "https://hooks.example/1"


def test_value_of_a_json_secret_is_read_by_its_key(manager: Any) -> None:
    manager.create_secret(Name="smtp", SecretString=json.dumps({"user": "ward", "pass word": "hunter2", "port": 25}))
    assert resolve_secret("aws-secret://smtp#pass word") == "hunter2"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("aws-secret://", "does not name a secret"),
        ("aws-secret://#key", "does not name a secret"),
        ("aws-secret://nothing", "nothing: cannot be read from AWS Secrets Manager: .*ResourceNotFound"),
        ("aws-secret://plain#key", "plain: is not a JSON object"),
        ("aws-secret://smtp#pass", "smtp: has no text value for the key pass. Its keys are user, port$"),
        ("aws-secret://smtp#port", "smtp: has no text value for the key port"),
        ("aws-secret://binary", "binary: is binary"),
    ],
)
def test_unreadable_secret_is_named_without_showing_it(manager: Any, value: str, message: str) -> None:
    manager.create_secret(Name="plain", SecretString="hunter2")
    manager.create_secret(Name="smtp", SecretString=json.dumps({"user": "hunter2", "port": 25}))
    manager.create_secret(Name="binary", SecretBinary=b"hunter2")
    with pytest.raises(InvalidSetting, match=message) as caught:
        resolve_secret(value)
    assert "hunter2" not in str(caught.value)
