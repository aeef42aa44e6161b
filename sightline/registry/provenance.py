"""Versions of the code and of the libraries."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

__all__ = ["code_version", "versions_of_libraries"]

_PACKAGE = Path(__file__).resolve().parent.parent


def code_version() -> str:
    """Return the package's version; in a git checkout with the commit, and ``dirty`` if there are changes."""
    parts = [version("sightline")]
    # Otherwise the checkout is another project's, with the package installed in its environment.
    if _git("ls-files", "--error-unmatch", "__init__.py") and (commit := _git("rev-parse", "--short=12", "HEAD")):
        parts.append(f"g{commit}")
        if _git("status", "--porcelain", "--", "."):
            parts.append("dirty")
    return parts[0] + ("+" + ".".join(parts[1:]) if parts[1:] else "")


def versions_of_libraries(packages: Iterable[str]) -> dict[str, str]:
    """Return the installed version of every distribution."""
    return {package: version(package) for package in packages}


def _git(*arguments: str) -> str:
    """Return git's output; an empty text without git or without a checkout."""
    # In a hook, these variables name the hook's repository, not that of the folder.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        result = subprocess.run(  # noqa: S603
            ["git", "--no-optional-locks", "-C", str(_PACKAGE), *arguments],  # noqa: S607
            capture_output=True, text=True, timeout=30, check=True, env=environment,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return result.stdout.strip()
