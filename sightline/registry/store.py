"""Versioned models in a folder or a bucket: ``{root}/{name}/{version}/`` with ``record.json``, ``{name}/current.json``.

A version exists once its record does, which is written last, and never changes afterwards. The pointer moves by
compare-and-swap, so that of two promotions at once neither is lost, nor undone by the worse model.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from sightline import storage
from sightline.clock import now_in_utc
from sightline.errors import StorageError
from sightline.registry.cache import ModelFiles, default_cache, local_files, read_checked
from sightline.registry.errors import ModelNotFound, WrongTask
from sightline.registry.names import check_name, is_name, is_version, parse_name
from sightline.registry.pointer import Move, Pointer, PointerFile, Promotion
from sightline.registry.record import CLAIM, RECORD, FileEntry, ModelDraft, ModelRecord, read_record
from sightline.storage import Location

__all__ = ["Registry"]

_BUILTIN, _BUILTIN_CLAIM = 1, b"built in"  # the number of a version that comes with the package, whoever brings it in


class Registry:
    """The models under ``root``.

    ``cache``: where files of a bucket are kept on this machine, by default ``$XDG_CACHE_HOME/sightline/models``.
    ``builtin``: a folder of models that a registry without them is seeded with, by default those of the package.
    """

    def __init__(self, root: Location, *, cache: Path | None = None, builtin: Path | None = None) -> None:
        self.root = root
        self._cache = cache or default_cache()
        self._builtin = builtin or Path(str(files("sightline.registry") / "builtin"))

    def names(self) -> list[str]:
        """The models that have a version, or that the package brings."""
        own = {name for name in storage.folder_names(self.root) if is_name(name) and self._versions(name)}
        brought = {name for name in storage.folder_names(self._builtin) if (self._builtin / name / RECORD).is_file()}
        return sorted(own | brought)

    def versions(self, name: str) -> list[int]:
        """The versions of a model, ascending; none where there is no such model."""
        self._seed(check_name(name))
        return self._versions(name)

    def record(self, name: str, version: int | None = None) -> ModelRecord:
        """The record of a version, by default of the current one. ``name`` may be ``posture/3``, too.

        Raises :class:`ModelNotFound`, and :class:`ModelDamaged` for what is not a record of that version.
        """
        name, version = parse_name(name, version)
        self._seed(name)
        if version is None:
            version = self._known(name, self._pointer(name).pointer).version
        try:
            return read_record(self.root / name / str(version) / RECORD, name, version)
        except FileNotFoundError as error:
            there = self._listed(name)
            raise ModelNotFound(
                f"{name}/{version}: {self.root} has no such version of {name}; there are {there}"
                if there
                else self._nowhere(name)
            ) from error

    def open(self, name: str, version: int | None = None) -> ModelFiles:
        """A version's files on this machine, each of which has the hash that its record says.

        Raises :class:`ModelNotFound`, and :class:`ModelDamaged` for a file that does not match.
        """
        record = self.record(name, version)
        return local_files(self.root, record, self._cache)

    def read(self, record: ModelRecord, file: str) -> bytes | None:
        """One file of a version, without the others; None where the version has no such file.

        Raises :class:`ModelDamaged` where it is not what the record says.
        """
        if file not in record.files:
            return None
        return read_checked(self.root / record.name / str(record.version) / file, record)

    def current(self, name: str) -> Pointer | None:
        """Which version is the current one; None where there is none yet."""
        self._seed(check_name(name))
        return self._pointer(name).pointer

    def publish(self, draft: ModelDraft, folder: Path) -> ModelRecord:
        """Keep the files in ``folder`` as the model's next version, which does not make it the current one.

        The files lie directly in ``folder``. A publisher that is killed leaves a number that nobody gets again, and no
        version. Raises :class:`WrongTask` where the model's current version is for something else.
        """
        name = check_name(draft.name)
        self._seed(name)
        if (pointer := self._pointer(name).pointer) and (task := self.record(name, pointer.version).task) != draft.task:
            raise WrongTask(
                f"{name}: {self.root} has a model of that name for {task}, and this one is for {draft.task}. "
                "Give this one another name, or move that one away"
            )
        storage.sweep(self.root / name)
        entries = {
            file.name: FileEntry(sha256=storage.content_hash(file), size=file.stat().st_size)
            for file in sorted(folder.iterdir())
        }
        target, version = self._next(name)
        record = ModelRecord(**draft.model_dump(), version=version, files=entries)
        for file in entries:
            storage.write_file(target / file, folder / file)
        storage.write_bytes(target / RECORD, record.model_dump_json(indent=2).encode())
        return record

    def promote(
        self, name: str, version: int, *, metric: str, value: float, rival: Callable[[int], float], why: str = ""
    ) -> Promotion:
        """Make a version the current one if it is at least as good as that one is on the same test data.

        ``value`` is the version's ``metric``; ``rival`` gives that of a version on the same data, and is asked for
        whichever is current, again if another became so meanwhile.
        """
        self.record(check_name(name), version)
        while True:
            found = self._pointer(name)
            current = found.pointer.version if found.pointer else None
            against = None if current in (None, version) else rival(current)
            outcome = Promotion(
                promoted=against is None or value >= against,
                version=version,
                previous=current,
                metric=metric,
                value=value,
                rival=against,
                why=why,
            )
            move = Move(
                version=version, at=now_in_utc(), how="promoted", why=why, metric=metric, value=value, rival=against
            )
            if not outcome.promoted or current == version or found.moved(move):
                return outcome

    def rollback(self, name: str, version: int | None = None, *, why: str = "") -> Pointer:
        """Make the version before the current one current again, or a given one. ``name`` may be ``posture/3``, too.

        Raises :class:`ModelNotFound` where there is no such version, or none before the current one.
        """
        name, version = parse_name(name, version)
        self._seed(name)
        while True:
            found = self._pointer(name)
            target = version or self._known(name, found.pointer).previous
            if target is None:
                raise ModelNotFound(
                    f"{name}: its current version is the first one, there is none to go back to. "
                    f"Name one with `sightline rollback-model {name}/VERSION`, of {self._listed(name)}"
                )
            self.record(name, target)
            if found.pointer and found.pointer.version == target:
                return found.pointer
            if moved := found.moved(Move(version=target, at=now_in_utc(), how="rolled back", why=why)):
                return moved

    def _numbers(self, name: str) -> list[int]:
        return sorted(int(each) for each in storage.folder_names(self.root / name) if is_version(each))

    def _versions(self, name: str) -> list[int]:
        return [number for number in self._numbers(name) if storage.exists(self.root / name / str(number) / RECORD)]

    def _next(self, name: str) -> tuple[Location, int]:
        version = max(self._numbers(name), default=0) + 1
        while not storage.create(self.root / name / str(version) / CLAIM, str(now_in_utc()).encode()):
            version += 1
        return self.root / name / str(version), version

    def _pointer(self, name: str) -> PointerFile:
        return PointerFile.read(self.root / name)

    def _seed(self, name: str) -> None:
        """Bring in the package's own version of a model that the registry has never had."""
        source = self._builtin / name
        absent = PointerFile(self.root / name)
        if not (source / RECORD).is_file() or storage.exists(absent.file):
            return
        if any(number != _BUILTIN for number in self._numbers(name)):
            return
        record = read_record(source / RECORD, name, _BUILTIN)
        target = self.root / name / str(_BUILTIN)
        try:
            if (
                not storage.create(target / CLAIM, _BUILTIN_CLAIM)
                and storage.read_bytes(target / CLAIM) != _BUILTIN_CLAIM
            ):
                return
            for file in record.files:
                storage.write_file(target / file, source / file)
            storage.write_bytes(target / RECORD, (source / RECORD).read_bytes())
            move = Move(version=_BUILTIN, at=now_in_utc(), how="seeded", why="the model that comes with sightline")
            absent.moved(move)
        except StorageError as error:
            raise StorageError(
                f"{self.root}: the {name} model that comes with sightline cannot be put there, which is done once "
                f"({error}). Let it be written to, or set MODEL_BUCKET to another place"
            ) from error

    def _known(self, name: str, pointer: Pointer | None) -> Pointer:
        if pointer:
            return pointer
        if versions := self._listed(name):
            raise ModelNotFound(
                f"{name}: none of its versions in {self.root} is the current one, there are {versions}. "
                f"Make one so with `sightline rollback-model {name}/VERSION`"
            )
        raise ModelNotFound(self._nowhere(name))

    def _listed(self, name: str) -> str:
        return ", ".join(map(str, self._versions(name)))

    def _nowhere(self, name: str) -> str:
        known = self.names()
        there = f"; there are {', '.join(known)}" if known else ""
        return (
            f"{name}: {self.root} has no such model{there}. "
            f"Train it with `sightline train-image-classifier {name} DATA`, DATA being a folder of labelled images"
        )
