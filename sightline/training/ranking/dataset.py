"""Photos of runners, labelled by their folders: in a folder, a bucket, or a DVC repository at a revision."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import unquote

from sightline import storage, vision
from sightline.errors import InvalidSetting
from sightline.storage import Location
from sightline.training.common.errors import UnsuitableData
from sightline.urls import without_credentials

if TYPE_CHECKING:
    from dvc.api import DVCFileSystem

__all__ = [
    "LABELS",
    "SPLITS",
    "LabelledPhoto",
    "RankingData",
    "Split",
    "check_data",
    "open_ranking_data",
    "photos_below",
]

Split = Literal["train", "evaluate"]
SPLITS: tuple[Split, ...] = ("train", "evaluate")
LABELS = ("bad", "good")
"""The classes in order: bad is 0, good is 1."""

_DVC = "dvc://"
_RAW = re.compile(r"(?:raw/)?(train|evaluate)/(?:lower_body/)?(bad|good)/(.+)")
_PREPARED = re.compile(r"(?:prepared/)?(train|evaluate)/lower_body/(bad|good)/(.+)")
_LAYOUT = {
    False: "Put the photos into train/good, train/bad, evaluate/good and evaluate/bad",
    True: "Put the crops into train/lower_body/good, train/lower_body/bad, evaluate/lower_body/good and "
    "evaluate/lower_body/bad",
}
_OF_PERSON = re.compile(r"-p\d+$")


class LabelledPhoto(NamedTuple):
    """One labelled photo, or a crop of one. ``name`` is its path in the label's folder; ``read`` returns its bytes.

    ``version`` is the MD5 of the content, as in DVC and S3, or the ETag of a multipart upload. ``unit`` is the source
    photo, if the comparison of the contents determined it.
    """

    split: Split
    label: str
    name: str
    uri: str
    version: str
    read: Callable[[], bytes]
    unit: str | None = None

    @property
    def group(self) -> str:
        """The source photo. All crops of one photo belong to one side of a split, whatever their labels."""
        if self.unit is not None:
            return self.unit
        stem = self.name.rpartition(".")[0]
        if _OF_PERSON.search(stem):  # a crop named after its photo: runner.jpg-p2.png
            stem = _OF_PERSON.sub("", stem)
            stem = stem.rpartition(".")[0] or stem
        return stem.casefold()


@dataclass(frozen=True, eq=False)
class RankingData:
    """A data set. ``uri`` identifies it; for a DVC repository it contains the commit, which is also ``revision``.

    ``name`` is its name in a model's record. ``prepared``: whether the images are already crops of lower bodies.
    ``folders``: those of the good and the bad photos, if these were given instead of a data set.
    """

    uri: str
    name: str
    revision: str | None
    prepared: bool
    photos: tuple[LabelledPhoto, ...]
    folders: tuple[str, str] | None = None

    def of(self, split: Split) -> tuple[LabelledPhoto, ...]:
        """Return the photos of one split."""
        return tuple(photo for photo in self.photos if photo.split == split)

    def version(self, split: Split) -> str:
        """Return a hash of the split's file names, contents and source photos, independent of the location."""
        lines = sorted(
            f"{photo.version} {photo.label}/{photo.name}{f' {photo.unit}' if photo.unit else ''}\n"
            for photo in self.of(split)
        )
        return hashlib.sha256("".join((f"prepared {self.prepared}\n", *lines)).encode()).hexdigest()

    @property
    def synthetic(self) -> bool:
        """Whether any photo is synthetic: those have "synthetic" in their names."""
        return any("synthetic" in photo.name.casefold() for photo in self.photos)


def open_ranking_data(source: str | Location, *, prepared: bool = False) -> RankingData:
    """Open the data set in a folder, under an ``s3://`` prefix, or at ``dvc://REPO@REV/path``.

    It contains ``{train,evaluate}/{good,bad}`` or, if ``prepared``, ``{train,evaluate}/lower_body/{good,bad}``,
    optionally below ``raw/`` or ``prepared/``. REPO is a path or a URL that git can clone; REV is a branch, a tag or a
    commit, with ``%2F`` for a slash. DVC files are fetched when they are read. Raises :class:`UnsuitableData` for a
    split or a label without photos and for a photo in two places, and ``InvalidSetting`` if DVC is not installed.
    """
    text = str(source)
    name, uri, revision, files = _dvc(text) if text.startswith(_DVC) else _storage(text)
    pattern = _PREPARED if prepared else _RAW
    photos = []
    for file in files:
        match = pattern.fullmatch(file.path)
        if match and file.path.lower().endswith(vision.SUFFIXES) and "/." not in f"/{file.path}":
            split: Split = "train" if match[1] == "train" else "evaluate"
            photos.append(LabelledPhoto(split, match[2], match[3], file.uri, file.version(), file.read))
    data = RankingData(uri, name, revision, prepared, tuple(sorted(photos, key=lambda photo: photo[:3])))
    check_data(data)
    return data


def photos_below(source: str, label: str) -> tuple[str, list[LabelledPhoto]]:
    """Return the URI of a folder or ``s3://`` prefix, and the photos below it, all with this label, for training."""
    _, uri, _, files = _storage(source)
    photos = [
        LabelledPhoto("train", label, file.path, file.uri, file.version(), file.read)
        for file in files
        if file.path.lower().endswith(vision.SUFFIXES) and "/." not in f"/{file.path}"
    ]
    return uri, photos


class _File(NamedTuple):
    path: str
    uri: str
    version: Callable[[], str]
    read: Callable[[], bytes]


def _storage(text: str) -> tuple[str, str, None, Iterator[_File]]:
    location = storage.locate(text)
    name = location.absolute().name if isinstance(location, Path) else str(location)
    return name, storage.uri_of(location), None, _stored_files(location)


def _stored_files(root: Location) -> Iterator[_File]:
    for file in storage.walk(root):
        read = partial(storage.read_bytes, file.location)
        version = partial(_md5, read) if isinstance(file.location, Path) else partial(str, file.version)
        yield _File(str(storage.key_under(file.location, root)), storage.uri_of(file.location), version, read)


def _dvc(text: str) -> tuple[str, str, str, Iterator[_File]]:
    repository, separator, rest = text.removeprefix(_DVC).rpartition("@")
    revision, _, path = rest.partition("/")
    if not (repository and separator and revision):
        raise UnsuitableData(text, "does not name a repository and a revision", f"Write it as {_DVC}REPO@REV/path")
    try:
        from dvc.api import DVCFileSystem
        from dvc.exceptions import DvcException
    except ImportError as error:
        raise InvalidSetting(
            f"{text}: needs DVC, which is not installed. Install it with `pip install 'sightline[dvc]'`"
        ) from error
    location = repository if "://" in repository or ":" in repository else str(Path(repository).expanduser().absolute())
    try:
        files = DVCFileSystem(location, rev=unquote(revision))
        commit = str(files.repo.get_rev())
        details = files.find(f"/{path}".rstrip("/") or "/", detail=True)
    except (DvcException, OSError) as error:
        raise UnsuitableData(
            text, f"cannot be read by DVC ({error})", "Check the repository, the revision and the path"
        ) from error
    # The record keeps this: git's credential helpers know how to log in, so the URI needs no password.
    uri = without_credentials(f"{_DVC}{location}@{commit}/{path}")
    name = f"{_DVC}{Path(location).name}@{commit[:12]}/{path}"
    return name, uri, commit, _tracked(files, details, path.strip("/"), uri)


def _tracked(files: DVCFileSystem, details: dict[str, dict[str, object]], root: str, uri: str) -> Iterator[_File]:
    for key, entry in sorted(details.items()):
        path = key.lstrip("/").removeprefix(root).lstrip("/")
        read = partial(_from_dvc, files, key, f"{uri.rstrip('/')}/{path}")
        # Files that are in git itself have no DVC hash.
        version = partial(str, entry["md5"]) if entry.get("md5") else partial(_md5, read)
        yield _File(path, f"{uri.rstrip('/')}/{path}", version, read)


def _from_dvc(files: DVCFileSystem, key: str, uri: str) -> bytes:
    from dvc.exceptions import DvcException

    try:
        return bytes(files.cat_file(key))
    except (DvcException, OSError) as error:
        raise UnsuitableData(
            uri, f"cannot be fetched ({error})", "Run `dvc push` where the data were added, or `dvc fetch` here"
        ) from error


def _md5(read: Callable[[], bytes]) -> str:
    return hashlib.md5(read(), usedforsecurity=False).hexdigest()


def check_data(data: RankingData) -> None:
    """Raise :class:`UnsuitableData` for a split or a label without photos, and for a photo in two places."""
    present = {(photo.split, photo.label) for photo in data.photos}
    missing = [f"{split}/{label}" for split in SPLITS for label in LABELS if (split, label) not in present]
    if missing:
        raise UnsuitableData(data.uri, f"has no image in {', '.join(missing)}", _LAYOUT[data.prepared])
    places: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    names: dict[tuple[str, str, str], str] = {}
    for photo in data.photos:
        places[photo.version].add((photo.split, photo.label))
        names[photo.version, photo.split, photo.label] = f"{photo.split}/{photo.label}/{photo.name}"
    for version, locations in places.items():
        if len(locations) > 1:
            first, second, *_ = (names[version, *location] for location in sorted(locations))
            raise UnsuitableData(
                data.uri, f"has the same image in two places, {first} and {second}", "Keep the correct one"
            )
