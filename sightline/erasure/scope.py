"""The patient whose data are erased, and where these are."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sightline import storage
from sightline.erasure.traces import Traces
from sightline.names import RESULT_FOLDER, PatientName
from sightline.settings import Settings
from sightline.storage import Location
from sightline.uploads import UploadRules

__all__ = ["Scope"]

_CONTENT = re.compile(r"([0-9a-f]{64})(\.plan)?\.json")
_HASH = re.compile(rb'"(?:sha256|content_hash)":\s*"([0-9a-f]{64})"')
_DOCUMENTS = ("_session.json", "_metadata.json")
_CLAIMS = ".sessions"


@dataclass(frozen=True)
class Scope:
    """A patient, the settings that say where data are stored, and the traces of the patient.

    ``sources``: the folders of the patient's videos and other uploads. ``results`` and ``training``: the folders of the
    annotated videos and of the training data. A folder on a disk may spell the name in either form of Unicode.
    """

    config: Settings
    patient: PatientName
    traces: Traces
    sources: tuple[Location, ...]
    results: tuple[Location, ...]
    training: tuple[Location, ...]

    @classmethod
    def of(cls, config: Settings, patient: PatientName) -> Scope:
        """Return the scope of a patient. Raises ``StorageError`` if the buckets cannot be read."""
        annotated, patients = config.videos / RESULT_FOLDER, config.patients
        roots = [config.videos, *_upload_roots(config)]
        sources, results, training = (
            tuple(folder for root in places for folder in _folders_of(root, patient))
            for places in (roots, [annotated], [patients])
        )
        others = {name for root in (*roots, annotated, patients) for name in storage.folder_names(root)}
        folders = [storage.uri_of(root / patient.text) for root in (*roots, annotated, patients)]
        traces = Traces(
            patient,
            filter(_is_patient, others - {folder.name for folder in (*sources, *results, *training)}),
            {*folders, *(storage.uri_of(folder) for folder in (*sources, *results, *training))},
        )
        scope = cls(config, patient, traces, sources, results, training)
        return replace(scope, traces=traces.with_hashes(scope._hashes()))

    @property
    def upload_roots(self) -> tuple[Location, ...]:
        """The buckets that have records of processed uploads."""
        rules = UploadRules.of(self.config).rules
        return tuple({storage.uri_of(root): root for root in (self.config.videos, *(r.root for r in rules))}.values())

    def _hashes(self) -> Iterator[str]:
        for folder in self.results:
            names = (_CONTENT.fullmatch(name) for name in storage.file_names(folder / _CLAIMS))
            yield from (match[1] for match in names if match)
        for folder in (*self.results, *self.training):
            for file in storage.walk(folder):
                if file.location.name.endswith(_DOCUMENTS):
                    # Not parsed: a damaged document must not prevent the erasure.
                    yield from (match[1].decode() for match in _HASH.finditer(storage.read_bytes(file.location)))


def _upload_roots(config: Settings) -> list[Location]:
    """Return the folders, besides the video bucket, whose first folder is the patient of an upload."""
    video = storage.uri_of(config.videos)
    places = {storage.uri_of(rule.location): rule.location for rule in UploadRules.of(config).rules}
    return [location for uri, location in places.items() if uri != video]


def _folders_of(root: Location, patient: PatientName) -> list[Location]:
    """Return the folders of the patient in ``root``; on S3 also one whose objects have been removed."""
    spelled = [name for name in storage.folder_names(root) if unicodedata.normalize("NFC", name) == patient.text]
    return [root / name for name in dict.fromkeys([patient.text, *spelled])]


def _is_patient(name: str) -> bool:
    return not name.startswith(".") and name not in (RESULT_FOLDER, "models")
