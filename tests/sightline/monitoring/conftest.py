"""A registry for tests of monitoring."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline.registry import Registry


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """An empty registry without the bundled models."""
    return Registry(tmp_path / "models", builtin=tmp_path / "none")
