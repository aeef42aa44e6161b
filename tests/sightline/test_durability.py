"""After a power failure, every file is complete, and what a writer reported as written exists."""

from __future__ import annotations

import errno
import os
import resource
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from sightline import atomic, documents, storage
from sightline.errors import StorageError

BEFORE, AFTER = b"the content before", b"the content after" * 1000


class Document(BaseModel):
    text: str


@dataclass
class Disk:
    """What a power failure leaves of a folder: synced names in synced folders, with the synced content.

    Every change of a name is checked when it happens, because the system may write it to the disk at any time.
    """

    root: Path
    names: dict[int, dict[str, int]] = field(default_factory=dict)
    """The entries of every synced folder: inodes by name."""
    contents: dict[int, bytes] = field(default_factory=dict)
    """The content of every synced file."""
    lock: threading.RLock = field(default_factory=threading.RLock)

    def synced(self, descriptor: int) -> None:
        with self.lock:
            status = os.fstat(descriptor)
            if stat.S_ISDIR(status.st_mode):
                self.names[status.st_ino] = {entry.name: entry.inode() for entry in os.scandir(descriptor)}
            else:
                self.contents[status.st_ino] = Path(f"/proc/self/fd/{descriptor}").read_bytes()

    def check_visible(self) -> None:
        with self.lock:
            for path in self.root.rglob("*"):
                if path.is_file() and not atomic.is_partial(path.name):
                    assert self.contents.get(path.stat().st_ino) == path.read_bytes(), f"{path} is not synced"

    def after_power_failure(self, path: Path) -> bytes | None:
        """Return the content that the file has after a power failure; None if it does not exist."""
        inode = self.root.stat().st_ino
        for part in path.relative_to(self.root).parts:
            inode = self.names.get(inode, {}).get(part, -1)
        return self.contents.get(inode)


@pytest.fixture
def disk(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    disk = Disk(tmp_path_factory.mktemp("disk"))
    fsync = os.fsync

    def synced(descriptor: int) -> None:
        fsync(descriptor)
        disk.synced(descriptor)

    def checked(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            with disk.lock:
                result = function(*arguments, **options)
                disk.check_visible()
            return result

        return call

    monkeypatch.setattr(os, "fsync", synced)
    for name in ("link", "replace", "rename", "unlink"):
        monkeypatch.setattr(os, name, checked(getattr(os, name)))
    yield disk
    disk.check_visible()


def write_bytes(path: Path, _: Path) -> bytes:
    storage.write_bytes(path, AFTER)
    return AFTER


def write_file(path: Path, elsewhere: Path) -> bytes:
    (elsewhere / "local").write_bytes(AFTER)
    storage.write_file(path, elsewhere / "local")
    return AFTER


def create(path: Path, _: Path) -> bytes:
    storage.remove(path)
    assert storage.create(path, AFTER)
    return AFTER


def swap(path: Path, _: Path) -> bytes:
    assert storage.swap(path, storage.read_bytes(path) if storage.exists(path) else None, AFTER)
    return AFTER


def move(path: Path, elsewhere: Path) -> bytes:
    """Move a file that another program has written, without a sync."""
    (elsewhere / "upload").write_bytes(AFTER)
    storage.move(elsewhere / "upload", path)
    return AFTER


def change(path: Path, _: Path) -> bytes:
    storage.remove(path)
    documents.change(path, Document, lambda _: Document(text="first"))
    return documents.to_json(documents.change(path, Document, lambda _: Document(text="second")))


WRITERS = [write_bytes, write_file, create, swap, move, change]


class TestPowerFailure:
    @pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.__name__)
    @pytest.mark.parametrize("key", ["x", "a/x", "a/b/c/x"])
    @pytest.mark.parametrize("replaces", [True, False], ids=["replacing", "new"])
    def test_written_file_exists_afterwards(
        self, disk: Disk, tmp_path: Path, writer: Callable[[Path, Path], bytes], key: str, replaces: bool
    ) -> None:
        if replaces:
            storage.write_bytes(disk.root / key, BEFORE)
        content = writer(disk.root / key, tmp_path)
        assert disk.after_power_failure(disk.root / key) == content

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        steps=st.lists(
            st.tuples(
                st.sampled_from([*WRITERS, "remove", "remove_folder"]), st.sampled_from(["x", "a/x", "a/y", "a/b/x"])
            ),
            max_size=12,
        )
    )
    def test_any_sequence_of_writes_and_removals_leaves_what_was_written_last(
        self, disk: Disk, tmp_path: Path, steps: list[tuple[Any, str]]
    ) -> None:
        storage.remove_folder(disk.root / "a")
        storage.remove(disk.root / "x")
        expected: dict[str, bytes] = {}
        for step, key in steps:
            if step == "remove":
                storage.remove(disk.root / key)
                expected.pop(key, None)
            elif step == "remove_folder":
                storage.remove_folder((disk.root / key).parent if "/" in key else disk.root / "nowhere")
                folder = key.rpartition("/")[0]
                expected = {k: v for k, v in expected.items() if not folder or not k.startswith(f"{folder}/")}
            else:
                expected[key] = step(disk.root / key, tmp_path)
            for written, content in expected.items():
                assert disk.after_power_failure(disk.root / written) == content

    def test_folder_that_another_process_has_just_created_is_synced_too(self, disk: Disk) -> None:
        (disk.root / "a" / "b").mkdir(parents=True)
        storage.write_bytes(disk.root / "a" / "b" / "x", AFTER)
        assert disk.after_power_failure(disk.root / "a" / "b" / "x") == AFTER

    def test_concurrent_writers_in_a_new_folder_do_not_rely_on_each_other(self, disk: Disk) -> None:
        start = threading.Barrier(8)

        def write(number: int) -> bytes | None:
            start.wait()
            path = disk.root / "new" / "folder" / str(number)
            storage.write_bytes(path, AFTER)
            return disk.after_power_failure(path)

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(write, range(8))) == [AFTER] * 8

    def test_unsynced_file_is_found_by_this_test(self, disk: Disk) -> None:
        (disk.root / "part").write_bytes(AFTER)
        with pytest.raises(AssertionError, match="not synced"):
            os.replace(disk.root / "part", disk.root / "x")  # noqa: PTH105
        (disk.root / "x").unlink()

    def test_failed_sync_is_an_error_and_leaves_no_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        storage.write_bytes(tmp_path / "x", BEFORE)

        def broken(_: int) -> None:
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(os, "fsync", broken)
        for writer in (write_bytes, write_file, swap, move):
            with pytest.raises(StorageError, match="Input/output error"):
                writer(tmp_path / "x", tmp_path)
            assert (tmp_path / "x").read_bytes() == BEFORE
        with pytest.raises(StorageError, match="Input/output error"):
            storage.create(tmp_path / "new", AFTER)
        assert not list(tmp_path.glob(".*.part"))
        assert not (tmp_path / "new").exists()

    def test_file_system_that_cannot_sync_folders_is_usable(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fsync = os.fsync

        def files_only(descriptor: int) -> None:
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, "Invalid argument")
            fsync(descriptor)

        monkeypatch.setattr(os, "fsync", files_only)
        storage.write_bytes(tmp_path / "new" / "x", AFTER)
        assert storage.read_bytes(tmp_path / "new" / "x") == AFTER

    def test_folder_above_that_cannot_be_read_does_not_matter(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = os.open

        def refused(path: Path, *arguments: Any) -> int:
            if path == tmp_path:
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return real(path, *arguments)

        monkeypatch.setattr(os, "open", refused)
        storage.write_bytes(tmp_path / "ours" / "x", AFTER)
        assert storage.read_bytes(tmp_path / "ours" / "x") == AFTER


@pytest.fixture
def limited() -> Iterator[int]:
    """The largest size of a file in this process; a larger one is an OSError, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    yield 4096
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    mounted = tmp_path / "small"
    mounted.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(mounted)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("only root can mount a file system")
    yield mounted
    subprocess.run(["umount", str(mounted)], check=True)


LARGE = bytes(1 << 20)


def fill_by_write_file(path: Path, elsewhere: Path) -> None:
    (elsewhere / "large").write_bytes(LARGE)
    storage.write_file(path, elsewhere / "large")


FILLERS: dict[str, Callable[[Path, Path], object]] = {
    "write_bytes": lambda path, _: storage.write_bytes(path, LARGE),
    "write_file": fill_by_write_file,
    "create": lambda path, _: storage.create(path.with_name("new"), LARGE),
    "swap": lambda path, _: storage.swap(path, BEFORE, LARGE),
    "change": lambda path, _: documents.change(
        path.with_name("new"), Document, lambda _: Document(text=LARGE.decode())
    ),
}


class TestFullDisk:
    @pytest.mark.parametrize("writer", FILLERS)
    def test_only_the_old_file_is_left(self, small_disk: Path, tmp_path: Path, writer: str) -> None:
        storage.write_bytes(small_disk / "x", BEFORE)
        with pytest.raises(StorageError, match=r"small/(x|new).*No space left") as caught:
            FILLERS[writer](small_disk / "x", tmp_path)
        assert isinstance(caught.value.__cause__, OSError)
        assert [path.name for path in small_disk.iterdir()] == ["x"]
        assert (small_disk / "x").read_bytes() == BEFORE
        # The space is free again.
        storage.write_bytes(small_disk / "y", bytes(100_000))

    def test_download_from_s3_leaves_no_partial_file(self, s3_bucket: storage.Location, small_disk: Path) -> None:
        storage.write_bytes(s3_bucket / "clip.mp4", LARGE)
        with pytest.raises(StorageError, match=r"clip\.mp4.*No space left"):
            storage.fetch(s3_bucket / "clip.mp4", small_disk)
        assert list(small_disk.iterdir()) == []

    def test_file_above_the_limit_of_the_process_leaves_only_the_old_file(self, tmp_path: Path, limited: int) -> None:
        storage.write_bytes(tmp_path / "x", BEFORE)
        for write in (
            lambda: storage.write_bytes(tmp_path / "x", bytes(limited + 1)),
            lambda: storage.swap(tmp_path / "x", BEFORE, bytes(limited + 1)),
            lambda: storage.create(tmp_path / "new", bytes(limited + 1)),
        ):
            with pytest.raises(StorageError, match=r"File too large"):
                write()
            assert [path.name for path in tmp_path.iterdir()] == ["x"]
            assert (tmp_path / "x").read_bytes() == BEFORE
