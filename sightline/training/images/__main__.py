"""Add the measure of familiarity to a finished model, from the images that it was trained on.

python -m sightline.training.images sightline/registry/builtin/vehicles ../shared/data/vehicles
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from sightline.training.images.familiarity import add_familiarity
from sightline.training.images.sources import open_source
from sightline.vision import familiarity_figures


def main(arguments: Sequence[str] | None = None) -> None:
    """Add the measure to the version in a folder, and print its false alarms."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder of the version, with its record.json")
    parser.add_argument("data", help="the images that it was trained on: a folder or an s3:// prefix")
    parser.add_argument(
        "--false-alarms", type=float, default=0.01, help="the share of images of its kind to refuse (default: 0.01)"
    )
    parsed = parser.parse_args(arguments)
    if not 0 < parsed.false_alarms < 1:
        parser.error(f"--false-alarms is {parsed.false_alarms}; expected a share above 0 and below 1")
    record = add_familiarity(parsed.folder, open_source(parsed.data), parsed.false_alarms)
    figures = familiarity_figures(record)
    if figures is not None:
        low, high = figures.interval
        rate = f"{figures.rate:.1%}, 95 %: {low:.1%} to {high:.1%}"
        print(f"{record.label}: {figures.refused} of {figures.images} test images are refused ({rate})")


if __name__ == "__main__":
    main()
