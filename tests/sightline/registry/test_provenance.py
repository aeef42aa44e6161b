"""A record tells which code made a model, and never another project's commit."""

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
    """A git checkout with a package in it, which the code is taken to be."""
    package = tmp_path / "sightline"
    package.mkdir()
    (package / "__init__.py").write_text("")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    monkeypatch.setattr(provenance, "_PACKAGE", package)
    return package


def test_a_checkout_is_told_by_its_commit_and_whether_it_differs(checkout: Path) -> None:
    commit = git(checkout, "rev-parse", "--short=12", "HEAD")
    assert code_version() == f"{version('sightline')}+g{commit}"
    (checkout / "new.py").write_text("")
    assert code_version() == f"{version('sightline')}+g{commit}.dirty"
    (checkout / "new.py").unlink()
    (checkout / "__init__.py").write_text("changed")
    assert code_version() == f"{version('sightline')}+g{commit}.dirty"


def test_a_package_installed_in_another_projects_checkout_does_not_take_its_commit(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = checkout.parent / ".venv" / "sightline"
    installed.mkdir(parents=True)
    (installed / "__init__.py").write_text("")
    monkeypatch.setattr(provenance, "_PACKAGE", installed)
    assert code_version() == version("sightline")


def test_within_a_hook_of_another_repository_it_is_still_this_one(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = git(checkout, "rev-parse", "--short=12", "HEAD")
    (tmp_path / "other").mkdir()
    git(tmp_path / "other", "init", "-q")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    assert code_version() == f"{version('sightline')}+g{commit}"


def test_without_git_or_outside_a_checkout_it_is_the_packages_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "_PACKAGE", tmp_path)
    assert code_version() == version("sightline")
    monkeypatch.setenv("PATH", "")
    assert code_version() == version("sightline")


def test_the_code_that_runs_has_a_version() -> None:
    assert re.fullmatch(rf"{VERSION}(\+g[0-9a-f]{{12}}(\.dirty)?)?", code_version())


def test_libraries_are_told_by_their_distributions() -> None:
    assert versions_of_libraries(("pydantic",)) == {"pydantic": version("pydantic")}
    with pytest.raises(PackageNotFoundError):
        versions_of_libraries(("no-such-library",))
