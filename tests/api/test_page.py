"""The pages in a real browser: a dropped image gets its class and confidence, or its score and crops."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from sightline.pose import Box
from sightline.ranking import DroppedPerson, DropReason, Prepared, PreparedPerson, Preparer
from sightline.registry import Registry
from tests.api.serving import Running, serving, settings_for
from tests.browser import launch_browser
from tests.familiarity import bars, publish_with_familiarity
from tests.images import encoded, grey, image_file

pytestmark = pytest.mark.integration

expect.set_options(timeout=30_000)

DROP = """([name, type, text]) => {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([bytes], name, { type }));
    const options = { dataTransfer, bubbles: true, cancelable: true };
    for (const event of ["dragenter", "dragover", "drop"])
        document.getElementById("drop").dispatchEvent(new DragEvent(event, options));
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launch_browser() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, running: Running) -> Iterator[Page]:
    yield from open_page(browser, running.url)


def open_page(browser: Browser, url: str, **options: Any) -> Iterator[Page]:
    """Open the page. Fail if it sends requests to other hosts, or if its script fails."""
    context = browser.new_context(**options)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: faults.append(request.url) if is_external(request.url, url) else None)
    page.on(
        "console", lambda message: faults.append(message.text) if "Content Security Policy" in message.text else None
    )
    page.goto(url)
    expect(page.locator("#models input:enabled").first).to_be_attached()
    yield page
    context.close()
    assert faults == []


def is_external(address: str, url: str) -> bool:
    return not address.startswith((url, "data:", "blob:"))


def drop(page: Page, content: bytes, name: str = "image.png", kind: str = "image/png") -> None:
    page.evaluate(DROP, [name, kind, b64encode(content).decode()])


def choose(page: Page, model: str) -> None:
    page.locator("#models label", has_text=model).click()


def test_dropped_image_shows_class_and_confidence(page: Page) -> None:
    drop(page, grey(0), "bike.png")
    expect(page.locator(".class")).to_have_text("bicycle")
    expect(page.locator(".badge")).to_have_text("✓ accepted")
    assert float(page.locator(".verdict .number").inner_text()) > 0.99
    expect(page.locator("table th")).to_have_text(["bicycle", "motorcycle"])
    expect(page.locator("figcaption")).to_have_text("bike.png")
    expect(page.locator("#status")).to_contain_text("bicycle, confidence")
    drop(page, grey(128))
    expect(page.locator(".badge")).to_have_text("? low confidence")


def test_choosing_another_model_classifies_the_same_image(page: Page) -> None:
    drop(page, grey(255))
    expect(page.locator(".class")).to_have_text("motorcycle")
    choose(page, "posture")
    expect(page.locator(".class")).to_have_text("right")
    expect(page.locator(".note")).to_have_text("model: posture/1; nothing checks whether it knows images of this kind")


def test_image_of_an_unknown_kind_is_marked(browser: Browser, tmp_path: Path) -> None:
    publish_with_familiarity(Registry(tmp_path, builtin=tmp_path / "none"))
    known = encoded(Image.fromarray(bars(1, 3)[0]))
    with serving(settings_for(tmp_path, api_models=("vehicles",))) as service:
        for page in open_page(browser, service.url):
            drop(page, known)
            expect(page.locator(".badge")).to_have_text("✓ accepted")
            expect(page.locator(".note")).to_have_text("model: vehicles/1")
            drop(page, image_file(3))
            expect(page.locator(".badge")).to_have_text("? unknown kind of image")
            expect(page.locator(".note").first).to_contain_text("does not know images of this kind")
            expect(page.locator("#status")).to_contain_text("an unknown kind of image")


def test_person_has_a_score_and_crops(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    def prepare(*_: Any) -> Prepared:
        crop = np.random.default_rng(0).integers(40, 240, (160, 80, 3)).astype(np.uint8)
        certain = PreparedPerson(crop, crop[:80], crop[80:], Box(0, 0, 80, 160), 0.93, 250.0, arms_above_head=True)
        no_lower_body = DroppedPerson(DropReason.HIPS_NOT_SEEN, "neither hip is visible")
        uncertain = PreparedPerson(crop, crop, None, Box(0, 0, 80, 160), 0.8, 250.0, False, no_lower_body)
        return Prepared((certain, uncertain), (DroppedPerson(DropReason.BLURRED, "a sharpness of 3"),))

    monkeypatch.setattr(Preparer, "prepare", prepare)
    choose(page, "running-style")
    drop(page, image_file(0, (200, 200)))
    expect(page.locator(".person")).to_have_count(2)
    first, second = page.locator(".person").all()
    expect(first.locator(".class")).to_have_text("0.77")
    expect(first.locator("img")).to_have_count(2)
    expect(first).to_contain_text("arms above the head")
    expect(second.locator("img")).to_have_count(1)
    expect(second).to_contain_text("No score: the hips are not visible.")
    expect(page.locator(".result")).to_contain_text("left out: 1 too blurred")
    for image in page.locator(".person img").all():
        assert image.evaluate("image => image.naturalWidth") > 0


def test_image_of_nobody_shows_a_plain_message(page: Page) -> None:
    choose(page, "running-style")
    drop(page, grey(200))
    expect(page.locator(".person")).to_contain_text("Nobody to rank")
    expect(page.locator(".result")).to_contain_text("left out: 1 photo without people")


def test_error_shows_a_plain_message_and_the_next_image_works(page: Page) -> None:
    drop(page, b"<script>alert(1)</script>", "<b>not</b> an image.txt", "text/plain")
    error = page.get_by_role("alert")
    expect(error).to_contain_text("The file is not an image")
    expect(error.locator("code")).to_have_text("not_an_image")
    drop(page, image_file(1)[:80])
    expect(error).to_contain_text("The image is damaged")
    drop(page, bytes(900_000))
    expect(error).to_contain_text("The file is too large")
    drop(page, grey(0))
    expect(page.locator(".class")).to_have_text("bicycle")
    expect(error).to_have_count(0)


def test_page_works_with_the_keyboard_alone(page: Page, tmp_path: Path) -> None:
    page.locator("#models input").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#models input:checked").get_attribute("value") == "posture"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "file"
    file = tmp_path / "map.png"
    file.write_bytes(grey(0))
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files(file)
    expect(page.locator(".class")).to_have_text("left")


def test_unreachable_service_shows_an_error(page: Page) -> None:
    page.route("**/classify*", lambda route: route.abort())
    drop(page, grey(0))
    expect(page.get_by_role("alert")).to_contain_text("The service did not respond")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_fits_a_narrow_screen(scheme: Any, browser: Browser, running: Running) -> None:
    for page in open_page(browser, running.url, viewport={"width": 360, "height": 740}, color_scheme=scheme):
        for content in (grey(0), b"text"):
            drop(page, content)
            expect(page.locator("#result > *")).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_page_asks_for_a_key_if_one_is_needed(browser: Browser, models: Path) -> None:
    config = settings_for(models, api_keys=["secret"], api_models=["vehicles", "posture"])
    with serving(config) as locked:
        for page in open_page(browser, locked.url):
            drop(page, grey(0))
            expect(page.get_by_role("alert")).to_contain_text("An API key is needed")
            page.get_by_label("API key").fill("secret")
            page.get_by_label("API key").press("Enter")
            expect(page.locator(".class")).to_have_text("bicycle")


def test_endpoints_page_documents_and_sends_requests(browser: Browser, running: Running) -> None:
    context = browser.new_context()
    page = context.new_page()
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.goto(f"{running.url}/docs")
    page.locator("summary", has_text="/posture").click()
    operation = page.locator("details[open]")
    expect(operation).to_contain_text("image_urls")
    expect(operation).to_contain_text("inferences")
    operation.get_by_role("button", name="Send").click()
    expect(operation.locator("pre")).to_contain_text('"predictions"')
    operation.locator("textarea").fill("{")
    operation.get_by_role("button", name="Send").click()
    expect(operation.locator("pre")).to_contain_text("not_json")
    context.close()
    assert not [address for address in requested if is_external(address, running.url)]
