"""Files in a folder that appear whole or not at all, whenever their writer is killed."""

from __future__ import annotations

import errno
import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

_SUFFIX = ".part"


def is_partial(name: str) -> bool:
    """Whether a file of this name is one that is being written, or that its writer left behind."""
    return name.startswith(".") and name.endswith(_SUFFIX)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """An open file that becomes ``path`` when the block ends well, over whatever is there."""
    with _partial_of(path) as file:
        yield file
        file.flush()
        Path(file.name).replace(path)


def create(path: Path, data: bytes) -> bool:
    """Make the file ``path``, with ``data`` in it, only if none is there; whether this call made it."""
    with _partial_of(path) as file:
        file.write(data)
        file.flush()
        try:
            # A link, unlike a rename, fails where the name is taken, and shows the file only when it is whole.
            os.link(file.name, path)
        except FileExistsError:
            return False
    return True


def swap(path: Path, old: bytes, new: bytes) -> bool:
    """Replace ``path`` by ``new`` only if it holds ``old``; whether this call did. Every writer must be a swap."""
    while True:
        try:
            with path.open("r+b") as current:
                # Whoever holds the lock on the file that has the name is the only one who may give the name away.
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
    """Remove the half-written files below ``folder`` whose writers are dead; writers at work are not disturbed."""
    for parent, _, files in os.walk(folder, onerror=_unless_absent):
        for name in filter(is_partial, files):
            _remove_if_dead(Path(parent, name))


def remove_folder(folder: Path) -> None:
    """Remove ``folder`` and all below it, save what someone else has just written there; it need not exist."""
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
    """An open new file beside ``path``, under a name of its own, gone at the end unless it was renamed.

    Its writer holds a lock on it, which the system lets go when the process ends in any way: that tells a sweep,
    from whatever process or container, the dead from the living.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        partial = path.with_name(f".{uuid.uuid4().hex}{_SUFFIX}")
        file = partial.open("xb")
        with suppress(OSError):  # On a filesystem without locks no sweep gets one either, and it leaves the file alone.
            fcntl.flock(file, fcntl.LOCK_EX)
        if partial.exists():  # else a sweep came between the two lines above
            break
        file.close()
    with file:
        try:
            yield file
        finally:
            partial.unlink(missing_ok=True)


def _remove_if_dead(partial: Path) -> None:
    try:
        with partial.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            partial.unlink(missing_ok=True)
    except OSError:
        # Its writer is at work, or has just finished, or nobody can tell: in each case it is not ours to remove.
        return


def _unless_absent(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
