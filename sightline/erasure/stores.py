"""The stores that hold a patient's data, in the order in which they are erased.

A store of the patient alone is a folder. A store of everybody is searched: in a versioned bucket also the versions that
were replaced or removed. Erasing is idempotent. What tells which data are the patient's, the folders of the training
data and of the results, goes last, so that an erasure that was killed can be run again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from sightline import storage, versions
from sightline.erasure.cache import erase_cache
from sightline.erasure.captures import erase_captures
from sightline.erasure.models import model_folders, trained_on_images
from sightline.erasure.questions import erase_questions
from sightline.erasure.report import Erased, Kept
from sightline.erasure.scope import Scope
from sightline.erasure.sources import session_sources
from sightline.errors import StorageError
from sightline.storage import Location
from sightline.uploads import UploadRules
from sightline.versions import Removal, Version

__all__ = ["STORES", "Store", "erase_stores"]

_TEXTS = (".json", ".jsonl", ".csv", ".html", ".md", ".txt")
_CHUNKS = re.compile(r"\.[a-z]+-[0-9a-f]{32}")
_CACHE = ".prefect"


@dataclass(frozen=True)
class Store:
    """A store, and the function that erases the patient's part of it.

    The function returns what it removed, by place, and with ``dry`` what it would remove.
    """

    name: str
    erase: Callable[[Scope, bool], Iterable[tuple[Location, Removal]]]
    keeps: Callable[[Scope], Iterable[Kept]] = field(default=lambda scope: ())
    """What the store's data tell about places that are not erased; called before it is erased."""


def erase_stores(scope: Scope, *, dry: bool = False) -> tuple[list[Erased], list[Kept]]:
    """Erase the patient's data in every store, and return what was erased and what was not.

    A store that cannot be reached does not keep the others from being erased.

    Args:
        scope: The patient.
        dry: Only count what is there.
    """
    erased: list[Erased] = []
    kept: list[Kept] = []
    for store in STORES:
        try:
            kept += [] if dry else store.keeps(scope)
            for place, removal in store.erase(scope, dry):
                if removal.versions:
                    erased.append(Erased(store=store.name, place=storage.uri_of(place), count=removal.versions))
                kept += [_refused(store.name, uri, reason) for uri, reason in removal.refused]
        except (StorageError, OSError) as error:
            kept.append(Kept(what=store.name, why=str(error), fix="Make it accessible", failed=True))
    return erased, kept


def _refused(store: str, uri: str, reason: str) -> Kept:
    fix = "Allow the removal of every version (s3:DeleteObjectVersion), or wait for the end of an object lock"
    if "://" not in uri:
        fix = "Make its folder writable"
    return Kept(what=f"{store}, {uri}", why=reason, fix=fix, failed=True)


def _folders(places: Iterable[Location], dry: bool) -> Iterator[tuple[Location, Removal]]:
    for place in places:
        yield place, versions.count(versions.versions(place)) if dry else versions.erase_folder(place)


def _chosen(place: Location, is_theirs: Callable[[Version], bool], dry: bool) -> Iterator[tuple[Location, Removal]]:
    found = [version for version in versions.versions(place) if not version.is_marker and is_theirs(version)]
    yield place, versions.count(found) if dry else versions.erase(found)


def _erase_uploads(scope: Scope, dry: bool) -> Iterator[tuple[Location, Removal]]:
    # The leases first: they are named by the files' versions.
    rules = UploadRules.of(scope.config)
    ids = {
        str(upload.id)
        for folder in scope.sources
        for file in storage.walk(folder)
        if (upload := rules.upload(storage.uri_of(file.location), file.version))
    }
    for root in scope.upload_roots:
        yield from _chosen(root / ".uploads" / "leases", lambda item: item.location.name[:36] in ids, dry)
    yield from _folders(scope.sources, dry)
    for root in scope.upload_roots:
        yield from _chosen(root / ".uploads", lambda item: scope.traces.holds(versions.read_text(item)), dry)


def _erase_outbox(scope: Scope, dry: bool) -> Iterator[tuple[Location, Removal]]:
    outbox = scope.config.outbox
    found = [
        version
        for version in versions.versions(outbox)
        if not version.is_marker and scope.traces.owns(versions.read_text(version))
    ]
    entries = {version.location.name.removesuffix(".json").rpartition("-")[2] for version in found}
    leases = [version for version in versions.versions(outbox / "leases") if version.location.name[:32] in entries]
    yield outbox, versions.count(found) if dry else versions.erase([*leases, *found])


def _erase_results(scope: Scope, dry: bool) -> Iterator[tuple[Location, Removal]]:
    root = scope.config.results
    yield root / _CACHE, erase_cache(root / _CACHE, scope.traces, dry=dry)
    others = [scope.config.reviews, scope.config.outbox, root / _CACHE]
    folders: dict[str, Location] = {}
    alone: list[Version] = []
    for version in versions.versions(root):
        location = version.location
        if version.is_marker or not location.name.endswith(_TEXTS):
            continue
        if any(storage.key_under(location, other) is not None for other in others):
            continue
        if not scope.traces.holds(versions.read_text(version)):
            continue
        folder = location.parent.parent if _CHUNKS.fullmatch(location.parent.name) else location.parent
        if storage.key_under(folder, root) is None:
            alone.append(version)
        else:
            folders[storage.uri_of(folder)] = folder
    # The results of a run are one thing: its table, its pictures and its summary are about all of its images.
    yield from _folders(folders.values(), dry)
    yield root, versions.count(alone) if dry else versions.erase(alone)


def _erase_models(scope: Scope, dry: bool) -> Iterator[tuple[Location, Removal]]:
    yield from _folders(model_folders(scope), dry)


def _erase_training_data(scope: Scope, dry: bool) -> Iterator[tuple[Location, Removal]]:
    yield from _folders(scope.training, dry)


def _erase_session_results(scope: Scope, dry: bool) -> Iterator[tuple[Location, Removal]]:
    yield from _folders(scope.results, dry)


STORES = (
    Store("videos and upload records", _erase_uploads),
    Store("waiting alerts", _erase_outbox),
    Store("questions and answers", erase_questions),
    Store("captures", erase_captures),
    Store("results of image runs", _erase_results),
    Store("emotion models", _erase_models, trained_on_images),
    Store("training data", _erase_training_data, session_sources),
    Store("annotated videos", _erase_session_results),
)
"""All stores, in the order in which they are erased."""
