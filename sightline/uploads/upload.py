"""The identity of an uploaded file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias
from uuid import UUID, uuid5

__all__ = ["Kind", "Upload"]

Kind: TypeAlias = Literal["video", "image"]
"""How an upload is processed: by process-video, or by classify-images."""

_NAMESPACE = UUID("6f1c2a1e-6d0b-5f0e-9a53-0f6d3c1f7a0b")  # constant: records and events are identified by it


@dataclass(frozen=True)
class Upload:
    """One version of a file. On S3 the version is the object's ETag, which is equal for equal content."""

    root: str
    """The URI of its bucket."""
    uri: str
    version: str
    kind: str
    patient: str | None
    """The first folder of its key; None if it is in no folder."""

    @property
    def id(self) -> UUID:
        """The identifier of this version, equal in every process."""
        return uuid5(_NAMESPACE, f"{self.uri}\n{self.version}")
