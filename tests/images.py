"""Image files and a model for tests."""

from __future__ import annotations

import io
import struct
import zlib
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from sightline.registry import DataVersion, ImageInput, ModelDraft, ModelRecord, Registry

CLASSES = ("bicycle", "motorcycle")
INPUT = ImageInput(width=32, height=32, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


def image_file(seed: int = 0, size: tuple[int, int] = (32, 32), kind: str = "PNG", **options: Any) -> bytes:
    """Return an image file of coloured noise; ``size`` is (width, height)."""
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), np.uint8)
    return encoded(Image.fromarray(pixels), kind, **options)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """Return the image as a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_of_size(width: int, height: int) -> bytes:
    """Return a small PNG file whose header declares this size, with black pixels."""
    compressor = zlib.compressobj(9)
    rows = compressor.compress(bytes(min(1 + 3 * width, 1 << 20))) + compressor.flush()
    chunks = {b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0), b"IDAT": rows, b"IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks.items()
    )


def grey(brightness: int, size: tuple[int, int] = (32, 32)) -> bytes:
    """Return a PNG of one brightness, 0 to 255, which :func:`publish_by_brightness`'s model classifies."""
    return encoded(Image.new("RGB", size, (brightness,) * 3))


def draft(name: str = "vehicles", **changes: Any) -> ModelDraft:
    """Return a model's record without its version and files."""
    fields: dict[str, Any] = {
        "name": name, "created": datetime.now(UTC), "task": "image-classification",
        "architecture": {"backbone": "baseline_cnn", "head": "linear", "flip": False, "half": False},
        "classes": CLASSES, "input": INPUT, "threshold": 0.93, "temperature": 1.0,
        "data": DataVersion(
            manifest_sha256="a" * 64, test_sha256="b" * 64, samples=10, train=6, validation=2, test=2, groups=None,
            source="created for a test", synthetic=True,
        ),
        "parameters": {}, "seed": 1, "metrics": {"accuracy": 0.9}, "code_version": "0", "libraries": {},
    }  # fmt: skip
    return ModelDraft(**{**fields, **changes})


def publish_by_brightness(registry: Registry, name: str = "vehicles", **changes: Any) -> ModelRecord:
    """Publish and promote a model that assigns dark images to the first class and bright ones to the second.

    Its confidence is highest for black and white, and lowest for middle grey.
    """
    import torch

    from sightline.vision import create_backbone, save_classifier
    from sightline.vision.heads import LinearHead

    torch.manual_seed(0)
    backbone = create_backbone("baseline_cnn").eval()
    with torch.inference_mode():
        inputs = torch.tensor([-2.0, 0.0, 2.0]).view(3, 1, 1, 1).expand(3, 3, 32, 32)
        black, _, white = backbone(inputs).double().numpy()
    # Without biases the backbone is linear between black and middle grey, and between that and white.
    direction = np.linalg.lstsq(np.stack([black, white]), np.array([-6.0, 6.0]), rcond=None)[0]
    with TemporaryDirectory() as folder:
        save_classifier(Path(folder), backbone, LinearHead(np.stack([-direction, direction]), np.zeros(2)))
        record = registry.publish(draft(name, **changes), Path(folder))
    registry.promote(name, record.version, metric="accuracy", value=1.0, measure_current=lambda _: 0.0)
    return record
