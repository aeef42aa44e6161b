"""The frames in a file of a mat: CSV, NumPy arrays, and pictures."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from sightline.beds.bed import Bed
from sightline.beds.csv_frames import read_csv
from sightline.beds.stamps import StampInvalid, in_name, instant
from sightline.storage import StoredFile

__all__ = ["SUFFIXES", "FileInvalid", "Frame", "is_growing", "read_frames"]

ARRAYS = (".csv", ".tsv", ".txt", ".npy", ".npz")
PICTURES = (".png", ".jpg", ".jpeg")
SUFFIXES = (*ARRAYS, *PICTURES)

_MAX_EXPANDED = 2_000_000_000  # bytes of the arrays in an .npz file
_BEING_WRITTEN = timedelta(minutes=1)
_NO_TIME = (
    "has no time in its name or beside its values. Write it into the name, as in bed-7_2026-03-08T14-05-00.csv, or set "
    "time_format in bed.toml"
)


class FileInvalid(Exception):
    """A file that holds no frames. The message says why, and what would get it accepted."""


@dataclass(frozen=True)
class Frame:
    """What the mat measured at an instant: ``values``, shape = (rows, columns), or a coloured ``picture``."""

    at: datetime
    values: NDArray[np.float64] | None = None
    picture: bytes | None = None


def is_growing(file: StoredFile, now: datetime) -> bool:
    """Return whether the file may still be written, so that what is missing or damaged in it is no fault yet."""
    return abs(now - file.modified) < _BEING_WRITTEN


def read_frames(file: StoredFile, data: bytes, bed: Bed, *, growing: bool = False) -> Iterator[Frame | Exception]:
    """Yield the frames of a file, and an exception for each that cannot be placed in time.

    With ``growing``, a last line without a line end is left for the next time. Raises :class:`FileInvalid` if the file
    holds no frames, or states no times.
    """
    name = file.location.name
    suffix = f".{name.rpartition('.')[2].lower()}"
    if suffix in ARRAYS and bed.mat is None:
        raise FileInvalid(
            "an array without a mat: state its range and size in a table [mat] of bed.toml, such as range = [0, 4095]"
        )
    if suffix in (".csv", ".tsv", ".txt"):
        yield from _of_csv(file, data, bed, growing)
    elif suffix in (".npy", ".npz"):
        yield from _of_numpy(file, data, bed)
    else:
        yield _of_picture(data, _named(file, bed), bed)


def _of_csv(file: StoredFile, data: bytes, bed: Bed, growing: bool) -> Iterator[Frame | Exception]:
    assert bed.mat is not None  # noqa: S101  # checked by the caller
    try:
        table = read_csv(data, bed.mat.rows, bed.mat.columns, growing=growing)
    except ValueError as error:
        raise FileInvalid(str(error)) from error
    if table.times is None:
        yield Frame(_named(file, bed), table.frames[0])
        return
    yield from _series(table.times, table.frames, file, bed)


def _of_numpy(file: StoredFile, data: bytes, bed: Bed) -> Iterator[Frame | Exception]:
    try:
        arrays = _arrays(data)
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise FileInvalid(f"is truncated, or no NumPy file without pickles ({error})") from error
    times = next((arrays.pop(name) for name in ("times", "time", "timestamps") if name in arrays), None)
    if len(arrays) != 1:
        raise FileInvalid(
            f"holds {len(arrays)} arrays of values ({', '.join(arrays)}). Store one, and their times as times"
        )
    values = next(iter(arrays.values()))
    if not np.issubdtype(values.dtype, np.number) or np.iscomplexobj(values):
        raise FileInvalid(f"holds {values.dtype}, not numbers")
    frames: NDArray[np.float64] = values.astype(np.float64)
    if values.ndim == 2 and times is None:
        yield Frame(_named(file, bed), frames)
    elif values.ndim == 3 and times is not None and times.shape == values.shape[:1]:
        yield from _series([_text(time) for time in times], frames, file, bed)
    elif values.ndim == 3 and times is None:
        raise FileInvalid(f"holds {len(values)} frames and no times. Store both in an .npz, the times as times")
    else:
        shapes = f"{values.shape}" + (f" and times of shape {times.shape}" if times is not None else "")
        raise FileInvalid(f"holds values of shape {shapes}. Store one frame, or frames of shape (n, rows, columns)")


def _arrays(data: bytes) -> dict[str, NDArray[np.generic]]:
    if not zipfile.is_zipfile(io.BytesIO(data)):
        return {"values": np.load(io.BytesIO(data), allow_pickle=False)}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if (size := sum(part.file_size for part in archive.infolist())) > _MAX_EXPANDED:
            raise ValueError(f"its arrays have {size} bytes, the limit is {_MAX_EXPANDED}")
    with np.load(io.BytesIO(data), allow_pickle=False) as loaded:
        return {name: loaded[name] for name in loaded.files}


def _text(time: np.generic) -> str:
    """Return a time of an array as text; a ``datetime64`` has no zone, so it is in that of the bed."""
    return repr(time.item()) if isinstance(time, np.number) else str(time)


def _series(times: list[str], frames: NDArray[np.float64], file: StoredFile, bed: Bed) -> Iterator[Frame | Exception]:
    before: datetime | None = None
    for text, values in zip(times, frames, strict=True):
        try:
            at = instant(text, bed.zone, bed.time_format, written=file.modified, after=before)
        except StampInvalid as error:
            yield error
            continue
        before = at
        yield Frame(at, values)


def _of_picture(data: bytes, at: datetime, bed: Bed) -> Frame:
    """Return a picture; one with a single channel holds the mat's values."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as image:
            image.load()
            if image.mode not in ("1", "L", "I", "I;16", "I;16B"):
                return Frame(at, picture=data)
            values = np.asarray(image, dtype=np.float64)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise FileInvalid(f"is truncated, or no PNG or JPEG ({error})") from error
    if bed.mat is None:
        raise FileInvalid(
            "a grey picture holds the values of a mat: state its range and size in a table [mat] of bed.toml, such as "
            "range = [0, 4095] for 12 bits"
        )
    return Frame(at, values)


def _named(file: StoredFile, bed: Bed) -> datetime:
    try:
        at = in_name(file.location.name, bed.zone, bed.time_format, file.modified)
    except StampInvalid as error:
        raise FileInvalid(str(error)) from error
    if at is None:
        raise FileInvalid(_NO_TIME)
    return at
