"""An image gets the same result, whether it is decoded on the event loop, on a thread, alone or with others."""

from __future__ import annotations

import io
import threading
from base64 import b64encode
from typing import Any

import numpy as np
import pytest
from PIL import Image

from api import reading
from tests.api.serving import DARK, Running


def png(side: int) -> str:
    buffer = io.BytesIO()
    Image.fromarray(np.full((side, side, 3), 40, np.uint8)).save(buffer, "PNG")
    return b64encode(buffer.getvalue()).decode()


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """The threads on which images were decoded completely, by the side of the image."""
    used: dict[str, set[str]] = {}
    real = reading.decode

    def decode(data: bytes, size: Any, limits: Any) -> Any:
        decoded = real(data, size, limits)
        used.setdefault(str(Image.open(io.BytesIO(data)).width), set()).add(threading.current_thread().name)
        return decoded

    monkeypatch.setattr(reading, "decode", decode)
    return used


@pytest.mark.parametrize("side", [1, 32, 128, 129, 600, 4000])
def test_only_small_images_are_decoded_on_the_event_loop(
    side: int, running: Running, threads: dict[str, set[str]]
) -> None:
    response = running.client.post("/classify", json={"images": [png(side)]}).raise_for_status().json()
    [name] = threads[str(side)]
    assert name.startswith("AnyIO worker") == (side > 128)
    together = running.client.post("/classify", json={"images": [png(side), DARK]}).raise_for_status().json()
    alone, beside = (answer["images"][0].pop("inferences") for answer in (response, together))
    assert alone == pytest.approx(beside, abs=1e-6)  # rounding depends on the size of the batch


@pytest.mark.parametrize(
    "payload",
    [
        {"images": ["%"]}, {"images": [b64encode(b"text").decode()]}, {"images": [[[]]]}, {"images": []}, {},
        {"images": [{"image_data": {"a": ["b"] * 40_000}}]}, {"images": ["%" * 40_000]}, {"body": "{"},
        {"images": [png(2000)[:400]]},
    ],
)  # fmt: skip
def test_unusable_payload_gets_the_same_error_without_the_event_loop(
    payload: dict[str, Any], running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    direct = running.client.post("/classify", json=payload)
    monkeypatch.setattr(reading, "_is_small", lambda _: False)
    on_thread = running.client.post("/classify", json=payload)
    assert (direct.status_code, direct.json()) == (on_thread.status_code, on_thread.json())
    assert direct.status_code in (400, 422)
