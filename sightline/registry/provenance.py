"""Which code and which libraries made something."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

__all__ = ["code_version", "versions_of_libraries"]

_PACKAGE = Path(__file__).resolve().parent.parent


def code_version() -> str:
    """The package's version, with the commit where the code lies in a git checkout, and ``dirty`` where it differs."""
    parts = [version("sightline")]
    # Else the checkout around it is another project's, in whose environment the package is installed.
    if _git("ls-files", "--error-unmatch", "__init__.py") and (commit := _git("rev-parse", "--short=12", "HEAD")):
        parts.append(f"g{commit}")
        if _git("status", "--porcelain", "--", "."):
            parts.append("dirty")
    return parts[0] + ("+" + ".".join(parts[1:]) if parts[1:] else "")


def versions_of_libraries(packages: Iterable[str]) -> dict[str, str]:
    """The installed version of each distribution."""
    return {package: version(package) for package in packages}


def _git(*arguments: str) -> str:
    """What git says; nothing where there is no git, or no checkout, of which an installed package knows nothing."""
    # Within a hook these variables name the repository of the hook, whatever the folder is.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(  # noqa: S603
            ["git", "--no-optional-locks", "-C", str(_PACKAGE), *arguments],  # noqa: S607
            capture_output=True, text=True, timeout=30, check=True, env=environment,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
