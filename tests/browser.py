"""Debian's Chromium, for the tests of what people look at."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

__all__ = ["browsing", "check_readable"]

_PHONE, _DESK = 360, 1280  # pixels
_TOO_WIDE = """() => [...document.querySelectorAll("body *")]
    .filter((each) => each.getBoundingClientRect().right > innerWidth + 1 && !each.closest(".scroll, table"))
    .map((each) => each.outerHTML.slice(0, 120))"""
_UNSEEN = "() => [...document.images].filter((each) => !each.complete || !each.naturalWidth).map((each) => each.alt)"


@contextmanager
def browsing() -> Iterator[Browser]:
    """The browser; where it is not there the test is skipped, by name.

    Not for a whole run: Playwright keeps an event loop in this thread, in which nobody else can run one.
    """
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not on this machine; install it to test the pages (Debian: apt install chromium)")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield launched
        launched.close()


def check_readable(page: str, folder: Path) -> None:
    """See that a page fits a telephone and a desk, shows its pictures, asks nobody for anything, and prints."""
    file = folder / "looked-at.html"
    file.write_text(page, "utf-8")
    asked: list[str] = []
    with browsing() as browser:
        for width in (_PHONE, _DESK):
            tab = browser.new_page(viewport={"width": width, "height": 800})
            tab.on("request", lambda request: asked.append(request.url))
            tab.goto(file.as_uri())
            assert tab.evaluate("document.documentElement.scrollWidth") <= width, tab.evaluate(_TOO_WIDE)
            assert tab.evaluate(_UNSEEN) == []
        printed = tab.pdf()
    assert [url for url in asked if not url.startswith(("data:", file.as_uri()))] == []
    assert printed.startswith(b"%PDF")
    assert printed.count(b"/Type /Page") > 0
