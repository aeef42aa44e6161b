"""Payloads with images drawn at random are valid, hold the files unchanged, and repeat none before all were drawn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.errors import InvalidInput
from sightline.storage import Location
from sightline.vision import ImageRef, Limits, decode, fetch, list_source, make_payloads
from tests.images import image_file


def test_every_payload_is_one_of_the_services_with_the_file_unchanged(tmp_path: Path) -> None:
    files = {image_file(number, (16, 16)) for number in range(4)}
    for number, data in enumerate(sorted(files)):
        (tmp_path / f"{number}.png").write_bytes(data)
    payloads = list(make_payloads(list_source(str(tmp_path)).images, 4, 1, 0, Limits()))
    assert [set(payload) for payload in payloads] == [{"image_data", "s3_bucket", "s3_key"}] * 4
    drawn = [image for payload in payloads for image in list_source(json.dumps(payload)).images]
    assert {fetch(image, Limits()) for image in drawn} == files
    assert decode(fetch(drawn[0], Limits()), None, Limits()).content_type == "image/png"


def test_image_on_s3_is_named_and_not_read(s3_bucket: Location) -> None:
    image = ImageRef(uri=f"{s3_bucket}/test/missing.png")
    [payload] = make_payloads([image], 1, 1, None, Limits())
    assert payload["image_data"] == ""
    assert [ref.uri for ref in list_source(payload).images] == [image.uri]


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 10), st.integers())
def test_no_image_is_drawn_twice_before_all_were_drawn(images: int, payloads: int, each: int, seed: int) -> None:
    refs = [ImageRef(uri=f"s3://bucket/{number}.png") for number in range(images)]
    made = list(make_payloads(refs, payloads, each, seed, Limits()))
    assert made == list(make_payloads(refs, payloads, each, seed, Limits()))
    drawn = [ref.uri for payload in made for ref in list_source(payload).images]
    assert len(drawn) == payloads * each
    for start in range(0, len(drawn), images):
        part = drawn[start : start + images]
        assert len(set(part)) == len(part)


def test_unreadable_image_and_too_many_images_are_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty.png"
    empty.touch()
    with pytest.raises(InvalidInput, match=r"empty\.png"):
        list(make_payloads([ImageRef(uri=str(empty))], 1, 1, None, Limits()))
    for count, each in ((0, 1), (1, 0), (1, 11)):
        with pytest.raises(InvalidInput, match="a payload has 1 to 10 images"):
            list(make_payloads([ImageRef(uri="s3://bucket/a.png")], count, each, None, Limits()))
