"""Everybody in a photo is ranked by the lower body; nobody is no error, and the bonus is the model's."""

from __future__ import annotations

import io
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from sightline.pose import Box
from sightline.ranking import DroppedPerson, DropReason, Prepared, PreparedPerson, PrepareParameters, Preparer
from tests.api.serving import DARK, Running

PATH = "/image-ranking/running-style"


def person(brightness: int, *, lower: bool = True, arms: bool = False, confidence: float = 0.9) -> PreparedPerson:
    crop = np.full((80, 40, 3), brightness, np.uint8)
    box = Box(10, 20, 50, 100)
    without = DroppedPerson(DropReason.HIPS_NOT_SEEN, "neither hip is seen", box, confidence)
    return PreparedPerson(
        crop=crop,
        upper_body=crop[:40] if lower else crop,
        lower_body=crop[40:] if lower else None,
        box=box,
        confidence=confidence,
        sharpness=321.0,
        arms_above_head=arms,
        without_lower_body=None if lower else without,
    )


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[PrepareParameters]]:
    """Let these people be found in every photo; what was asked for is listed."""
    asked: list[PrepareParameters] = []

    def find(*people: PreparedPerson, dropped: tuple[DroppedPerson, ...] = ()) -> list[PrepareParameters]:
        def prepare(_: Preparer, rgb: Any, parameters: PrepareParameters) -> Prepared:
            asked.append(parameters)
            return Prepared(people, dropped)

        monkeypatch.setattr(Preparer, "prepare", prepare)
        return asked

    return find


def posted(client: httpx.Client, path: str = PATH, image: str = DARK) -> Any:
    answer = client.post(path, json={"image_base64": image})
    assert answer.status_code == 200, answer.text
    return answer.json()


def pixels(text: str) -> Any:
    image = Image.open(io.BytesIO(b64decode(text, validate=True)))
    assert image.format == "JPEG"
    return np.asarray(image)


def test_each_person_has_crops_and_a_ranking_of_the_lower_body(
    running: Running, found: Callable[..., list[PrepareParameters]]
) -> None:
    found(person(51), person(204, arms=True), person(102, lower=False))
    answer = posted(running.client)
    first, second, third = answer["results"]
    assert first["lower_body"]["ranking"] == first["score"] == pytest.approx(0.2, abs=0.01)
    assert second["score"] == pytest.approx(0.8, abs=0.01)
    assert second["lower_body"]["ranking"] == pytest.approx(0.9, abs=0.01)  # half of what was missing
    assert third["lower_body"] == {"image_base64": None, "ranking": None}
    assert third["reason"] == "hips_not_seen"
    assert pixels(first["image_base64"]).shape == (80, 40, 3)
    assert pixels(first["lower_body"]["image_base64"]).shape == (40, 40, 3)
    assert first["box"] == [10, 20, 50, 100]
    assert answer["model"] == "running-style/1"


def test_the_parameters_are_those_of_the_query(
    client: httpx.Client, found: Callable[..., list[PrepareParameters]]
) -> None:
    asked = found()
    assert posted(client)["results"] == []
    assert posted(client, f"{PATH}?person_crop_confidence=0.25&sharpness_threshold=7.5")["results"] == []
    assert asked == [
        PrepareParameters(min_confidence=0.7, blur_threshold=100.0),
        PrepareParameters(min_confidence=0.25, blur_threshold=7.5),
    ]


def test_nobody_usable_is_an_empty_list_that_says_why(
    client: httpx.Client, found: Callable[..., list[PrepareParameters]]
) -> None:
    found(dropped=(DroppedPerson(DropReason.BLURRED, "a sharpness of 3"),) * 2)
    assert posted(client) == {"results": [], "dropped": {"blurred": 2}, "model": "running-style/1"}


def test_the_surest_person_s_lower_body_is_cut_out(
    client: httpx.Client, found: Callable[..., list[PrepareParameters]]
) -> None:
    found(person(10, lower=False, confidence=0.99), person(250, confidence=0.95), person(100, confidence=0.9))
    answer = posted(client, "/lower-body")
    assert pixels(answer["image_base64"]).mean() > 240
    assert (answer["confidence"], answer["box"]) == (0.95, [10, 20, 50, 100])


def test_where_there_is_no_lower_body_the_answer_says_why(
    client: httpx.Client, found: Callable[..., list[PrepareParameters]]
) -> None:
    found(person(10, lower=False), dropped=(DroppedPerson(DropReason.BLURRED, "a sharpness of 3"),))
    answer = client.post("/lower-body", json={"image_base64": DARK})
    assert (answer.status_code, answer.json()["reason"]) == (404, "no_lower_body")
    assert "neither hip is seen; a sharpness of 3" in answer.json()["detail"]


def test_a_picture_of_nobody_by_the_real_finder(client: httpx.Client) -> None:
    assert posted(client) == {"results": [], "dropped": {"nobody_found": 1}, "model": "running-style/1"}
    assert client.post("/lower-body", json={"image_base64": DARK}).status_code == 404


def test_real_people(client: httpx.Client, shared_data: Callable[[str], Path]) -> None:
    """A skier, seen from head to foot: one person, ranked, and the lower body below the middle of the box."""
    photo = b64encode(shared_data("people/coco_000000000785.jpg").read_bytes()).decode()
    (result,) = posted(client, image=photo)["results"]
    assert result["lower_body"]["ranking"] is not None
    left, top, right, bottom = result["box"]
    whole, lower = pixels(result["image_base64"]), pixels(result["lower_body"]["image_base64"])
    assert whole.shape == (bottom - top, right - left, 3)
    assert 0.3 < len(lower) / len(whole) < 0.7
    cut = posted(client, "/lower-body", photo)
    assert np.array_equal(pixels(cut["image_base64"]), lower)
