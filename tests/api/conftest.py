"""One service shared by most tests: starting it takes longer than the tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sightline.registry import Registry
from tests.api.serving import Running, publish_ranker, serving, settings_for
from tests.images import publish_by_brightness


@pytest.fixture(scope="session", autouse=True)
def _one_preparer() -> Iterator[None]:
    """Use one thread that finds people: every further one takes a second to start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("api.preparers._MAX_THREADS", 1)
        yield


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with vehicles, posture and running-style. Tests must not change it."""
    root = tmp_path_factory.mktemp("models")
    registry = Registry(root, builtin=root / "none")
    publish_by_brightness(registry)
    publish_by_brightness(registry, "posture", classes=("left", "right"), threshold=0.5)
    publish_ranker(registry)
    return root


@pytest.fixture(scope="session")
def running(models: Path) -> Iterator[Running]:
    """A running service with these models, shared by the tests."""
    with serving(settings_for(models, api_max_images=8, api_max_body_bytes=1_000_000)) as service:
        yield service


@pytest.fixture
def client(running: Running) -> httpx.Client:
    return running.client
