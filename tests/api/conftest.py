"""One service for most tests: starting one takes longer than they do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sightline.registry import Registry
from tests.api.serving import Running, publish_ranker, serving, settings_for
from tests.images import publish_by_brightness


@pytest.fixture(scope="session", autouse=True)
def _one_finder() -> Iterator[None]:
    """One thread that finds people: each more takes a second to start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("api.people._THREADS", 1)
        yield


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with vehicles, posture and running-style, which is not to be changed."""
    root = tmp_path_factory.mktemp("models")
    registry = Registry(root, builtin=root / "none")
    publish_by_brightness(registry)
    publish_by_brightness(registry, "posture", classes=("left", "right"), threshold=0.5)
    publish_ranker(registry)
    return root


@pytest.fixture(scope="session")
def running(models: Path) -> Iterator[Running]:
    """A service with those three, that everybody may use."""
    with serving(settings_for(models, api_max_images=8, api_max_body_bytes=1_000_000)) as found:
        yield found


@pytest.fixture
def client(running: Running) -> httpx.Client:
    return running.client
