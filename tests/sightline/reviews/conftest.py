"""A registry for the tests that train, and an empty store and queue for the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline.registry import Registry
from sightline.reviews import Reviews
from sightline.sessions import SessionStore
from tests.clocks import Clock


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "models", builtin=tmp_path / "nothing")


@pytest.fixture
def sessions(tmp_path: Path) -> SessionStore:
    return SessionStore(tmp_path / "videos", tmp_path / "patients")


@pytest.fixture
def reviews(tmp_path: Path, clock: Clock) -> Reviews:
    return Reviews(tmp_path / "reviews", clock)
