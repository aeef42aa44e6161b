"""Pages run their own scripts and styles, and nothing that is injected into them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from api import pages
from api.dashboard import pages as dashboard
from sightline.registry import Registry
from sightline.training import emotions
from tests.api.serving import Running, serving, settings_for
from tests.browser import launch_browser
from tests.images import publish_by_brightness

pytestmark = pytest.mark.integration

INJECTED = (
    "<script>window.injected = true</script><img src=x onerror='window.injected = true'>"
    "<script src='data:text/javascript,window.injected=true'></script>"
    "<style>body { display: none }</style>"
)
PATHS = ("/", "/docs", "/models", "/models/vehicles", "/patients/ana")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launch_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service with a model whose history has markup, and a patient."""
    home = tmp_path_factory.mktemp("home")
    registry = Registry(home / "models", builtin=home / "none")
    for _ in range(2):
        publish_by_brightness(registry)
    registry.rollback("vehicles", 1, why=INJECTED)
    emotions.write_synthetic_sessions(
        home / "patients", "ana", video_bucket=home / "video", emotions=("happy", "sad"), sessions_per_emotion=1
    )
    config = settings_for(
        home / "models", api_models=["vehicles"], patients_bucket=str(home / "patients"),
        video_bucket=str(home / "video"), results_bucket=str(home / "results"), reviews_bucket=str(home / "reviews"),
    )  # fmt: skip
    with serving(config) as running:
        yield running


@pytest.mark.parametrize("path", PATHS)
def test_page_works_without_errors(path: str, service: Running, browser: Browser, tmp_path: Path) -> None:
    faults: list[str] = []
    tab = browser.new_page()
    tab.on("console", lambda message: faults.append(message.text) if message.type in ("error", "warning") else None)
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.goto(service.url + path)
    expect(tab.locator("h1").first).to_be_visible()
    expect(tab.locator("body")).not_to_have_css("font-family", "Times New Roman")  # its style is applied
    if path == "/":
        expect(tab.locator("#models input:enabled").first).to_be_attached()  # its script runs
    if path == "/docs":
        expect(tab.locator("summary").first).to_be_visible()
    tab.close()
    assert faults == []


@pytest.mark.parametrize("path", PATHS)
def test_injected_markup_does_not_run(
    path: str, service: Running, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the text of a page were not escaped."""
    read, environment = pages._read, dashboard._environment().overlay(autoescape=False)
    environment.filters = {**environment.filters, "day": lambda _: INJECTED, "ago": lambda _: INJECTED}
    monkeypatch.setattr(pages, "_read", lambda name: read(name).replace("</h1>", f"</h1>{INJECTED}"))
    monkeypatch.setattr(dashboard, "_environment", lambda: environment)
    tab = browser.new_page()
    response = tab.goto(service.url + path)
    assert response
    if INJECTED not in response.text():
        pytest.fail("nothing was injected")
    tab.wait_for_load_state("networkidle")
    assert tab.evaluate("window.injected") is None
    assert tab.evaluate("getComputedStyle(document.body).display") != "none"
    tab.close()


@pytest.mark.parametrize("path", PATHS)
def test_every_response_has_its_own_nonce(path: str, service: Running) -> None:
    nonces = set()
    for _ in range(3):
        response = service.client.get(path, headers={"Accept": "text/html"}).raise_for_status()
        policy = response.headers["content-security-policy"]
        [nonce] = set(re.findall(r"'nonce-([\w-]{32,})'", policy))
        assert set(re.findall(r'nonce="([^"]*)"', response.text)) == {nonce}
        assert "sha256" not in policy
        assert "unsafe" not in policy
        nonces.add(nonce)
    assert len(nonces) == 3
