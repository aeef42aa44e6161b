"""References to secrets: ``aws-secret://NAME`` stands for a secret in AWS Secrets Manager."""

from __future__ import annotations

import json
import re
from functools import cache

from botocore.exceptions import BotoCoreError, ClientError

from sightline.errors import InvalidSetting

__all__ = ["resolve_secret"]

_SECRET = re.compile(r"aws-secret://(?P<name>[^#\s]+)(?:#(?P<key>.+))?")
_SCHEME = "aws-secret://"


def resolve_secret(value: str) -> str:
    """Return the secret that ``value`` refers to, or ``value`` itself if it is not a reference.

    ``aws-secret://NAME`` is the text of a secret in AWS Secrets Manager, by name or ARN. ``aws-secret://NAME#KEY`` is
    one value of a secret that is a JSON object. Region and credentials come from the standard AWS variables. Raises
    ``InvalidSetting`` if the secret cannot be read; no error message contains a secret.
    """
    if not value.startswith(_SCHEME):
        return value
    reference = _SECRET.fullmatch(value)
    if reference is None:
        raise InvalidSetting(f"{value}: does not name a secret. Write it as {_SCHEME}NAME or {_SCHEME}NAME#KEY")
    text = _fetch(reference["name"])
    return text if reference["key"] is None else _member(text, reference["name"], reference["key"])


def _member(text: str, name: str, key: str) -> str:
    try:
        members = json.loads(text)
    except ValueError:
        members = None
    if not isinstance(members, dict):
        raise InvalidSetting(f"{_SCHEME}{name}: is not a JSON object, so it has no key {key}. Remove #{key}")
    if not isinstance(members.get(key), str):
        raise InvalidSetting(
            f"{_SCHEME}{name}: has no text value for the key {key}. Its keys are {', '.join(map(str, members))}"
        )
    return str(members[key])


@cache
def _fetch(name: str) -> str:
    import boto3

    try:
        response = boto3.client("secretsmanager").get_secret_value(SecretId=name)
    except (BotoCoreError, ClientError) as error:
        raise InvalidSetting(f"{_SCHEME}{name}: cannot be read from AWS Secrets Manager: {error}") from error
    if "SecretString" not in response:
        raise InvalidSetting(f"{_SCHEME}{name}: is binary. Store it as text")
    return str(response["SecretString"])
