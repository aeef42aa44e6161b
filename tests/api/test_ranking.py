"""People in a photo are ranked by the lower body. A photo of nobody is no error."""

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
    no_lower_body = DroppedPerson(DropReason.HIPS_NOT_SEEN, "neither hip is visible", box, confidence)
    return PreparedPerson(
        crop=crop,
        upper_body=crop[:40] if lower else crop,
        lower_body=crop[40:] if lower else None,
        box=box,
        confidence=confidence,
        sharpness=321.0,
        arms_above_head=arms,
        without_lower_body=None if lower else no_lower_body,
    )


@pytest.fixture
def people_in_photo(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[PrepareParameters]]:
    """Return a function that makes the preparer find these people; it returns the list of parameters used."""
    used: list[PrepareParameters] = []

    def set_people(*people: PreparedPerson, dropped: tuple[DroppedPerson, ...] = ()) -> list[PrepareParameters]:
        def prepare(_: Preparer, rgb: Any, parameters: PrepareParameters) -> Prepared:
            used.append(parameters)
            return Prepared(people, dropped)

        monkeypatch.setattr(Preparer, "prepare", prepare)
        return used

    return set_people


def post(client: httpx.Client, path: str = PATH, image: str = DARK) -> Any:
    response = client.post(path, json={"image_base64": image})
    assert response.status_code == 200, response.text
    return response.json()


def pixels(text: str) -> Any:
    image = Image.open(io.BytesIO(b64decode(text, validate=True)))
    assert image.format == "JPEG"
    return np.asarray(image)


def test_person_has_crops_and_a_ranking_of_the_lower_body(
    running: Running, people_in_photo: Callable[..., list[PrepareParameters]]
) -> None:
    people_in_photo(person(51), person(204, arms=True), person(102, lower=False))
    response = post(running.client)
    first, second, third = response["results"]
    assert first["lower_body"]["ranking"] == first["score"] == pytest.approx(0.2, abs=0.01)
    assert second["score"] == pytest.approx(0.8, abs=0.01)
    assert second["lower_body"]["ranking"] == pytest.approx(0.9, abs=0.01)  # the bonus adds half of the distance to 1
    assert third["lower_body"] == {"image_base64": None, "ranking": None}
    assert third["reason"] == "hips_not_seen"
    assert pixels(first["image_base64"]).shape == (80, 40, 3)
    assert pixels(first["lower_body"]["image_base64"]).shape == (40, 40, 3)
    assert first["box"] == [10, 20, 50, 100]
    assert response["model"] == "running-style/1"


def test_parameters_are_read_from_the_query(
    client: httpx.Client, people_in_photo: Callable[..., list[PrepareParameters]]
) -> None:
    used = people_in_photo()
    assert post(client)["results"] == []
    assert post(client, f"{PATH}?person_crop_confidence=0.25&sharpness_threshold=7.5")["results"] == []
    assert used == [
        PrepareParameters(min_confidence=0.7, blur_threshold=100.0),
        PrepareParameters(min_confidence=0.25, blur_threshold=7.5),
    ]


def test_photo_without_usable_people_gets_an_empty_list(
    client: httpx.Client, people_in_photo: Callable[..., list[PrepareParameters]]
) -> None:
    people_in_photo(dropped=(DroppedPerson(DropReason.BLURRED, "a sharpness of 3"),) * 2)
    assert post(client) == {"results": [], "dropped": {"blurred": 2}, "model": "running-style/1"}


def test_lower_body_of_the_most_certain_person_is_cut_out(
    client: httpx.Client, people_in_photo: Callable[..., list[PrepareParameters]]
) -> None:
    people_in_photo(person(10, lower=False, confidence=0.99), person(250, confidence=0.95), person(100, confidence=0.9))
    response = post(client, "/lower-body")
    assert pixels(response["image_base64"]).mean() > 240
    assert (response["confidence"], response["box"]) == (0.95, [10, 20, 50, 100])


def test_photo_without_lower_body_gets_404_with_the_reasons(
    client: httpx.Client, people_in_photo: Callable[..., list[PrepareParameters]]
) -> None:
    people_in_photo(person(10, lower=False), dropped=(DroppedPerson(DropReason.BLURRED, "a sharpness of 3"),))
    response = client.post("/lower-body", json={"image_base64": DARK})
    assert (response.status_code, response.json()["reason"]) == (404, "no_lower_body")
    assert "neither hip is visible; a sharpness of 3" in response.json()["detail"]


def test_real_preparer_finds_nobody_in_a_black_image(client: httpx.Client) -> None:
    assert post(client) == {"results": [], "dropped": {"nobody_found": 1}, "model": "running-style/1"}
    assert client.post("/lower-body", json={"image_base64": DARK}).status_code == 404


def test_real_person_is_ranked_by_the_lower_body(client: httpx.Client, shared_data: Callable[[str], Path]) -> None:
    """A skier, visible from head to foot: one ranked person, whose lower body is below the middle of the box."""
    photo = b64encode(shared_data("people/coco_000000000785.jpg").read_bytes()).decode()
    (result,) = post(client, image=photo)["results"]
    assert result["lower_body"]["ranking"] is not None
    left, top, right, bottom = result["box"]
    full, lower = pixels(result["image_base64"]), pixels(result["lower_body"]["image_base64"])
    assert full.shape == (bottom - top, right - left, 3)
    assert 0.3 < len(lower) / len(full) < 0.7
    cut = post(client, "/lower-body", photo)
    assert np.array_equal(pixels(cut["image_base64"]), lower)
