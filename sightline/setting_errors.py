"""Messages about invalid settings: each names the setting, where it is set, the problem and the fix."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_settings import SettingsError

__all__ = ["explain", "explain_syntax"]

_FILE = ".env"
_FIELD = re.compile(r'field "(\w+)"')
_LONGEST = 80
_FIXES = {
    "bool_parsing": "Write true or false",
    "extra_forbidden": "Remove it, or correct its spelling",
    "missing": "Add it",
    "tuple_type": 'Write a JSON list, as in ["a", "b"]',
    "model_type": "Write a JSON object in braces",
    "too_short": "Write at least one entry",
}
_OWN_ERRORS = frozenset({"value_error", "assertion_error"})


def explain(error: ValidationError, settings: type[BaseModel]) -> str:
    """Return one sentence for every invalid setting, separated by semicolons."""
    return "; ".join(_sentences(error, settings))


def explain_syntax(error: SettingsError) -> str:
    """Return the sentence about a setting whose value should be JSON and is not."""
    match = _FIELD.search(str(error))
    if match is None:
        return str(error)
    name = match[1].upper()
    return f'{name} in {_place(name)} is not JSON. Write it as in {name}=\'["a", "b"]\''


def _sentences(error: ValidationError, settings: type[BaseModel]) -> Iterator[str]:
    for detail in error.errors(include_url=False):
        message = detail["msg"].removeprefix("Value error, ")
        if not detail["loc"]:  # of several settings together
            yield message
            continue
        field, *rest = map(str, detail["loc"])
        name, place = (
            field.upper(),
            "".join(f", entry {int(part) + 1}" if part.isdecimal() else f", {part}" for part in rest),
        )
        value = "" if _is_secret(settings, field) else f" {_shown(detail['input'])}"
        problem = message if detail["type"] in _OWN_ERRORS else f"{message[0].lower()}{message[1:]}"
        fix = _FIXES.get(detail["type"], "Correct it, or remove it for the default")
        end = "" if detail["type"] in _OWN_ERRORS else f". {fix}"
        yield f"{name}{place} in {_place(name)} cannot be{value or ' as it is'}: {problem}{end}"


def _place(name: str) -> str:
    """Return where a setting is set; the environment comes first."""
    return "the environment" if name in {variable.upper() for variable in os.environ} else str(Path(_FILE).absolute())


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _is_secret(settings: type[BaseModel], field: str) -> bool:
    info = settings.model_fields.get(field.lower())
    return info is not None and _has_secret(info.annotation)


def _has_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(map(_has_secret, get_args(annotation)))
