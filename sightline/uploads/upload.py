"""What a file that arrives is known by."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid5

__all__ = ["Upload"]

_NAMESPACE = UUID("6f1c2a1e-6d0b-5f0e-9a53-0f6d3c1f7a0b")  # never to change: records and events are found by it


@dataclass(frozen=True)
class Upload:
    """One version of a file: on S3 the version is the object's ETag, which the same content keeps."""

    root: str
    """The bucket that it lies in, as a URI."""
    uri: str
    version: str
    kind: str
    patient: str | None
    """The first folder of its key, None where it lies in none."""

    @property
    def id(self) -> UUID:
        """The same for whoever hears of this version, or finds it, however often."""
        return uuid5(_NAMESPACE, f"{self.uri}\n{self.version}")
