"""The rules of UPLOAD_RULES, which define the files that are processed as they arrive, with their locations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sightline import storage
from sightline.names import RESULT_FOLDER
from sightline.settings import Settings
from sightline.storage import Location
from sightline.uploads.upload import Upload

__all__ = ["LocatedRule", "UploadRules"]


@dataclass(frozen=True)
class LocatedRule:
    """A rule with its bucket. ``folder`` is the folder of its files in the bucket, empty for any folder."""

    root: Location
    folder: str
    suffixes: tuple[str, ...]
    kind: str

    @property
    def location(self) -> Location:
        """The folder of its files, at any depth."""
        return self.root / self.folder if self.folder else self.root

    def upload(self, uri: str, version: str) -> Upload | None:
        """Return the file as an upload; None if it does not match this rule.

        ``uri`` has the form of ``storage.uri_of``. Hidden files, files in hidden folders and results never match.
        """
        # Text instead of locations: the listener calls this for every message.
        root = storage.uri_of(self.root).rstrip("/")
        key = uri.removeprefix(f"{root}/")
        within = key.removeprefix(f"{self.folder}/") if self.folder else key
        if key == uri or (self.folder and within == key) or not within.lower().endswith(self.suffixes):
            return None
        if key.partition("/")[0] == RESULT_FOLDER or any(part.startswith(".") for part in key.split("/")):
            return None
        first, separator, _ = within.partition("/")
        return Upload(root, uri, version, self.kind, first if separator and first else None)


@dataclass(frozen=True)
class UploadRules:
    """All rules; the first one that matches a file applies."""

    rules: tuple[LocatedRule, ...]

    @classmethod
    def of(cls, config: Settings) -> UploadRules:
        """Return the rules of the settings. Raises ``StorageError`` for an invalid bucket."""
        return cls(
            tuple(
                LocatedRule(
                    config.locate(rule.bucket or config.video_bucket),
                    rule.folder,
                    tuple(suffix.lower() for suffix in rule.suffixes),
                    rule.kind,
                )
                for rule in config.upload_rules
            )
        )

    def upload(self, uri: str, version: str) -> Upload | None:
        """Return the file as an upload; None if it matches no rule."""
        return next((upload for rule in self.rules if (upload := rule.upload(uri, version))), None)

    def find(self, before: datetime) -> Iterator[Upload]:
        """Yield every upload that has not changed since ``before``, once. Raises ``StorageError``."""
        walked: list[Location] = []
        for folder in sorted({rule.location for rule in self.rules}, key=lambda folder: len(storage.uri_of(folder))):
            if any(folder == other or storage.key_under(folder, other) is not None for other in walked):
                continue
            walked.append(folder)
            for file in storage.walk(folder):
                upload = self.upload(storage.uri_of(file.location), file.version)
                if upload and file.modified <= before:
                    yield upload
