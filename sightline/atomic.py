"""Files in a folder that appear completely or not at all, even if their writer is killed or the power fails.

Every writer has the same order: the content is on disk before the file's name appears, and the name, with those of new
folders above it, is on disk before the function returns. After a power failure a file is therefore complete, and what
was reported as written exists. Removals are not synced: a removed file can reappear, so a caller that replaces a file
by another one writes the new file first.
"""

from __future__ import annotations

import errno
import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import takewhile
from pathlib import Path
from typing import IO

_SUFFIX = ".part"

_on_disk: set[Path] = set()
"""The folders whose names, up to the root, this process knows to be on disk."""


def is_partial(name: str) -> bool:
    """Return whether this is the name of a partial file: one being written, or left by a killed writer."""
    return name.startswith(".") and name.endswith(_SUFFIX)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Yield an open file that replaces ``path`` when the block ends without an exception."""
    with _partial_of(path) as file:
        yield file
        _sync(file)
        Path(file.name).replace(path)
        _sync_folder(path.parent)


def move(source: Path, target: Path) -> None:
    """Move a file within a file system, replacing any file at ``target``."""
    with source.open("rb") as file:  # Its writer may not have synced it.
        _sync(file)
    _make_folder(target.parent)
    source.replace(target)
    _sync_folder(target.parent)


def create(path: Path, data: bytes) -> bool:
    """Create the file ``path`` with ``data`` only if there is none; return whether this call created it."""
    with _partial_of(path) as file:
        file.write(data)
        _sync(file)
        try:
            # A link, unlike a rename, fails if the name is taken, and makes only the complete file visible.
            os.link(file.name, path)
        except FileExistsError:
            return False
        _sync_folder(path.parent)
    return True


def swap(path: Path, old: bytes, new: bytes) -> bool:
    """Replace the content of ``path`` only if it is ``old``; return whether this call did.

    Every writer of the file must use ``swap``.
    """
    while True:
        try:
            with path.open("r+b") as current:
                # Only the process that locks the file at this path may replace it.
                fcntl.flock(current, fcntl.LOCK_EX)
                if not os.path.samestat(os.fstat(current.fileno()), path.stat()):
                    continue
                if current.read() != old:
                    return False
                with replacing(path) as file:
                    file.write(new)
                return True
        except (FileNotFoundError, NotADirectoryError):
            return False


def sweep(folder: Path) -> None:
    """Remove the partial files of dead writers below ``folder``; active writers are not disturbed."""
    for parent, _, files in os.walk(folder, onerror=_unless_absent):
        for name in filter(is_partial, files):
            _remove_if_dead(Path(parent, name))


def remove_folder(folder: Path) -> None:
    """Remove ``folder``, if it exists, and everything below it, except files that are written in the meantime."""
    for parent, _, files in os.walk(folder, topdown=False, onerror=_unless_absent):
        for name in files:
            Path(parent, name).unlink(missing_ok=True)
        try:
            Path(parent).rmdir()
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                _unless_absent(error)


@contextmanager
def _partial_of(path: Path) -> Iterator[IO[bytes]]:
    """Yield an open new file beside ``path`` with a unique name; remove it at the end unless it was renamed.

    The writer locks it. The system releases the lock when the process ends in any way, so a sweep in any process or
    container can detect partial files of dead writers.
    """
    _make_folder(path.parent)
    while True:
        partial = path.with_name(f".{uuid.uuid4().hex}{_SUFFIX}")
        file = partial.open("xb")
        with suppress(OSError):  # Without locks in the filesystem, a sweep gets none either, and leaves the file.
            fcntl.flock(file, fcntl.LOCK_EX)
        if partial.exists():  # otherwise a sweep ran between the open and the lock
            break
        file.close()
    with file:
        try:
            yield file
        finally:
            partial.unlink(missing_ok=True)


def _make_folder(folder: Path) -> None:
    """Create the folder and those above it, if they are missing; their names are on disk afterwards."""
    folder = folder.absolute()
    chain = (folder, *folder.parents)
    missing = list(takewhile(lambda path: not path.exists(), chain))
    folder.mkdir(parents=True, exist_ok=True)
    _on_disk.difference_update(missing)  # They have been removed since.
    # An existing folder may have been created just now by a thread or process that has not synced it yet.
    unknown = list(takewhile(lambda path: path not in _on_disk, chain))
    for path in unknown:
        _sync_folder(path.parent)
    _on_disk.update(unknown)


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Write the names of the files and folders in ``folder`` to the disk."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:  # It belongs to another user, and this process can only pass through it.
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot sync a folder; they send its changes to the server at once.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def _remove_if_dead(partial: Path) -> None:
    try:
        with partial.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            partial.unlink(missing_ok=True)
    except OSError:
        # Its writer is active, has just finished, or is unknown: in all cases the file must stay.
        return


def _unless_absent(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
