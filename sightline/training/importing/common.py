"""What imported models of all kinds have in common."""

from __future__ import annotations

import hashlib
from typing import Any

from sightline.registry import DataVersion

__all__ = ["NEVER_EVALUATED", "imported_parameters", "no_data"]

NEVER_EVALUATED = "never evaluated"
"""Stands in the metrics of a version that was imported without data."""


def imported_parameters(*files: tuple[str, bytes]) -> dict[str, Any]:
    """Return the provenance of an imported model: the names of its files, without their folders, and their hashes."""
    return {
        "imported": [
            {"file": uri.rpartition("/")[2], "sha256": hashlib.sha256(data).hexdigest()} for uri, data in files
        ]
    }


def no_data() -> DataVersion:
    """Return the data version of a model of which no data is known."""
    nothing = hashlib.sha256(b"").hexdigest()
    return DataVersion(
        manifest_sha256=nothing, test_sha256=nothing, samples=0, train=0, validation=0, test=0,
        groups=None, source="imported", synthetic=False,
    )  # fmt: skip
