"""Secrets that are not in the environment themselves: ``aws-secret://NAME`` is one of AWS Secrets Manager."""

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
    """The secret that ``value`` names, ``value`` itself where it names none.

    ``aws-secret://NAME`` is the text of a secret of AWS Secrets Manager, by its name or ARN, and
    ``aws-secret://NAME#KEY`` one value of a secret that is a JSON object. Region and credentials come from the standard
    AWS variables. Raises ``InvalidSetting`` where the secret cannot be had; no message holds a secret.
    """
    if not value.startswith(_SCHEME):
        return value
    named = _SECRET.fullmatch(value)
    if named is None:
        raise InvalidSetting(f"{value}: names no secret. Write it as {_SCHEME}NAME or {_SCHEME}NAME#KEY")
    text = _fetch(named["name"])
    return text if named["key"] is None else _member(text, named["name"], named["key"])


def _member(text: str, name: str, key: str) -> str:
    try:
        members = json.loads(text)
    except ValueError:
        members = None
    if not isinstance(members, dict):
        raise InvalidSetting(f"{_SCHEME}{name}: is no JSON object, so it has no {key}. Leave out #{key}")
    if not isinstance(members.get(key), str):
        raise InvalidSetting(f"{_SCHEME}{name}: has no text called {key}. It has {', '.join(map(str, members))}")
    return str(members[key])


@cache
def _fetch(name: str) -> str:
    import boto3

    try:
        found = boto3.client("secretsmanager").get_secret_value(SecretId=name)
    except (BotoCoreError, ClientError) as error:
        raise InvalidSetting(f"{_SCHEME}{name}: cannot be had from AWS Secrets Manager: {error}") from error
    if "SecretString" not in found:
        raise InvalidSetting(f"{_SCHEME}{name}: is binary. Store it as text")
    return str(found["SecretString"])
