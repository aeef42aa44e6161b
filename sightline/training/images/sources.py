"""Sources of labelled images: a folder or bucket whose folders or file names contain the label, a table, or CIFAR."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from sightline import storage, vision
from sightline.storage import Location
from sightline.training.images.cifar import cifar_of, open_cifar
from sightline.training.images.label_table import SUFFIXES, read_label_table
from sightline.vision.labelled import ImageSource, LabelledImage

__all__ = ["open_source"]


def open_source(source: str | Location, *, limits: vision.Limits | None = None) -> ImageSource:
    """List the images of a folder, of an ``s3://`` prefix, of a table of labels, or of CIFAR.

    A table is a file that :func:`~sightline.training.images.label_table.read_label_table` reads.

    ``cifar10://FOLDER``, ``cifar100://FOLDER``, and a folder that contains one of these data sets, are its training
    part. Raises ``UnsuitableData`` or ``InvalidInput`` if there is nothing to read.
    """
    if cifar := open_cifar(str(source)):
        return cifar
    location = storage.locate(source)
    if isinstance(location, Path) and (uri := cifar_of(location)) and (cifar := open_cifar(uri)):
        return cifar
    effective_limits = limits or vision.Limits()
    if location.name.lower().endswith(SUFFIXES):
        return read_label_table(location, effective_limits)
    root = storage.uri_of(location)
    images = tuple(
        LabelledImage(
            ref.uri.rpartition("/")[2],
            ref.uri,
            partial(vision.fetch, ref, effective_limits),
            folders=tuple(ref.uri.removeprefix(root).strip("/").split("/")[:-1]),
        )
        for ref in vision.expand(root)
    )
    name = location.absolute().name if isinstance(location, Path) else str(location)
    return ImageSource(root, name, images)
