"""Images of kinds that a model does not know. Run by ``python -m benchmarks.ood``.

For every bundled model, with 95 % intervals (Wilson's):

- the share of its own held-out images that are refused as images of an unknown kind. Target: at most 2 %.
- for every kind of other images, the share that is accepted. Target: at most 1 %. The kinds are those of
  :mod:`benchmarks._strangers`, and the images of the other models.
- the processor seconds that the measure adds to those of the classification.

``--compare`` prints instead, for every kind, the share that each of several measures accepts, with limits that refuse
1 % of the validation images. Only images that also reach the threshold of the confidence are counted as accepted.
``--models`` is a folder of models like the bundled ones: one folder for each, with its ``record.json``.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks._strangers import KINDS, SHARED, strangers
from sightline.registry import Registry
from sightline.statistics import wilson_interval
from sightline.storage import locate
from sightline.training.common.manifest import MANIFEST
from sightline.vision import ImageClassifier, Limits, Outcome, decode, judge_image, load_classifier

OUT = Path(__file__).parent / "out"
DATA = {"vehicles": "vehicles", "posture": "pressure-maps"}
"""The folder of every model's own images."""

_CHUNK = 256

Pixels = NDArray[np.uint8]


def main() -> None:
    """Measure, print the table, and write it to ``benchmarks/out/ood.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=400, help="images of every kind")
    parser.add_argument("--models", type=Path, help="by default the bundled ones")
    parser.add_argument("--compare", action="store_true", help="compare measures")
    arguments = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        registry = Registry(locate(folder), builtin=arguments.models)
        for name in registry.names():
            if name not in DATA:
                print(f"{name}: there are no images of its own to measure it with")
                continue
            classifier = load_classifier(registry, name)
            parts = own_images(registry, name, classifier)
            kinds = {kind: unknown_images(kind, classifier, arguments.images) for kind in (*KINDS, *set(DATA) - {name})}
            if arguments.compare:
                from benchmarks._measures import compare

                results[name] = compare(registry.open(name), parts, kinds)
            else:
                results[name] = measure(classifier, parts["test"][0], kinds)
    OUT.mkdir(exist_ok=True)
    file = OUT / ("ood-compared.json" if arguments.compare else "ood.json")
    file.write_text(json.dumps(results, indent=2))


def own_images(registry: Registry, name: str, classifier: ImageClassifier) -> dict[str, tuple[Pixels, list[str]]]:
    """Return the pixels and the labels of the images in each part of a model's manifest, by their content."""
    manifest = registry.read(registry.record(name), MANIFEST)
    if manifest is None:
        raise SystemExit(f"{name}: its version has no {MANIFEST}")
    files = {hashlib.sha256(data).hexdigest(): data for data in _files(SHARED / DATA[name])}
    parts: dict[str, tuple[list[Pixels], list[str]]] = {}
    for row in csv.DictReader(io.StringIO(manifest.decode())):
        pixels, labels = parts.setdefault(row["part"], ([], []))
        pixels.append(decode(files[row["sha256"]], classifier.input, Limits()).pixels)
        labels.append(row["label"])
    return {part: (np.stack(pixels), labels) for part, (pixels, labels) in parts.items()}


def unknown_images(kind: str, classifier: ImageClassifier, count: int) -> Pixels:
    """Return images of a kind, or of another model, decoded for a model's input."""
    if kind in DATA:
        files = list(_files(SHARED / DATA[kind]))
        chosen = np.random.default_rng(0).permutation(len(files))[:count]
        data: Iterator[bytes] = (files[index] for index in chosen)
    else:
        data = (_encoded(image) for image in strangers(kind, count))
    return np.stack([decode(file, classifier.input, Limits()).pixels for file in data])


def measure(classifier: ImageClassifier, own: Pixels, kinds: dict[str, Pixels]) -> dict[str, Any]:
    """Print and return the false alarms on a model's own images, the accepted images of other kinds, and the cost."""
    print(f"\n{classifier.name} on {classifier.backend}")
    refused = sum((strangeness or 0) > 1 for _, strangeness in _examine(classifier, own))
    result = {"own, refused": _share("own held-out images, refused (target 2 %)", refused, len(own))}
    for kind, pixels in kinds.items():
        accepted = sum(_is_accepted(classifier, *examined) for examined in _examine(classifier, pixels))
        result[kind] = _share(f"{kind}, accepted", accepted, len(pixels))
    total = sum(round(result[kind]["share"] * result[kind]["images"]) for kind in kinds)
    result["all kinds"] = _share("all kinds, accepted (target 1 % of each)", total, sum(map(len, kinds.values())))
    seconds = {"classified": _cost(classifier.predict, own), "embedded": _cost(classifier.embed, own)}
    if familiarity := classifier.familiarity:
        chunk = own[:_CHUNK]
        embeddings = classifier.embed(chunk)
        mirrored = classifier.embed(chunk[:, :, ::-1]) if familiarity.mirrored else None
        seconds["familiarity"] = _cost(lambda pixels: familiarity.strangeness(embeddings, pixels, mirrored), own)
    for step, cost in seconds.items():
        print(f"  {step:44s} {1e3 * cost:8.3f} processor milliseconds per image")
    return result | {"processor_seconds": seconds}


def _examine(classifier: ImageClassifier, pixels: Pixels) -> Iterator[tuple[tuple[float, ...], float | None]]:
    for start in range(0, len(pixels), _CHUNK):
        yield from classifier.examine(pixels[start : start + _CHUNK])


def _is_accepted(classifier: ImageClassifier, probabilities: tuple[float, ...], strangeness: float | None) -> bool:
    by_class = dict(zip(classifier.classes, probabilities, strict=True))
    return judge_image(by_class, classifier.threshold, strangeness).outcome is Outcome.ACCEPTED


def _share(title: str, count: int, images: int) -> dict[str, Any]:
    low, high = wilson_interval(count / images, images)
    print(f"  {title:44s} {count:4d} of {images:5d}  {count / images:6.1%}  (95 %: {low:.1%} to {high:.1%})")
    return {"images": images, "share": count / images, "interval": [low, high]}


def _cost(compute: Any, pixels: Pixels) -> float:
    """Return the processor seconds per image, after a first call."""
    chunk = pixels[:_CHUNK]
    compute(chunk)
    started = time.process_time()
    for _ in range(3):
        compute(chunk)
    return (time.process_time() - started) / 3 / len(chunk)


def _files(folder: Path) -> Iterator[bytes]:
    return (file.read_bytes() for file in sorted(folder.iterdir()) if file.suffix.lower() in (".png", ".jpg"))


def _encoded(image: Pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", compress_level=1)
    return file.getvalue()


if __name__ == "__main__":
    main()
