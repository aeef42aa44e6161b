"""The languages that Whisper knows, by code and by name; ``languages.toml`` lists them."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from sightline.errors import InvalidInput


@cache
def language_names() -> dict[str, tuple[str, ...]]:
    """Return the names of every language by its code, the usual name first."""
    content = (files("sightline.speech") / "languages.toml").read_text("utf-8")
    return {code: tuple(names) for code, names in tomllib.loads(content).items()}


def language_code(language: str) -> str:
    """Return the code of a language given by its code or English name, in any case.

    Raises ``InvalidInput`` if Whisper does not know it.
    """
    given = language.strip().lower()
    for code, names in language_names().items():
        if given == code or given in names:
            return code
    known = ", ".join(f"{code} ({names[0]})" for code, names in language_names().items())
    raise InvalidInput(f"language {language!r}", "Whisper knows no such language", f"Use one of {known}")
