"""The reference of all settings, from ``sightline/settings.py``."""

from __future__ import annotations

import json
from typing import Any

from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from sightline.settings import Settings

__all__ = ["settings_page"]

_INTRODUCTION = """\
# Settings

Environment variables, or lines `NAME=VALUE` of a file `.env` in the working directory. Lists and tables are written as
JSON. The S3 endpoint, region and credentials come from the standard AWS variables.

"""


def settings_page() -> str:
    """Return the page in Markdown: one item per setting, in the order of the code."""
    rows = (_item(name, field) for name, field in Settings.model_fields.items())
    return _INTRODUCTION + "\n".join(rows) + "\n"


def _item(name: str, field: FieldInfo) -> str:
    names = [name.upper()]
    if isinstance(field.validation_alias, AliasChoices):
        names = [str(choice) for choice in field.validation_alias.choices]
    shown = ", ".join(f"`{each}`" for each in names)
    description = " ".join((field.description or _described_by_type(field)).split())
    return f"- {shown}, default {_default(field.get_default(call_default_factory=True))}<br>{description}"


def _described_by_type(field: FieldInfo) -> str:
    """Return the description that the annotated type has for every setting of this type."""
    found = (part.description for part in field.metadata if isinstance(part, FieldInfo) and part.description)
    return next(found, "")


def _default(value: Any) -> str:
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, str | int | float):
        return f"`{value}`"
    if hasattr(value, "get_secret_value"):
        return "none"
    text = json.dumps(value, default=_plain)
    return f"`{text}`" if len(text) <= 80 else "see the code"


def _plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    return list(value) if isinstance(value, set | frozenset | tuple) else str(value)
