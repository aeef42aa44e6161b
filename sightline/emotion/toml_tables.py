"""Reading of the tables that a user may write: TOML files, with errors that name the file, the entry and the fix."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, StrictStr, ValidationError
from pydantic_core import PydanticCustomError

from sightline.emotion.tokens import words_of
from sightline.errors import InvalidKeywords

Table = TypeVar("Table", bound=BaseModel)

_FIXES = {
    "missing": "Add it; the built-in table shows its form",
    "extra_forbidden": "Remove it, or correct its spelling",
    "tuple_type": 'Write a list, as in ["happy", "glad"]',
    "frozen_set_type": 'Write a list, as in ["happy", "glad"]',
    "dict_type": 'Write a table, as in emotions.happy = ["happy", "glad"]',
    "string_type": "Write it in quotes",
    "bool_type": "Write true or false",
    "too_short": "Give it an entry, or remove it",
}


def invalid(reason: str, fix: str) -> PydanticCustomError:
    """Return the error for an entry that a validator rejects."""
    # Values are passed as context: braces in a message template would be read as placeholders.
    return PydanticCustomError("keywords", "{reason}", {"reason": reason, "fix": fix})


def _phrase(text: str) -> str:
    if not words_of(text):
        raise invalid(f"{text!r} contains no word", "Write a word, or remove it")
    return text


Phrase = Annotated[StrictStr, AfterValidator(_phrase)]
Phrases = tuple[Phrase, ...]


def read_table(
    path: Path,
    kind: type[Table],
    name: str,
    fix: str,
    prepare: Callable[[dict[str, Any]], dict[str, Any]] = dict,
) -> Table:
    """Read the file at ``path`` as a ``kind``; ``name`` is what messages call it, as in "keyword table".

    Raises ``InvalidKeywords``; ``fix`` is that of a file that cannot be read. ``prepare`` completes the table before it
    is validated; it may raise an error of :func:`invalid`.
    """
    subject = str(path)
    try:
        table = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise InvalidKeywords(subject, f"the {name} cannot be read: {error.strerror}", fix) from error
    except UnicodeDecodeError as error:
        raise InvalidKeywords(subject, f"byte {error.start} is not UTF-8", "Save the file as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidKeywords(subject, f"it is not TOML: {error}", "Correct the file there") from error
    try:
        table = prepare(table)
        return kind.model_validate(table)
    except PydanticCustomError as error:
        context = error.context or {}
        raise InvalidKeywords(subject, context["reason"], context["fix"]) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InvalidKeywords(subject, *_explain(table, name, dict(first))) from error


def _explain(table: dict[str, Any], name: str, error: dict[str, Any]) -> tuple[str, str]:
    """Return the reason and the fix for a validation error of ``table``."""
    location = ".".join(str(part + 1) if isinstance(part, int) else part for part in error["loc"])
    if error["type"] == "keywords":
        reason, fix = error["ctx"]["reason"], error["ctx"]["fix"]
        return (f"{location}: {reason}" if location else reason), fix
    wordings = {
        "missing": "is missing",
        "extra_forbidden": f"is not a key of the {name}",
        "too_short": "is empty",
    }
    wording = wordings.get(error["type"], error["msg"][0].lower() + error["msg"][1:])
    return f"{location} {wording}", _FIXES.get(error["type"], f"The table has the keys {', '.join(table)}")
