"""The code version has the commit of the checkout, never that of another project."""

from __future__ import annotations

import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from sightline.registry import code_version, provenance, versions_of_libraries

VERSION = re.escape(version("sightline"))


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git checkout with a package that stands for the running code."""
    package = tmp_path / "sightline"
    package.mkdir()
    (package / "__init__.py").write_text("")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    monkeypatch.setattr(provenance, "_PACKAGE", package)
    return package


def test_code_version_has_the_commit_and_marks_changes(checkout: Path) -> None:
    commit = git(checkout, "rev-parse", "--short=12", "HEAD")
    assert code_version() == f"{version('sightline')}+g{commit}"
    (checkout / "new.py").write_text("")
    assert code_version() == f"{version('sightline')}+g{commit}.dirty"
    (checkout / "new.py").unlink()
    (checkout / "__init__.py").write_text("changed")
    assert code_version() == f"{version('sightline')}+g{commit}.dirty"


def test_package_installed_in_another_checkout_has_no_commit(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = checkout.parent / ".venv" / "sightline"
    installed.mkdir(parents=True)
    (installed / "__init__.py").write_text("")
    monkeypatch.setattr(provenance, "_PACKAGE", installed)
    assert code_version() == version("sightline")


def test_hook_of_another_repository_does_not_change_the_commit(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = git(checkout, "rev-parse", "--short=12", "HEAD")
    (tmp_path / "other").mkdir()
    git(tmp_path / "other", "init", "-q")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    assert code_version() == f"{version('sightline')}+g{commit}"


def test_code_version_without_git_is_the_package_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "_PACKAGE", tmp_path)
    assert code_version() == version("sightline")
    monkeypatch.setenv("PATH", "")
    assert code_version() == version("sightline")


def test_running_code_has_a_version() -> None:
    assert re.fullmatch(rf"{VERSION}(\+g[0-9a-f]{{12}}(\.dirty)?)?", code_version())


def test_library_versions_are_those_of_the_distributions() -> None:
    assert versions_of_libraries(("pydantic",)) == {"pydantic": version("pydantic")}
    with pytest.raises(PackageNotFoundError):
        versions_of_libraries(("no-such-library",))
