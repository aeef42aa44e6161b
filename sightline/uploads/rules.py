"""Which files are processed as they arrive: the rules of UPLOAD_RULES, with their buckets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sightline import storage
from sightline.names import RESULT_FOLDER
from sightline.settings import Settings
from sightline.storage import Location
from sightline.uploads.upload import Upload

__all__ = ["Intake", "Intakes"]


@dataclass(frozen=True)
class Intake:
    """A rule with its bucket. ``folder`` is the folder of the bucket that it looks at, empty for any."""

    root: Location
    folder: str
    suffixes: tuple[str, ...]
    kind: str

    @property
    def place(self) -> Location:
        """Where its files lie, at any depth."""
        return self.root / self.folder if self.folder else self.root

    def upload(self, uri: str, version: str) -> Upload | None:
        """The file as an upload; None for one that this rule does not take.

        ``uri`` as ``storage.uri_of`` writes it. Nothing in a hidden folder is taken, nor what was made of other files.
        """
        # Text, and not locations: the listener asks this of every message.
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
class Intakes:
    """All the rules; a file is taken by the first that takes it."""

    rules: tuple[Intake, ...]

    @classmethod
    def of(cls, config: Settings) -> Intakes:
        """Those of the settings. Raises ``StorageError`` for a bucket that is no location."""
        return cls(
            tuple(
                Intake(
                    config.locate(rule.bucket or config.video_bucket),
                    rule.folder,
                    tuple(suffix.lower() for suffix in rule.suffixes),
                    rule.kind,
                )
                for rule in config.upload_rules
            )
        )

    def upload(self, uri: str, version: str) -> Upload | None:
        """The file as an upload; None for one that no rule takes."""
        return next((taken for rule in self.rules if (taken := rule.upload(uri, version))), None)

    def find(self, before: datetime) -> Iterator[Upload]:
        """Every upload that has lain there, unchanged, since ``before`` or longer, once. Raises ``StorageError``."""
        walked: list[Location] = []
        for place in sorted({rule.place for rule in self.rules}, key=lambda place: len(storage.uri_of(place))):
            if any(place == other or storage.key_under(place, other) is not None for other in walked):
                continue
            walked.append(place)
            for file in storage.walk(place):
                upload = self.upload(storage.uri_of(file.location), file.version)
                if upload and file.modified <= before:
                    yield upload
