"""Work on a patient's data that is in progress, as its leases show."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from sightline import storage
from sightline.affect import TRAININGS, model_of
from sightline.erasure.scope import Scope
from sightline.registry import Registry
from sightline.storage import Location
from sightline.uploads import UploadRules

__all__ = ["running_work"]


def running_work(scope: Scope, now: datetime) -> Iterator[str]:
    """Yield what holds a lease on one of the patient's uploads, or on training their model."""
    model = model_of(Registry(scope.config.models), scope.patient)
    for holder in _holders(scope.config.models / model.name / TRAININGS / "turns", now):
        yield f"a training of the model, started by {holder}"
    rules = UploadRules.of(scope.config)
    for folder in scope.sources:
        for file in storage.walk(folder):
            if upload := rules.upload(storage.uri_of(file.location), file.version):
                for holder in _holders(storage.locate(upload.root) / ".uploads" / "leases", now, str(upload.id)):
                    yield f"the processing of {upload.uri}, by {holder}"


def _holders(folder: Location, now: datetime, name: str = "") -> Iterator[str]:
    for file in storage.file_names(folder):
        if not file.startswith(name):
            continue
        try:
            lease = json.loads(storage.read_bytes(folder / file))
            until = datetime.fromisoformat(lease["until"])
        except (FileNotFoundError, ValueError, KeyError):  # it ended, or belongs to no working process
            continue
        if lease.get("owner") and until.astimezone(UTC) > now:
            yield lease.get("holder") or "another process"
