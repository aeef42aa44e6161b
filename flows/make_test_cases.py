"""``sightline make-test-cases``: payloads of the original services, to try a service or a flow with."""

from __future__ import annotations

import json
from typing import Annotated, Any

from cyclopts import Parameter
from pydantic import BaseModel, ConfigDict, Field

from sightline.vision import list_source, make_payloads
from tasks.runs import image_limits

__all__ = ["TestCases", "make_test_cases"]


class TestCases(BaseModel):
    """The payloads, and the number of images that they were drawn from."""

    model_config = ConfigDict(frozen=True)

    images: int
    payloads: tuple[dict[str, Any], ...]

    def __str__(self) -> str:
        return "\n".join(map(json.dumps, self.payloads))


def make_test_cases(
    source: str,
    *,
    number: Annotated[int, Field(ge=1), Parameter(name=["--number", "-n"])] = 1,
    images_each: Annotated[int, Field(ge=1, le=10)] = 1,
    seed: int | None = None,
) -> TestCases:
    """Print payloads with images drawn at random, one JSON object a line.

    Each is an input of classify-images and of the HTTP service. An image on S3 is named by bucket and key, an image of
    a folder is contained as base64.

    Args:
        source: A folder or an s3:// prefix with images.
        number: The number of payloads.
        images_each: The number of images in each, 1 to 10.
        seed: The same seed draws the same images. By default the images differ every time.
    """
    images = list_source(source).images
    return TestCases(
        images=len(images), payloads=tuple(make_payloads(images, number, images_each, seed, image_limits()))
    )
