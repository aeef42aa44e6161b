"""Mutated image files: each ends in a record or in a named reason. Run with ``--files 5000``.

Pictures in nine formats are truncated, overwritten, cut, repeated and spliced; bits are flipped, and sizes set to
extremes. Each is read and classified by the bundled model, as in a run. The counts are printed: *same class* and
*changed class* of those that were accepted, *uncertain*, *rejected* by reason, *error* (any exception), *crash* and
*hang*. The last three are to be 0; the numbers of such files are printed, and ``--only N`` repeats one.

If ``djpeg`` of libjpeg-turbo is installed, every JPEG that is read is decoded by it too; those about which it warns,
and whose record has no warning, are *silent damage*, which is to be 0.

The pictures are those of ``../shared/data/vehicles`` if they are there, otherwise drawn. HEIC is a stored file, because
nothing here encodes it.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import _mutations

if TYPE_CHECKING:
    from sightline.vision import ImageClassifier, ImageRecord

ROOT = Path(__file__).parent.parent
OUT = Path(__file__).parent / "out"
PICTURES = ROOT.parent / "shared" / "data" / "vehicles"
HEIC = ROOT / "tests" / "sightline" / "vision" / "files" / "scene.heic"
SIDE = 96
COUNT = 8
"""Pictures in each format."""

ENCODED: dict[str, dict[str, Any]] = {
    "jpeg": {"quality": 90},
    "progressive.jpeg": {"quality": 90, "progressive": True},
    "restarts.jpeg": {"quality": 90, "restart_marker_rows": 1},
    "png": {},
    "webp": {"quality": 90},
    "gif": {},
    "bmp": {},
    "tiff": {"compression": "tiff_lzw"},
    "avif": {"quality": 90},
}
"""Pillow's options by name; ``heic`` and ``dng`` are written otherwise."""
NAMES = (*ENCODED, "heic", "dng")
BAD = ("error", "crash", "hang", "silent damage")


def main() -> None:
    """Run the files on two processes, print the counts, and write them to ``benchmarks/out/image_fuzzing.json``."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--files", type=int, default=5000)
    arguments.add_argument("--only", type=int, help="the number of one file")
    arguments.add_argument("--seeds", type=Path, help=argparse.SUPPRESS)
    arguments.add_argument("--numbers", type=int, nargs=2, help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.numbers:
        for number in range(*options.numbers):
            print(json.dumps(_outcome(options.seeds, number)), flush=True)
        return
    with tempfile.TemporaryDirectory(prefix="sightline-fuzzing-") as name:
        seeds = _write_seeds(Path(name))
        if options.only is not None:
            print(json.dumps(_outcome(seeds, options.only), indent=2))
            return
        results = _mutations.run_all("benchmarks.image_fuzzing", _describe, seeds, options.files)
    sys.exit(_report(results))


def _report(results: list[dict[str, Any]]) -> bool:
    counts = Counter(result["outcome"] for result in results)
    OUT.mkdir(exist_ok=True)
    (OUT / "image_fuzzing.json").write_text(json.dumps({"counts": counts, "results": results}, indent=1))
    print(f"{len(results)} mutated files: " + ", ".join(f"{counts[name]} {name}" for name in sorted(counts)))
    accepted = counts["same class"] + counts["changed class"]
    print(f"of {accepted} accepted ones, {counts['changed class']} changed class:")
    for name in NAMES:
        of_name = Counter(result["outcome"] for result in results if result["file"].split("-")[1] == name)
        changed, same = of_name["changed class"], of_name["same class"]
        print(f"  {name}: {changed} of {changed + same} accepted, of {of_name.total()} files")
    reasons = Counter(result["detail"] for result in results if result["outcome"] == "rejected")
    print("rejected: " + ", ".join(f"{reason} {count}" for reason, count in reasons.most_common()))
    bad = [result for result in results if result["outcome"] in BAD]
    for result in bad:
        print("  {outcome}: --only {number} ({file}, {change}) {detail}".format(**result))
    return bool(bad)


def _write_seeds(folder: Path) -> Path:
    from PIL import Image

    from tests.tiffs import dng

    for number, picture in enumerate(_pictures()):
        for name, options in ENCODED.items():
            picture.save(folder / f"{number}-{name}", name.rpartition(".")[2].upper(), **options)
        large = picture.resize((SIDE * 2, SIDE * 2), Image.Resampling.BICUBIC)
        (folder / f"{number}-dng").write_bytes(dng(np.asarray(large)))
        (folder / f"{number}-heic").write_bytes(HEIC.read_bytes())
    return folder


def _pictures() -> list[Any]:
    from PIL import Image

    if PICTURES.is_dir():
        files = sorted(PICTURES.glob("*.png"))[:: 1000 // COUNT][:COUNT]
        pictures = [Image.open(file).convert("RGB") for file in files]
    else:
        chance = np.random.default_rng(0)
        pictures = [Image.fromarray(chance.integers(0, 255, (8, 8, 3), np.uint8)) for _ in range(COUNT)]
    return [picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC) for picture in pictures]


def _describe(number: int) -> tuple[str, str]:
    chance = random.Random(number)
    return f"{chance.randrange(COUNT)}-{chance.choice(NAMES)}", chance.choice(sorted(_mutations.MUTATIONS))


def _outcome(seeds: Path, number: int) -> dict[str, Any]:
    """Classify one mutated file."""
    file, change = _describe(number)
    original = (seeds / file).read_bytes()
    mutated = _mutations.MUTATIONS[change](original, random.Random(f"{number} {change}"))
    result = {"number": number, "file": file, "change": change, "detail": ""}
    try:
        before, after = _record(original), _record(mutated)
    except Exception as error:
        return result | {"outcome": "error", "detail": f"{type(error).__name__}: {error}"}
    if after.outcome == "rejected":
        return result | {"outcome": "rejected", "detail": after.reason}
    if file.endswith("jpeg") and not after.warnings and (warning := _djpeg(mutated)):
        return result | {"outcome": "silent damage", "detail": warning}
    if after.outcome != "accepted":
        return result | {"outcome": "uncertain"}
    changed = after.class_name != before.class_name
    return result | {"outcome": "changed class" if changed else "same class", "detail": "; ".join(after.warnings)}


def _record(data: bytes) -> ImageRecord:
    from sightline.vision import ImageRef, Limits, classify_chunk, record_of, serialize_chunk

    classifier = _classifier()
    with tempfile.TemporaryDirectory(prefix="sightline-fuzzing-") as name:
        chunk = serialize_chunk([ImageRef(uri="inline:0", data=data)], classifier.input, Limits(), Path(name))
        (prediction,) = classify_chunk(chunk, classifier)
    return record_of(prediction, classifier.classes, classifier.name, classifier.threshold)


@cache
def _classifier() -> ImageClassifier:
    from sightline.registry import Registry
    from sightline.vision import load_classifier

    # An empty registry has the bundled models.
    return load_classifier(Registry(Path(tempfile.gettempdir()) / "sightline-no-models"), "vehicles")


def _djpeg(data: bytes) -> str:
    """Return libjpeg's first warning, empty if there is none or if it is not installed."""
    program = shutil.which("djpeg")
    if program is None:
        return ""
    result = subprocess.run([program, "-outfile", "/dev/null"], input=data, capture_output=True, check=False)
    return result.stderr.decode(errors="replace").strip().partition("\n")[0]


if __name__ == "__main__":
    main()
