"""Debian's Chromium, for tests of the pages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

__all__ = ["check_readable", "launch_browser"]

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
