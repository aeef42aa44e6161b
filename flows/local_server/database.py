"""A server's database: copied from one that is ready, because creating the tables takes longer than the start.

``python -m flows.local_server`` prepares it; else the first start does.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from sightline.atomic import replacing

__all__ = ["copy_template", "create_database", "is_current", "keep_as_template", "mark_current", "template"]


def template() -> Path:
    """Return the path of the ready database for the installed version of Prefect, which may not exist."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(cache) if Path(cache).is_absolute() else Path("~/.cache").expanduser()
    return root / "sightline" / f"prefect-{version('prefect')}.db"


def create_database(database: Path, earlier: Path | None = None) -> bool:
    """Create ``database`` unless it exists; return whether it has the tables of the installed version of Prefect.

    Args:
        database: The file, with an existing folder.
        earlier: A database whose content is taken over, if it exists. It stays as it is.
    """
    if database.exists():
        return is_current(database)
    for rest in ("-wal", "-shm"):  # of a database that was removed: SQLite would apply them to the new one
        database.with_name(database.name + rest).unlink(missing_ok=True)
    if earlier is not None and earlier.exists():
        _copy(earlier, database)
        return False
    if not copy_template(database):
        return False
    mark_current(database)
    return True


def copy_template(database: Path) -> bool:
    """Create ``database`` with the tables of the installed version of Prefect, if that is prepared; return whether."""
    if not template().exists():
        return False
    with template().open("rb") as ready, replacing(database) as file:
        shutil.copyfileobj(ready, file)
    return True


def is_current(database: Path) -> bool:
    """Return whether a server of the installed version of Prefect has used the database."""
    try:
        return _mark(database).read_text("utf-8") == version("prefect")
    except FileNotFoundError:
        return False


def mark_current(database: Path) -> None:
    """Record that the database has the tables and block types of the installed version of Prefect."""
    with replacing(_mark(database)) as file:
        file.write(version("prefect").encode())


def keep_as_template(database: Path) -> None:
    """Store a new database, which has no runs yet, for later first starts."""
    path = template()
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        copy = Path(folder) / path.name
        with closing(sqlite3.connect(database)) as source:
            source.execute("VACUUM INTO ?", (str(copy),))
        with closing(sqlite3.connect(copy)) as cleaned:
            # The key that encrypts a database's secrets, which must not be the same everywhere.
            cleaned.execute("DELETE FROM configuration")
            cleaned.commit()
        copy.replace(path)


def _mark(database: Path) -> Path:
    return database.with_name(f"{database.name}.version")


def _copy(source: Path, target: Path) -> None:
    # SQLite's own copy is consistent even while a server writes to the source.
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        copy = Path(folder) / target.name
        with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as old, closing(sqlite3.connect(copy)) as new:
            old.backup(new)
        copy.replace(target)
