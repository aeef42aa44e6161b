"""What a model may be called."""

from __future__ import annotations

import re

from sightline.errors import InvalidModelName

__all__ = ["check_name", "is_name", "is_version", "parse_name"]

_NAME = re.compile(r"[a-z0-9]+([_-][a-z0-9]+)*")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")


def is_name(text: str) -> bool:
    """Whether a model can be called so."""
    return _NAME.fullmatch(text) is not None


def is_version(text: str) -> bool:
    """Whether it is a version's number, written in the one way there is."""
    return _VERSION.fullmatch(text) is not None


def check_name(name: str) -> str:
    """``name``; raises :class:`InvalidModelName` where no model can be called so."""
    if not is_name(name):
        raise InvalidModelName(
            f"{name!r} cannot be a model's name: write it in small letters and digits, with - or _ between them, "
            "as in posture"
        )
    return name


def parse_name(name: str, version: int | None) -> tuple[str, int | None]:
    """``posture`` and 3 of ``posture/3``, or of the two by themselves. Raises :class:`InvalidModelName`."""
    name, slash, number = name.partition("/")
    if slash:
        if not is_version(number):
            raise InvalidModelName(f"{name}/{number}: {number!r} is not a version. Write it as in {name}/3")
        if version not in (None, int(number)):
            raise InvalidModelName(f"{name}/{number}: names another version than {version}. Give one of the two")
        version = int(number)
    return check_name(name), version
