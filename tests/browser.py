"""Debian's Chromium, for tests of the pages."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import TimeoutError as PageTimeout

__all__ = ["check_readable", "launch_browser", "log_in_to_prefect"]

_PHONE, _DESKTOP = 360, 1280  # pixels
_TOO_WIDE = """() => [...document.querySelectorAll("body *")]
    .filter((node) => node.getBoundingClientRect().right > innerWidth + 1 && !node.closest(".scroll, table"))
    .map((node) => node.outerHTML.slice(0, 120))"""
_BROKEN_IMAGES = (
    "() => [...document.images].filter((image) => !image.complete || !image.naturalWidth).map((image) => image.alt)"
)


@contextmanager
def launch_browser() -> Iterator[Browser]:
    """Launch the browser. If it is not installed, skip the test with a message that names the package.

    Close it soon: Playwright runs an event loop in this thread, and until then no other loop can run in it.
    """
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed; install it to test the pages (Debian: apt install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def log_in_to_prefect(tab: Page, address: str, login: str) -> None:
    """Open the Prefect UI at ``address`` and log in; the other pages of the browser's context are logged in too."""
    for _ in range(4):
        tab.goto(address)
        with suppress(PageTimeout):  # a busy machine can lose a script of the page
            tab.locator("input").first.fill(login, timeout=30_000)
            tab.keyboard.press("Enter")
            tab.wait_for_url(re.compile(r"^[^?]*/dashboard"), timeout=30_000)
            return
    raise AssertionError(f"the page shows no login: {tab.inner_text('body')[:1000]!r}")


def check_readable(page: str, folder: Path) -> None:
    """Check that a page fits a phone and a desktop, shows its images, requests nothing, and can be printed."""
    file = folder / "checked.html"
    file.write_text(page, "utf-8")
    requested: list[str] = []
    with launch_browser() as browser:
        for width in (_PHONE, _DESKTOP):
            tab = browser.new_page(viewport={"width": width, "height": 800})
            tab.on("request", lambda request: requested.append(request.url))
            tab.goto(file.as_uri())
            assert tab.evaluate("document.documentElement.scrollWidth") <= width, tab.evaluate(_TOO_WIDE)
            assert tab.evaluate(_BROKEN_IMAGES) == []
        printed = tab.pdf()
    assert [url for url in requested if not url.startswith(("data:", file.as_uri()))] == []
    assert printed.startswith(b"%PDF")
    assert printed.count(b"/Type /Page") > 0
