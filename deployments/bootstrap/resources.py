"""Resources on the server: their definitions in YAML files, and the record of each change."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped,unused-ignore]

from sightline.errors import InvalidSetting

__all__ = ["Change", "ChangeType", "read_definitions"]

_VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)(?::-([^}]*))?\}")


class ChangeType(StrEnum):
    """The outcome for one resource."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REMOVED = "removed"


@dataclass(frozen=True)
class Change:
    """One resource and its outcome, with the reason if the outcome needs one."""

    kind: str
    name: str
    outcome: ChangeType
    why: str | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.outcome}" + (f", {self.why}" if self.why else "")


def read_definitions(path: Path, environment: Mapping[str, str]) -> Any:
    """Read a YAML file and substitute ``${NAME}`` and ``${NAME:-default}`` from the environment.

    A value that consists of one variable only is parsed as YAML, so it may become a number; within a longer text it
    stays text. As in a shell, an empty variable counts as unset. Raises ``InvalidSetting`` for an unset variable
    without a default.
    """
    return _substitute(yaml.safe_load(path.read_text("utf-8")), path, environment)


def _substitute(value: Any, path: Path, environment: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _substitute(member, path, environment) for key, member in value.items()}
    if isinstance(value, list):
        return [_substitute(member, path, environment) for member in value]
    if not isinstance(value, str):
        return value

    def lookup(match: re.Match[str]) -> str:
        name, default = match.groups()
        text = environment.get(name) or default
        if text is None:
            raise InvalidSetting(f"{path.name} needs {name}, which is not set. Set it and run the bootstrap again")
        return text

    text = _VARIABLE.sub(lookup, value)
    return yaml.safe_load(text) if _VARIABLE.fullmatch(value) else text
