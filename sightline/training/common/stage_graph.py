"""Stages that depend on each other; a stage runs again only if its inputs, parameters or code changed.

The files of a stage are stored under ``{root}/{stage}/{key}/``. The key is a hash of its parameters, of the source of
its modules, and of the *contents* of its inputs: if a stage runs again with the same result, the stages after it stay
fresh. On S3 all machines share the results. ``stage.json`` is written last: a stage without it is unfinished. The root
can be deleted at any time; the stages then run again.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import BaseModel, ValidationError

from sightline import storage
from sightline.errors import StorageError
from sightline.progress import Progress
from sightline.registry import FileEntry
from sightline.registry.cache import default_cache
from sightline.storage import Location
from sightline.training.common.stages import Stage, StageRecord, StageRun, StageState

__all__ = ["StageGraph"]

_RECORD, _LATEST = "stage.json", "latest.json"
_THREADS = 8  # writing to a bucket is mostly waiting
_MAX_ATTEMPTS = 3


class _Definition(BaseModel):
    """The current inputs, parameters and code of a stage; the key is their hash."""

    stage: str
    inputs: dict[str, str]
    parameters: dict[str, Any]
    code: dict[str, str]

    @property
    def key(self) -> str:
        text = json.dumps(self.model_dump(), sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class _Status:
    """The status of a stage. ``content``: its ``stage.json``, damaged or not, None if there is none."""

    definition: _Definition | None
    why: str
    content: bytes | None = None
    record: StageRecord | None = None


class _DamagedFile(Exception):
    """A file that differs from the stage's record."""


class StageGraph:
    """Stages in topological order, with their files under ``root``.

    ``data``: the version of every data set; None if it is unknown. ``cache``: the local folder for files of a bucket.
    Any number of processes may run the same stage: every process writes into a separate folder, and the first one to
    finish wins. Raises ``ValueError`` for a stage that precedes one of its inputs.
    """

    def __init__(
        self, stages: Sequence[Stage], data: Mapping[str, str | None], root: Location, *, cache: Path | None = None
    ) -> None:
        self.stages = {stage.name: stage for stage in stages}
        self.data = dict(data)
        self.root = root
        self._cache = cache or default_cache().with_name("stages")
        known = set(data)
        for stage in stages:
            if unknown := [name for name in stage.inputs if name not in known]:
                raise ValueError(f"{stage.name} depends on {', '.join(unknown)}, which does not come before it")
            known.add(stage.name)

    def plan(self) -> list[StageState]:
        """Return the state of every stage, in order, without running anything."""
        statuses: dict[str, _Status] = {}
        for name in self.stages:
            statuses[name] = self._inspect(name, statuses)
        return [
            StageState(
                name=name,
                fresh=status.record is not None,
                why=status.why,
                key=status.definition.key if status.definition else None,
                inputs=self.stages[name].inputs,
            )
            for name, status in statuses.items()
        ]

    def run(self, name: str, progress: Progress | None = None) -> StageRun:
        """Run a stage after its inputs, unless it is fresh.

        An input stage with a damaged file runs again. Raises the errors of the stage, which then leaves no files.
        """
        status = self._status(name)
        if status.record:
            return StageRun(ran=False, why=status.why, record=status.record)
        return self._run(name, status.why, progress)

    def folder(self, name: str) -> Path:
        """Return the local folder of the stage's files, whose hashes were verified. Run the stage if needed."""
        for _ in range(_MAX_ATTEMPTS):
            record = self.run(name).record
            try:
                return self._fetch(record)
            except _DamagedFile as damaged:
                self._run(name, str(damaged), None)
        raise StorageError(
            f"{self.root / name}: its files were damaged after every one of {_MAX_ATTEMPTS} runs. Check the storage"
        )

    def mermaid(self) -> str:
        """Return the graph as a Mermaid flowchart."""
        nodes = {name: f"n{number}" for number, name in enumerate((*self.data, *self.stages), start=1)}
        states = {state.name: state for state in self.plan()}
        lines = ["flowchart TD"]
        lines += [f'    {nodes[name]}[("{name}")]' for name in self.data]
        lines += [
            f'    {nodes[name]}["{name}"]:::{"fresh" if state.fresh else "stale"}' for name, state in states.items()
        ]
        lines += [f"    {nodes[source]} --> {nodes[name]}" for name in states for source in states[name].inputs]
        lines += [
            "    classDef fresh fill:#d6f5e3,stroke:#1f7a4d,color:#000",
            "    classDef stale fill:#fff6e5,stroke:#b45309,color:#000,stroke-dasharray:4",
        ]
        return "\n".join(lines)

    def _status(self, name: str) -> _Status:
        statuses: dict[str, _Status] = {}
        for dependency in self._dependencies(name):
            statuses[dependency] = self._inspect(dependency, statuses)
        return self._inspect(name, statuses)

    def _dependencies(self, name: str) -> list[str]:
        """Return the stages that a stage depends on, directly and indirectly, in order."""
        needed = {name}
        for stage in reversed(self.stages):
            if stage in needed:
                needed.update(self.stages[stage].inputs)
        return [stage for stage in self.stages if stage in needed and stage != name]

    def _inspect(self, name: str, before: Mapping[str, _Status]) -> _Status:
        stage = self.stages[name]
        if unknown := [source for source in stage.inputs if source in self.data and self.data[source] is None]:
            return _Status(None, f"needs {unknown[0]}, and no data is named")
        if missing := [source for source in stage.inputs if source in before and before[source].record is None]:
            return _Status(None, f"waits for {', '.join(missing)}")
        definition = _Definition(
            stage=name,
            inputs={source: self._contents(source, before) for source in stage.inputs},
            parameters=json.loads(json.dumps(dict(stage.parameters), allow_nan=False)),
            code=_code_of(stage),
        )
        file = self.root / name / definition.key / _RECORD
        try:
            content = storage.read_bytes(file)
        except FileNotFoundError:
            return _Status(definition, _changes(definition, self._latest(name)))
        try:
            record = StageRecord.model_validate_json(content)
        except ValidationError:
            return _Status(definition, f"{_RECORD} is damaged", content)
        problem = self._problem(record)
        return _Status(definition, problem or "nothing has changed", content, None if problem else record)

    def _contents(self, name: str, before: Mapping[str, _Status]) -> str:
        if name in self.data:
            return str(self.data[name])
        record = before[name].record
        assert record is not None  # noqa: S101, _inspect has returned for inputs that are not finished
        return record.contents

    def _latest(self, name: str) -> StageRecord | None:
        """Return the record of the stage's last run, to report what has changed since."""
        with suppress(FileNotFoundError, ValidationError):
            return StageRecord.model_validate_json(storage.read_bytes(self.root / name / _LATEST))
        return None

    def _problem(self, record: StageRecord) -> str:
        """Return the first problem of the files; in a bucket only sizes count, hashes are verified on reading."""
        folder = self._folder(record)
        if isinstance(folder, Path):
            wrong = (name for name, entry in record.files.items() if not _matches(folder / name, entry))
        else:
            sizes = {storage.key_under(file.location, folder): file.size for file in storage.walk(folder)}
            wrong = (name for name, entry in record.files.items() if sizes.get(name) != entry.size)
        first = next(wrong, None)
        return "" if first is None else f"{first} is missing or damaged"

    def _folder(self, record: StageRecord) -> Location:
        return self.root / record.stage / record.key / record.folder

    def _run(self, name: str, why: str, progress: Progress | None) -> StageRun:
        stage = self.stages[name]
        inputs = {source: self.folder(source) for source in stage.inputs if source in self.stages}
        status = self._status(name)
        if status.definition is None:
            raise StorageError(f"{self.root / name}: {status.why}, although it was finished just before. Run it again")
        started = time.monotonic()
        with TemporaryDirectory(prefix="sightline-", ignore_cleanup_errors=True) as folder:
            stage.work(inputs, Path(folder), progress or _ignore_progress)
            record = self._store(status.definition, Path(folder), time.monotonic() - started)
        content = record.model_dump_json(indent=2).encode()
        file = self.root / name / record.key / _RECORD
        if not storage.swap(file, status.content, content):
            # Another process was faster, or this request repeats one that had succeeded.
            stored = StageRecord.model_validate_json(storage.read_bytes(file))
            if stored != record:
                storage.remove_folder(self._folder(record))
                return StageRun(ran=True, why=why, record=stored)
        storage.write_bytes(self.root / name / _LATEST, content)
        return StageRun(ran=True, why=why, record=record)

    def _store(self, definition: _Definition, folder: Path, seconds: float) -> StageRecord:
        files = {
            path.relative_to(folder).as_posix(): FileEntry(sha256=storage.content_hash(path), size=path.stat().st_size)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        record = StageRecord(
            **definition.model_dump(),
            key=definition.key,
            folder=uuid.uuid4().hex,
            files=files,
            finished=datetime.now(UTC),
            seconds=seconds,
        )
        target = self._folder(record)
        _in_parallel(lambda name: storage.write_file(target / name, folder / name), files)
        return record

    def _fetch(self, record: StageRecord) -> Path:
        """Return the local folder of the stage, downloaded if needed. Raises ``_DamagedFile``."""
        source = self._folder(record)
        if isinstance(source, Path):
            folder = source
        else:
            root_hash = hashlib.sha256(storage.uri_of(self.root).encode()).hexdigest()[:16]
            folder = self._cache / root_hash / record.stage / record.key / record.folder
            storage.sweep(folder)
            _in_parallel(lambda name: _fetch_file(source / name, folder / name, record.files[name]), record.files)
        for name, entry in record.files.items():
            if not _matches(folder / name, entry):
                raise _DamagedFile(f"{name} is missing or damaged")
        return folder


def _ignore_progress(share: float) -> None:
    """Discard the progress."""


def _in_parallel(action: Callable[[str], None], names: Iterable[str]) -> None:
    with ThreadPoolExecutor(_THREADS) as pool:
        for _ in pool.map(action, names):
            pass


def _fetch_file(source: Location, target: Path, entry: FileEntry) -> None:
    if _matches(target, entry):
        return
    try:
        data = storage.read_bytes(source)
    except FileNotFoundError as error:
        raise _DamagedFile(f"{source.name} is missing") from error
    if hashlib.sha256(data).hexdigest() != entry.sha256:
        raise _DamagedFile(f"{source.name} is damaged")
    storage.write_bytes(target, data)


def _matches(file: Path, entry: FileEntry) -> bool:
    try:
        return file.stat().st_size == entry.size and storage.content_hash(file) == entry.sha256
    except (FileNotFoundError, NotADirectoryError):
        return False


def _code_of(stage: Stage) -> dict[str, str]:
    # Without the build of a library, such as "+cpu", which differs between machines.
    libraries = {name: version(name).partition("+")[0] for name in stage.libraries}
    return {module: _source_hash(module) for module in stage.code} | libraries


def _source_hash(module: str) -> str:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ValueError(f"{module} is not a module with a source file")
    return storage.content_hash(Path(spec.origin))


def _changes(definition: _Definition, last: StageRecord | None) -> str:
    """Describe what has changed since the stage was last run."""
    if last is None:
        return "has not been run"
    parameters = [
        f"{name} {_text(last.parameters.get(name))} → {_text(definition.parameters.get(name))}"
        for name in sorted(definition.parameters.keys() | last.parameters.keys())
        if last.parameters.get(name) != definition.parameters.get(name)
    ]
    parts = [f"parameters changed: {', '.join(parameters)}"] if parameters else []
    if code := sorted(
        name for name in definition.code.keys() | last.code.keys() if definition.code.get(name) != last.code.get(name)
    ):
        parts.append(f"code changed: {', '.join(code)}")
    if inputs := sorted(
        name
        for name in definition.inputs.keys() | last.inputs.keys()
        if definition.inputs.get(name) != last.inputs.get(name)
    ):
        parts.append(f"inputs changed: {', '.join(inputs)}")
    return "; ".join(parts) or "its files were removed"


def _text(value: Any) -> str:
    return "none" if value is None else str(value)
