"""Photos of good and of bad runners in two folders, divided into training and evaluation automatically."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence

from sightline import vision
from sightline.ranking import fingerprint_of, similar_groups
from sightline.training.common.duplicates import units_of
from sightline.training.common.errors import UnsuitableData
from sightline.training.ranking.dataset import LABELS, LabelledPhoto, RankingData, check_data, photos_below

__all__ = ["open_two_folders"]

_log = logging.getLogger(__name__)

_PARTS = 5  # one of them is for evaluation
_MIN_PHOTOS = 10  # different ones of each label


def open_two_folders(good: str, bad: str, *, prepared: bool = False) -> RankingData:
    """Open the photos below two folders or ``s3://`` prefixes; about a fifth of each is for evaluation.

    Photos of one name (without its suffix) in one folder, with the same content, or that are near duplicates by
    :func:`~sightline.ranking.similar_groups` are one source photo, which is on one side of every split. The same data
    give the same split, and with more photos most stay on their side. Raises :class:`UnsuitableData` for a folder
    without photos or with too few different ones, and for the same image in both.
    """
    photos: list[LabelledPhoto] = []
    uris: dict[str, str] = {}
    for label, source in (("good", good), ("bad", bad)):
        uris[label], found = photos_below(source, label)
        if not found:
            raise UnsuitableData(uris[label], "has no image", "Give a folder of photos of runners of one kind")
        photos += found
    photos.sort(key=lambda photo: photo[1:3])
    units = _units(photos, prepared)
    evaluated = _evaluated([photo.label for photo in photos], units, uris)
    divided = tuple(
        photo._replace(split="evaluate" if unit in evaluated else "train", unit=unit)
        for photo, unit in zip(photos, units, strict=True)
    )
    name = " and ".join(uri.rstrip("/").rpartition("/")[2] for uri in uris.values())
    folders = (uris["good"], uris["bad"])
    data = RankingData(" ".join(folders), name, None, prepared, divided, folders)
    check_data(data)
    return data


def _units(photos: Sequence[LabelledPhoto], prepared: bool) -> list[str]:
    """Return the source photo of every photo, named by the least of its versions, which other photos do not change.

    Cameras give the same names again, but crops of one photo may have different labels.
    """
    similar = similar_groups([_fingerprint(photo) for photo in photos])
    keys = [
        (("name", "" if prepared else photo.label, photo.group), ("version", photo.version), ("similar", int(group)))
        for photo, group in zip(photos, similar, strict=True)
    ]
    numbers = units_of(keys).tolist()
    names: dict[int, str] = {}
    for photo, number in zip(photos, numbers, strict=True):
        names[number] = min(names.get(number, photo.version), photo.version)
    return [names[number] for number in numbers]


def _fingerprint(photo: LabelledPhoto) -> bytes | None:
    try:
        return fingerprint_of(vision.decode(photo.read(), None, vision.Limits()).pixels)
    except vision.Rejected as rejected:  # the stage "prepare" counts it, with the reason
        _log.info("%s: %s", photo.uri, rejected)
        return None


def _evaluated(labels: Sequence[str], units: Sequence[str], uris: Mapping[str, str]) -> set[str]:
    """Return the source photos for evaluation: of each label, the fifth with the least hashes."""
    label_of = dict(zip(units, labels, strict=True))
    evaluated: set[str] = set()
    for label in LABELS:
        own = sorted((unit for unit, its in label_of.items() if its == label), key=_hash)
        if len(own) < _MIN_PHOTOS:
            raise UnsuitableData(
                uris[label],
                f"has {len(own)} different photos, and a separate evaluation needs at least {_MIN_PHOTOS}",
                "Add photos; other sizes and formats of a photo count as one",
            )
        evaluated.update(own[: round(len(own) / _PARTS)])
    return evaluated


def _hash(unit: str) -> str:
    return hashlib.sha256(unit.encode()).hexdigest()
