"""Secrets as files, one per variable, so that ``docker inspect`` shows none of them.

``make up`` runs two commands in the small image. Both read the variables in the file of ``make up ENV=FILE`` and the
files in the folder ``SIGHTLINE_SECRETS``; the variables take precedence.

- ``python -m deployments.secret_files generate ENV FOLDER`` creates the passwords that are set nowhere, announces the
  login once, and prints a revision that changes with any secret. Compose recreates the services if it changes. Further
  arguments are the names of the shell's variables: a secret among them has no effect, which is reported.
- ``python -m deployments.secret_files install ENV FOLDER OUTPUT`` writes the files of every group of services into
  ``OUTPUT/GROUP``, where the volume of the group is mounted. ``docker/entrypoint.sh`` exports them.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import os
import secrets
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from urllib.parse import quote

from dotenv import dotenv_values

from sightline.errors import InvalidSetting

__all__ = ["GROUPS", "NAMES", "generate", "install", "main", "read"]

_AWS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_LOGIN = "PREFECT_API_AUTH_STRING"
_SERVER_LOGIN = "PREFECT_SERVER_API_AUTH_STRING"
_DATABASE_PASSWORD = "POSTGRES_PASSWORD"  # noqa: S105  # the name of the variable
_DATABASE_URL = "PREFECT_API_DATABASE_CONNECTION_URL"

GROUPS: dict[str, tuple[str, ...]] = {
    "database": (_DATABASE_PASSWORD,),
    "server": (_SERVER_LOGIN, _DATABASE_URL),
    "client": (_LOGIN,),
    "flows": (_LOGIN, *_AWS),
    "setup": (_LOGIN, *_AWS, "SLACK_WEBHOOK_URL", "SMTP_USERNAME", "SMTP_PASSWORD"),
    "api": ("API_KEYS", *_AWS),
}
"""The secrets of each group of services. A service reads the files of one group."""
NAMES = frozenset(name for names in GROUPS.values() for name in names)

_USER = 10001  # of the images
_REVISION_KEY = ".revision-key"
_LOGIN_MESSAGE = """\
A login for the Prefect server was generated:
    user      {user}
    password  {password}
The UI asks for both in one field: {login}
Commands need: export PREFECT_API_AUTH_STRING={login}
It is stored in {file} and is not shown again.
"""


def read(env_file: Path, folder: Path) -> dict[str, str]:
    """Return all secrets by name. Raises ``InvalidSetting`` for an invalid or missing one."""
    files = {path.name: path.read_text("utf-8").rstrip("\n") for path in _files(folder)}
    values = {**files, **{name: value for name, value in dotenv_values(env_file).items() if value}}
    found = {name: values[name] for name in NAMES if values.get(name)}
    for name, value in found.items():
        if "\n" in value or "\0" in value:
            raise InvalidSetting(f"{name} has more than one line. Write it in one line")
    login = found.get(_LOGIN) or found.get(_SERVER_LOGIN)
    if login:
        if found.get(_SERVER_LOGIN, login) != login:
            raise InvalidSetting(f"{_LOGIN} and {_SERVER_LOGIN} differ. Set only {_LOGIN}")
        if not login.startswith("aws-secret://") and not all(login.partition(":")):
            raise InvalidSetting(f"{_LOGIN} is not USER:PASSWORD. Separate both by a colon")
        found[_LOGIN] = found[_SERVER_LOGIN] = login
    if _DATABASE_PASSWORD in found:
        password = quote(found[_DATABASE_PASSWORD], safe="")
        found.setdefault(_DATABASE_URL, f"postgresql+asyncpg://prefect:{password}@database:5432/prefect")
    return found


def generate(env_file: Path, folder: Path, shell: Collection[str] = ()) -> str:
    """Create the passwords that are set nowhere, and return the revision of all secrets.

    ``shell`` are the names of variables that are set in the shell only.
    """
    present = read(env_file, folder)
    for name in sorted(NAMES.intersection(shell) - present.keys()):
        message = (
            f"{name} is set in the shell only, where it has no effect. Write it to the file of ENV, or its value to"
        )
        print(message, folder / name, file=sys.stderr)
    if _DATABASE_PASSWORD not in present:
        _create(folder / _DATABASE_PASSWORD, secrets.token_urlsafe(32))
    if _LOGIN not in present:
        user, password = "sightline", secrets.token_urlsafe(18)
        login, file = f"{user}:{password}", folder / _LOGIN
        _create(file, login)
        print(_LOGIN_MESSAGE.format(user=user, password=password, login=login, file=file), file=sys.stderr)
    key = folder / _REVISION_KEY
    if not key.exists():
        _create(key, secrets.token_hex(32))
    content = "\0".join(f"{name}={value}" for name, value in sorted(read(env_file, folder).items()))
    # With a key, nobody can test guesses of a password against the revision, which `docker inspect` shows.
    return hmac.new(key.read_bytes(), content.encode(), hashlib.sha256).hexdigest()[:16]


def install(values: Mapping[str, str], output: Path, owner: int | None = _USER) -> None:
    """Write the files of every group, readable by ``owner`` only, and remove those of variables that are not set."""
    for group, names in GROUPS.items():
        folder = output / group
        wanted = {name: values[name] for name in names if name in values}
        for path in folder.iterdir():
            if path.name not in wanted:
                path.unlink()
        for name, value in wanted.items():
            part = folder / f".{name}"
            part.unlink(missing_ok=True)
            _create(part, value)
            if owner is not None:
                os.chown(part, owner, owner)
            part.replace(folder / name)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name in NAMES and path.is_file()]


def _create(path: Path, content: str) -> None:
    """Write a new file with mode 0600."""
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        file.write(content)


def main() -> int:
    """Return the exit status: 0, or 1 after an error, which is printed."""
    parser = argparse.ArgumentParser(prog="python -m deployments.secret_files", description="Secrets as files.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("generate", "install"):
        command = commands.add_parser(name)
        command.add_argument("env_file", type=Path)
        command.add_argument("folder", type=Path)
        if name == "install":
            command.add_argument("output", type=Path)
        else:
            command.add_argument("shell", nargs="*")
    arguments = parser.parse_args()
    try:
        if arguments.command == "generate":
            print(generate(arguments.env_file, arguments.folder, arguments.shell))
        else:
            install(read(arguments.env_file, arguments.folder), arguments.output)
    except (InvalidSetting, OSError) as error:
        print(f"secrets: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
