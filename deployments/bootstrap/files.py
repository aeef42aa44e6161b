"""YAML files with variables of the environment in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped,unused-ignore]

from sightline.errors import InvalidSetting

__all__ = ["read"]

_VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)(?::-([^}]*))?\}")


def read(path: Path, environment: Mapping[str, str]) -> Any:
    """The file's content, with ``${NAME}`` and ``${NAME:-default}`` filled in.

    A text that is nothing but a variable becomes what its value is in YAML, a number say; within a longer text it stays
    text. As in a shell, an empty variable is as good as none. Raises ``InvalidSetting`` for one without a default that
    is not set.
    """
    return _filled(yaml.safe_load(path.read_text("utf-8")), path, environment)


def _filled(value: Any, path: Path, environment: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(each, path, environment) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, path, environment) for each in value]
    if not isinstance(value, str):
        return value

    def fill(found: re.Match[str]) -> str:
        name, default = found.groups()
        text = environment.get(name) or default
        if text is None:
            raise InvalidSetting(f"{path.name} needs {name}, which is not set. Set it and run this again")
        return text

    filled = _VARIABLE.sub(fill, value)
    return yaml.safe_load(filled) if _VARIABLE.fullmatch(value) else filled
