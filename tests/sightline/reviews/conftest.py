"""A registry for the tests that train."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline.registry import Registry


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "models", builtin=tmp_path / "nothing")
