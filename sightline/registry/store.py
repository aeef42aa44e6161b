"""Versioned models in a folder or a bucket: ``{root}/{name}/{version}/`` with ``record.json``, ``{name}/current.json``.

A version exists once its record exists; the record is written last and never changes. The pointer moves by
compare-and-swap: of two concurrent promotions neither is lost, and the worse model does not replace the better one.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from sightline import storage
from sightline.clock import now_in_utc
from sightline.errors import InvalidModelName, StorageError
from sightline.names import ModelName
from sightline.registry.cache import ModelFiles, default_cache, local_files, read_checked
from sightline.registry.errors import ModelNotFound, WrongTask
from sightline.registry.pointer import Move, Pointer, PointerFile, Promotion
from sightline.registry.record import CLAIM, RECORD, FileEntry, ModelDraft, ModelRecord, read_record
from sightline.storage import Location

__all__ = ["Registry"]

_BUILTIN, _BUILTIN_CLAIM = 1, b"built in"  # the version of every built-in model, whichever process copies it


class Registry:
    """The models under ``root``. Every method takes a model as a :class:`ModelName` or as its text, ``posture/3``.

    ``cache`` is the local folder for files from a bucket, by default ``$XDG_CACHE_HOME/sightline/models``.
    ``builtin`` is a folder of models that are copied into a registry without them, by default those of the package.
    Every method raises ``InvalidModelName`` for a name that no model of a registry can have.
    """

    def __init__(self, root: Location, *, cache: Path | None = None, builtin: Path | None = None) -> None:
        self.root = root
        self._cache = cache or default_cache()
        self._builtin = builtin or Path(str(files("sightline.registry") / "builtin"))

    def names(self) -> list[str]:
        """Return the models that have a version, and the built-in ones."""
        published = {
            name for name in storage.folder_names(self.root) if ModelName.is_valid(name) and self._versions(name)
        }
        builtin = {name for name in storage.folder_names(self._builtin) if (self._builtin / name / RECORD).is_file()}
        return sorted(published | builtin)

    def versions(self, model: ModelName | str) -> list[int]:
        """Return the versions of a model, ascending; none if there is no such model."""
        name = _unversioned(model)
        self._seed(name)
        return self._versions(name)

    def record(self, model: ModelName | str, version: int | None = None) -> ModelRecord:
        """Return the record of a version, by default of the current one.

        Raises :class:`ModelNotFound`, and :class:`ModelDamaged` if the file is not the record of that version.
        """
        wanted = _in_registry(model, version)
        name = wanted.name
        self._seed(name)
        number = wanted.version or self._require_pointer(name, self._pointer(name).pointer).version
        try:
            return read_record(self.root / name / str(number) / RECORD, name, number)
        except FileNotFoundError as error:
            existing = self._listed(name)
            raise ModelNotFound(
                f"{name}/{number}: {self.root} has no such version of {name}; there are {existing}"
                if existing
                else self._no_such_model(name)
            ) from error

    def open(self, model: ModelName | str, version: int | None = None) -> ModelFiles:
        """Return a version's files on this machine, each with the hash that the record states.

        Raises :class:`ModelNotFound`, and :class:`ModelDamaged` for a file that does not match.
        """
        return local_files(self.root, self.record(model, version), self._cache)

    def read(self, record: ModelRecord, file: str) -> bytes | None:
        """Return the content of one file of a version; None if the version has no such file.

        Raises :class:`ModelDamaged` if it does not match the record.
        """
        if file not in record.files:
            return None
        return read_checked(self.root / record.name / str(record.version) / file, record)

    def current(self, model: ModelName | str) -> Pointer | None:
        """Return the pointer to the current version; None if there is none yet."""
        name = _unversioned(model)
        self._seed(name)
        return self._pointer(name).pointer

    def publish(self, draft: ModelDraft, folder: Path) -> ModelRecord:
        """Store the files directly in ``folder`` as the model's next version, without making it the current one.

        A publisher that is killed leaves a number that is never used again, and no version. Raises :class:`WrongTask`
        if the model's current version is for another task.
        """
        name = _unversioned(draft.name)
        if ModelName(name).is_of_patient and "patient" not in draft.architecture:
            raise InvalidModelName(f"{name}: is the name of a patient's model. Give this one another name")
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
        target, version = self._claim_next(name)
        record = ModelRecord(**draft.model_dump(), version=version, files=entries)
        for file in entries:
            storage.write_file(target / file, folder / file)
        storage.write_bytes(target / RECORD, record.model_dump_json(indent=2).encode())
        return record

    def promote(
        self,
        model: ModelName | str,
        version: int,
        *,
        metric: str,
        value: float,
        measure_current: Callable[[int], float],
        why: str = "",
    ) -> Promotion:
        """Make a version the current one if it is at least as good as the current one on the same test data.

        ``value`` is the version's ``metric``. ``measure_current`` returns the metric of a version on the same data.
        It is called for the current version, and again if another version has become current in the meantime.
        """
        name = _unversioned(model)
        self.record(name, version)
        while True:
            file = self._pointer(name)
            current = file.pointer.version if file.pointer else None
            current_value = None if current in (None, version) else measure_current(current)
            outcome = Promotion(
                promoted=current_value is None or value >= current_value,
                version=version,
                previous=current,
                metric=metric,
                value=value,
                current_value=current_value,
                why=why,
            )
            move = Move(
                version=version,
                at=now_in_utc(),
                how="promoted",
                why=why,
                metric=metric,
                value=value,
                current_value=current_value,
            )
            if not outcome.promoted or current == version or file.moved(move):
                return outcome

    def rollback(self, model: ModelName | str, version: int | None = None, *, why: str = "") -> Pointer:
        """Make a version current again, by default the one before the current one; return the pointer.

        Raises :class:`ModelNotFound` if there is no such version, or none before the current one.
        """
        wanted = _in_registry(model, version)
        name = wanted.name
        self._seed(name)
        while True:
            file = self._pointer(name)
            target = wanted.version or self._require_pointer(name, file.pointer).previous
            if target is None:
                raise ModelNotFound(
                    f"{name}: its current version is the first one, so there is no earlier one. "
                    f"Choose one with `sightline rollback-model {name}/VERSION`, of {self._listed(name)}"
                )
            self.record(name, target)
            if file.pointer and file.pointer.version == target:
                return file.pointer
            if moved := file.moved(Move(version=target, at=now_in_utc(), how="rolled back", why=why)):
                return moved

    def _numbers(self, name: str) -> list[int]:
        return sorted(int(folder) for folder in storage.folder_names(self.root / name) if ModelName.is_version(folder))

    def _versions(self, name: str) -> list[int]:
        return [number for number in self._numbers(name) if storage.exists(self.root / name / str(number) / RECORD)]

    def _claim_next(self, name: str) -> tuple[Location, int]:
        version = max(self._numbers(name), default=0) + 1
        while not storage.create(self.root / name / str(version) / CLAIM, str(now_in_utc()).encode()):
            version += 1
        return self.root / name / str(version), version

    def _pointer(self, name: str) -> PointerFile:
        return PointerFile.read(self.root / name)

    def _seed(self, name: str) -> None:
        """Copy the built-in version of a model into a registry that has never had the model."""
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
                f"{self.root}: the {name} model that comes with sightline cannot be copied there, which is necessary "
                f"once ({error}). Make the location writable, or set MODEL_BUCKET to another one"
            ) from error

    def _require_pointer(self, name: str, pointer: Pointer | None) -> Pointer:
        if pointer:
            return pointer
        if versions := self._listed(name):
            raise ModelNotFound(
                f"{name}: none of its versions in {self.root} is the current one, there are {versions}. "
                f"Make one current with `sightline rollback-model {name}/VERSION`"
            )
        raise ModelNotFound(self._no_such_model(name))

    def _listed(self, name: str) -> str:
        return ", ".join(map(str, self._versions(name)))

    def _no_such_model(self, name: str) -> str:
        known = self.names()
        existing = f"; there are {', '.join(known)}" if known else ""
        return (
            f"{name}: {self.root} has no such model{existing}. "
            f"Train it with `sightline train-image-classifier {name} DATA`, DATA being a folder of labelled images"
        )


def _in_registry(model: ModelName | str, version: int | None = None) -> ModelName:
    parsed = ModelName.of(model, version)
    if parsed.is_endpoint:
        raise InvalidModelName(f"{parsed.label}: is an endpoint, not a model of the registry. Give a name like posture")
    return parsed


def _unversioned(model: ModelName | str) -> str:
    parsed = _in_registry(model)
    if parsed.version is not None:
        raise InvalidModelName(f"{parsed.label}: names a version. Give the model's name alone, as in {parsed.name}")
    return parsed.name
