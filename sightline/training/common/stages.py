"""Stages that depend on each other, each run again only where its inputs, parameters or code changed.

What a stage made is kept under ``{root}/{stage}/{key}/``; the key is a hash of its parameters, of the source of its
modules, and of what its inputs *contain*: a stage that runs again and makes the same leaves those after it as they
are. On S3 any machine finds what another has made. ``stage.json`` comes last: without it nothing has been made. The
root can be removed at any time; everything is made again then.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from sightline import storage
from sightline.errors import StorageError
from sightline.progress import Progress
from sightline.registry import FileEntry
from sightline.registry.cache import default_cache
from sightline.storage import Location

__all__ = ["Stage", "StageGraph", "StageRecord", "StageRun", "StageState", "Work"]

_RECORD, _LATEST = "stage.json", "latest.json"
_FILES_AT_ONCE = 8  # most of writing to a bucket is waiting
_TRIES = 3

Work = Callable[[Mapping[str, Path], Path, Progress], None]
"""Makes a stage's files: gets the folders of the stages it depends on, by name, an empty folder, and whom to tell."""


@dataclass(frozen=True)
class Stage:
    """One step. ``inputs``: the stages and data sets it depends on. ``code``: the modules whose source counts.

    ``libraries``: distributions whose version counts as code. ``parameters`` are of the kinds that JSON has.
    """

    name: str
    work: Work
    inputs: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    code: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()


class StageRecord(BaseModel):
    """``stage.json``: what a stage was made of, and the files that it made, which lie in ``folder`` beside it.

    ``inputs``: a hash of the contents of each. ``code``: the hash of each module's source, and libraries' versions.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    stage: str
    key: str
    inputs: dict[str, str]
    parameters: dict[str, Any]
    code: dict[str, str]
    folder: str
    files: dict[str, FileEntry]
    finished: AwareDatetime
    seconds: float

    @property
    def contents(self) -> str:
        """A hash of the files' names and contents."""
        lines = (f"{entry.sha256} {name}\n" for name, entry in sorted(self.files.items()))
        return hashlib.sha256("".join(lines).encode()).hexdigest()


class StageState(BaseModel):
    """Whether a stage's files are there, and are what a run would make; ``why`` says it for a person.

    ``key`` is None as long as the contents of its inputs are not known.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    fresh: bool
    why: str
    key: str | None
    inputs: tuple[str, ...]


class StageRun(BaseModel):
    """A stage that is done. ``ran``: whether this call did it; ``why``: why, or why not."""

    model_config = ConfigDict(frozen=True)

    ran: bool
    why: str
    record: StageRecord


class _Wanted(BaseModel):
    """What a stage would be made of now, which is what its key is a hash of."""

    stage: str
    inputs: dict[str, str]
    parameters: dict[str, Any]
    code: dict[str, str]

    @property
    def key(self) -> str:
        text = json.dumps(self.model_dump(), sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class _Found:
    """A stage as it stands. ``content``: that of its ``stage.json``, damaged or not, None where there is none."""

    wanted: _Wanted | None
    why: str
    content: bytes | None = None
    record: StageRecord | None = None


class _DamagedFile(Exception):
    """A file that is not what the stage's record says."""


class StageGraph:
    """Stages in an order in which each comes after its inputs, with what they made under ``root``.

    ``data``: the version of each data set; None where it is not known. ``cache``: where files of a bucket are kept on
    this machine. Any number of processes may run the same stages: each works in a folder of its own, and the first to
    be done is the one that counts. Raises ValueError for stages that are not in such an order.
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
        """Every stage, in order: whether it is fresh, and why. Nothing is run."""
        found: dict[str, _Found] = {}
        for name in self.stages:
            found[name] = self._look(name, found)
        return [
            StageState(
                name=name,
                fresh=each.record is not None,
                why=each.why,
                key=each.wanted.key if each.wanted else None,
                inputs=self.stages[name].inputs,
            )
            for name, each in found.items()
        ]

    def run(self, name: str, progress: Progress | None = None) -> StageRun:
        """Run a stage, after those that it depends on, unless it is fresh.

        Raises what the stage raises; it has left nothing then. A file of an input that turns out to be damaged has
        that stage run again.
        """
        found = self._found(name)
        if found.record:
            return StageRun(ran=False, why=found.why, record=found.record)
        return self._run(name, found.why, progress)

    def folder(self, name: str) -> Path:
        """The stage's files on this machine, each of which has the hash that the record says. Runs it where needed."""
        for _ in range(_TRIES):
            record = self.run(name).record
            try:
                return self._fetched(record)
            except _DamagedFile as damaged:
                self._run(name, str(damaged), None)
        raise StorageError(f"{self.root / name}: its files are damaged as often as they are made. Look at the storage")

    def mermaid(self) -> str:
        """The graph as a Mermaid flowchart."""
        places = {name: f"n{number}" for number, name in enumerate((*self.data, *self.stages), start=1)}
        states = {state.name: state for state in self.plan()}
        lines = ["flowchart TD"]
        lines += [f'    {places[name]}[("{name}")]' for name in self.data]
        lines += [
            f'    {places[name]}["{name}"]:::{"fresh" if state.fresh else "stale"}' for name, state in states.items()
        ]
        lines += [f"    {places[source]} --> {places[name]}" for name in states for source in states[name].inputs]
        lines += [
            "    classDef fresh fill:#d6f5e3,stroke:#1f7a4d,color:#000",
            "    classDef stale fill:#fff6e5,stroke:#b45309,color:#000,stroke-dasharray:4",
        ]
        return "\n".join(lines)

    def _found(self, name: str) -> _Found:
        found: dict[str, _Found] = {}
        for each in self._before(name):
            found[each] = self._look(each, found)
        return self._look(name, found)

    def _before(self, name: str) -> list[str]:
        """The stages that it depends on, directly and through others, in order."""
        needed = {name}
        for each in reversed(self.stages):
            if each in needed:
                needed.update(self.stages[each].inputs)
        return [each for each in self.stages if each in needed and each != name]

    def _look(self, name: str, before: Mapping[str, _Found]) -> _Found:
        stage = self.stages[name]
        if unknown := [each for each in stage.inputs if each in self.data and self.data[each] is None]:
            return _Found(None, f"needs {unknown[0]}, and no data is named")
        if missing := [each for each in stage.inputs if each in before and before[each].record is None]:
            return _Found(None, f"waits for {', '.join(missing)}")
        wanted = _Wanted(
            stage=name,
            inputs={each: self._contents(each, before) for each in stage.inputs},
            parameters=json.loads(json.dumps(dict(stage.parameters), allow_nan=False)),
            code=_code_of(stage),
        )
        file = self.root / name / wanted.key / _RECORD
        try:
            content = storage.read_bytes(file)
        except FileNotFoundError:
            return _Found(wanted, _changes(wanted, self._latest(name)))
        try:
            record = StageRecord.model_validate_json(content)
        except ValidationError:
            return _Found(wanted, f"{_RECORD} is damaged", content)
        problem = self._problem(record)
        return _Found(wanted, problem or "nothing has changed", content, None if problem else record)

    def _contents(self, name: str, before: Mapping[str, _Found]) -> str:
        if name in self.data:
            return str(self.data[name])
        record = before[name].record
        assert record is not None  # noqa: S101, those that are not done were waited for
        return record.contents

    def _latest(self, name: str) -> StageRecord | None:
        """How the stage was last run, to say what has changed since."""
        with suppress(FileNotFoundError, ValidationError):
            return StageRecord.model_validate_json(storage.read_bytes(self.root / name / _LATEST))
        return None

    def _problem(self, record: StageRecord) -> str:
        """What is wrong with the files; in a bucket, as far as sizes tell: hashes are checked when they are read."""
        folder = self._place(record)
        if isinstance(folder, Path):
            wrong = (name for name, entry in record.files.items() if not _matches(folder / name, entry))
        else:
            sizes = {storage.key_under(file.location, folder): file.size for file in storage.walk(folder)}
            wrong = (name for name, entry in record.files.items() if sizes.get(name) != entry.size)
        first = next(wrong, None)
        return "" if first is None else f"{first} is missing or damaged"

    def _place(self, record: StageRecord) -> Location:
        return self.root / record.stage / record.key / record.folder

    def _run(self, name: str, why: str, progress: Progress | None) -> StageRun:
        stage = self.stages[name]
        inputs = {each: self.folder(each) for each in stage.inputs if each in self.stages}
        found = self._found(name)
        if found.wanted is None:
            raise StorageError(f"{self.root / name}: {found.why}, though that was done just before. Run it again")
        started = time.monotonic()
        with TemporaryDirectory(prefix="sightline-", ignore_cleanup_errors=True) as made:
            stage.work(inputs, Path(made), progress or _untold)
            record = self._keep(found.wanted, Path(made), time.monotonic() - started)
        content = record.model_dump_json(indent=2).encode()
        file = self.root / name / record.key / _RECORD
        if not storage.swap(file, found.content, content):
            # Another machine was faster, or this request is a repetition of one that had succeeded.
            theirs = StageRecord.model_validate_json(storage.read_bytes(file))
            if theirs != record:
                storage.remove_folder(self._place(record))
                return StageRun(ran=True, why=why, record=theirs)
        storage.write_bytes(self.root / name / _LATEST, content)
        return StageRun(ran=True, why=why, record=record)

    def _keep(self, wanted: _Wanted, made: Path, seconds: float) -> StageRecord:
        files = {
            path.relative_to(made).as_posix(): FileEntry(sha256=storage.content_hash(path), size=path.stat().st_size)
            for path in sorted(made.rglob("*"))
            if path.is_file()
        }
        record = StageRecord(
            **wanted.model_dump(),
            key=wanted.key,
            folder=uuid.uuid4().hex,
            files=files,
            finished=datetime.now(UTC),
            seconds=seconds,
        )
        target = self._place(record)
        _each(lambda name: storage.write_file(target / name, made / name), files)
        return record

    def _fetched(self, record: StageRecord) -> Path:
        """The stage's folder on this machine. Raises ``_DamagedFile``."""
        source = self._place(record)
        if isinstance(source, Path):
            folder = source
        else:
            of_root = hashlib.sha256(storage.uri_of(self.root).encode()).hexdigest()[:16]
            folder = self._cache / of_root / record.stage / record.key / record.folder
            storage.sweep(folder)
            _each(lambda name: _fetch(source / name, folder / name, record.files[name]), record.files)
        for name, entry in record.files.items():
            if not _matches(folder / name, entry):
                raise _DamagedFile(f"{name} is missing or damaged")
        return folder


def _untold(share: float) -> None:
    """Told of progress by those whom nobody listens to."""


def _each(action: Callable[[str], None], names: Iterable[str]) -> None:
    with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
        for _ in pool.map(action, names):
            pass


def _fetch(source: Location, target: Path, entry: FileEntry) -> None:
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
    # Without the build of a library, "+cpu" say, which differs from machine to machine.
    libraries = {name: version(name).partition("+")[0] for name in stage.libraries}
    return {module: _source_hash(module) for module in stage.code} | libraries


def _source_hash(module: str) -> str:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ValueError(f"{module} is no module with a source file")
    return storage.content_hash(Path(spec.origin))


def _changes(wanted: _Wanted, last: StageRecord | None) -> str:
    """What is not as it was when the stage was last run."""
    if last is None:
        return "has not been run"
    told = [
        f"{name} {_text(last.parameters.get(name))} → {_text(wanted.parameters.get(name))}"
        for name in sorted(wanted.parameters.keys() | last.parameters.keys())
        if last.parameters.get(name) != wanted.parameters.get(name)
    ]
    parts = [f"parameters changed: {', '.join(told)}"] if told else []
    if code := sorted(
        name for name in wanted.code.keys() | last.code.keys() if wanted.code.get(name) != last.code.get(name)
    ):
        parts.append(f"code changed: {', '.join(code)}")
    if inputs := sorted(
        name for name in wanted.inputs.keys() | last.inputs.keys() if wanted.inputs.get(name) != last.inputs.get(name)
    ):
        parts.append(f"inputs changed: {', '.join(inputs)}")
    return "; ".join(parts) or "its files are no longer there"


def _text(value: Any) -> str:
    return "none" if value is None else str(value)
