"""A folder and an S3 bucket behave alike, and neither ever shows a partial file."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from cloudpathlib import S3Client, S3Path
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sightline import storage
from sightline.errors import StorageError, TooLarge
from sightline.storage import Location

KEYS = ["plain.json", "José é/clip one.mp4", "a b/c+d & e?f#g%20h.txt", "日本/動画.mov", "quote'\"s/[1]*.csv"]

PART = st.text("a-.0é", min_size=1, max_size=3).filter(lambda part: part.strip("."))  # of a key


def everything(root: Location) -> list[str]:
    """Return the keys of all files in a bucket, partial ones included."""
    if isinstance(root, Path):
        return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    listed = root.client.client.list_objects_v2(Bucket=root.bucket)
    return sorted(item["Key"] for item in listed.get("Contents", ()))


class TestLocations:
    def test_path_and_file_uri_are_one_location(self, tmp_path: Path) -> None:
        path = tmp_path / "José 1.mp4"
        assert storage.locate(str(path)) == path
        assert storage.locate(path.as_uri()) == path

    def test_tilde_is_the_home_folder(self) -> None:
        assert storage.locate("~/videos") == Path.home() / "videos"

    def test_s3_uri_keeps_its_bucket_and_key(self, s3_bucket: Location) -> None:
        location = storage.locate(f"{s3_bucket}/ana/clip one.mp4")
        assert storage.uri_of(location) == f"{s3_bucket}/ana/clip one.mp4"
        assert storage.locate(location) is location

    def test_trailing_slash_is_ignored(self, s3_bucket: Location) -> None:
        assert storage.locate(f"{s3_bucket}/") == s3_bucket

    def test_uri_of_a_relative_path_is_absolute(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert storage.uri_of(storage.locate("data/clip.mp4")) == str(tmp_path / "data" / "clip.mp4")

    @pytest.mark.parametrize("uri", ["gs://bucket/key", "https://example.org/clip.mp4", "s3://", "s3:/bucket/key"])
    def test_invalid_uri_is_rejected_with_the_fix(self, uri: str) -> None:
        with pytest.raises(StorageError, match="s3://") as caught:
            storage.locate(uri)
        assert uri in str(caught.value)

    @pytest.mark.parametrize("key", KEYS)
    def test_key_is_relative_to_its_bucket(self, bucket: Location, key: str) -> None:
        assert storage.key_under(bucket / key, bucket) == key

    def test_location_outside_the_bucket_has_no_key(self, tmp_path: Path, s3_bucket: Location) -> None:
        assert storage.key_under(tmp_path / "a", tmp_path / "b") is None
        assert storage.key_under(tmp_path, tmp_path) is None
        assert storage.key_under(s3_bucket, s3_bucket) is None
        assert storage.key_under(tmp_path / "a", s3_bucket) is None
        assert storage.key_under(storage.locate(f"{s3_bucket}-other/a"), s3_bucket) is None

    def test_links_into_and_out_of_the_bucket_have_a_key(self, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "raw.mp4").write_bytes(b"")
        (tmp_path / "bucket" / "ana").mkdir(parents=True)
        (tmp_path / "bucket" / "ana" / "clip.mp4").symlink_to(tmp_path / "elsewhere" / "raw.mp4")
        (tmp_path / "alias").symlink_to(tmp_path / "bucket")
        for bucket in ("bucket", "alias"):
            for root in ("bucket", "alias"):
                (tmp_path / bucket / "ana" / "own.mp4").write_bytes(b"")
                assert storage.key_under(tmp_path / bucket / "ana" / "own.mp4", tmp_path / root) == "ana/own.mp4"
            assert storage.key_under(tmp_path / bucket / "ana" / "clip.mp4", tmp_path / bucket) == "ana/clip.mp4"

    def test_path_with_dots_out_of_the_bucket_has_no_key(self, tmp_path: Path) -> None:
        assert storage.key_under(tmp_path / "bucket" / ".." / "x.mp4", tmp_path / "bucket") is None


class TestReadingAndWriting:
    @pytest.mark.parametrize("key", KEYS)
    def test_written_content_is_read_back(self, bucket: Location, key: str, tmp_path: Path) -> None:
        storage.write_bytes(bucket / key, b"first")
        storage.write_bytes(bucket / key, b"second")
        assert storage.read_bytes(bucket / key) == b"second"
        (tmp_path / "local").write_bytes(b"third")
        storage.write_file(bucket / key, tmp_path / "local")
        assert storage.read_bytes(bucket / key) == b"third"
        assert everything(bucket) == [key]

    def test_large_file_is_uploaded_in_parts_and_read_back(self, bucket: Location, tmp_path: Path) -> None:
        content = os.urandom(9 << 20)  # boto3 splits from 8 MiB on
        (tmp_path / "large.mp4").write_bytes(content)
        storage.write_file(bucket / "ana" / "large.mp4", tmp_path / "large.mp4")
        storage.move(bucket / "ana" / "large.mp4", bucket / "moved.mp4")
        assert storage.fetch(bucket / "moved.mp4", tmp_path).read_bytes() == content
        assert everything(bucket) == ["moved.mp4"]

    def test_file_on_s3_has_its_content_type(self, s3_bucket: Location, tmp_path: Path) -> None:
        (tmp_path / "clip").write_bytes(b"x")
        storage.write_file(s3_bucket / "a.mp4", tmp_path / "clip")
        storage.move(s3_bucket / "a.mp4", s3_bucket / "b.mp4")
        storage.write_bytes(s3_bucket / "c.json", b"{}")
        client = s3_bucket.client.client  # type: ignore[union-attr]
        types = [client.head_object(Bucket=s3_bucket.bucket, Key=key)["ContentType"] for key in ("b.mp4", "c.json")]
        assert types == ["video/mp4", "application/json"]

    def test_missing_file_raises_file_not_found(self, bucket: Location, tmp_path: Path) -> None:
        storage.write_bytes(bucket / "file", b"")
        for missing in (bucket / "no" / "such.mp4", bucket / "file" / "below"):
            with pytest.raises(FileNotFoundError, match=missing.name):
                storage.read_bytes(missing)
            with pytest.raises(FileNotFoundError):
                storage.fetch(missing, tmp_path)
            assert not storage.exists(missing)
        with pytest.raises(FileNotFoundError):
            storage.move(bucket / "no", bucket / "where")
        with pytest.raises(FileNotFoundError, match="source"):
            storage.write_file(bucket / "copy", tmp_path / "source")
        assert everything(bucket) == ["file"]

    def test_folder_is_not_a_file(self, bucket: Location, tmp_path: Path) -> None:
        storage.write_bytes(bucket / "ana" / "clip.mp4", b"")
        assert storage.exists(bucket / "ana" / "clip.mp4")
        assert not storage.exists(bucket / "ana")
        with pytest.raises(FileNotFoundError):
            storage.read_bytes(bucket / "ana")
        with pytest.raises(FileNotFoundError):
            storage.fetch(bucket / "ana", tmp_path)

    def test_missing_bucket_raises_instead_of_being_empty(self, s3_bucket: Location, tmp_path: Path) -> None:
        (tmp_path / "local").write_bytes(b"x")
        nowhere = storage.locate(f"{s3_bucket}-missing/key")
        for attempt in (
            lambda: storage.read_bytes(nowhere),
            lambda: storage.write_bytes(nowhere, b""),
            lambda: storage.write_file(nowhere, tmp_path / "local"),
            lambda: storage.create(nowhere, b""),
            lambda: storage.exists(nowhere),
            lambda: storage.file_names(nowhere),
            lambda: storage.size(nowhere),
            lambda: list(storage.walk(nowhere)),
            lambda: storage.move(nowhere, nowhere.parent / "other"),
            lambda: storage.remove_folder(nowhere),
            lambda: storage.fetch(nowhere, tmp_path),
        ):
            with pytest.raises(StorageError, match="missing"):
                attempt()

    def test_unreachable_service_raises(self, s3_bucket: Location, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        monkeypatch.setattr(S3Client, "_default_client", None)
        unreachable = storage.locate(f"{s3_bucket}/key")
        for attempt in (storage.read_bytes, storage.exists, storage.file_names):
            with pytest.raises(StorageError, match=r"127\.0\.0\.1:9"):
                attempt(unreachable)

    def test_unwritable_folder_raises(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        for attempt in (storage.write_bytes, storage.create):
            with pytest.raises(StorageError, match="file"):
                attempt(tmp_path / "file" / "below" / "x", b"")
        with pytest.raises(StorageError, match="file"):
            storage.file_names(tmp_path / "file")

    def test_local_file_is_not_copied_by_fetch(self, tmp_path: Path) -> None:
        (tmp_path / "clip.mp4").write_bytes(b"x")
        assert storage.fetch(tmp_path / "clip.mp4", tmp_path / "elsewhere") == tmp_path / "clip.mp4"

    def test_content_hash_is_sha256(self, tmp_path: Path) -> None:
        (tmp_path / "abc").write_bytes(b"abc")
        assert storage.content_hash(tmp_path / "abc") == (
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        )

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        name=st.text(st.characters(exclude_categories=["C"], exclude_characters="/\\"), min_size=1, max_size=40).filter(
            lambda name: name not in (".", "..")
        )
    )
    def test_any_printable_name_can_be_a_key(self, bucket: Location, name: str) -> None:
        key = f"any/{name}"
        storage.write_bytes(bucket / key, name.encode())
        assert storage.key_under(bucket / key, bucket) == key
        assert storage.read_bytes(bucket / key) == name.encode()
        assert name in storage.file_names(bucket / "any")


class TestRemoving:
    def test_existing_and_missing_files_are_removed(self, bucket: Location) -> None:
        for key in ("p/a", "p/ab", "p/a/b" if isinstance(bucket, S3Path) else "p/c"):
            storage.write_bytes(bucket / key, b"")
        storage.remove(bucket / "p" / "a")
        storage.remove(bucket / "p" / "a")
        storage.remove(bucket / "nowhere" / "a")
        assert len(everything(bucket)) == 2
        assert not storage.exists(bucket / "p" / "a")

    def test_removing_a_folder_as_a_file_raises(self, tmp_path: Path) -> None:
        storage.write_bytes(tmp_path / "p" / "a", b"")
        with pytest.raises(StorageError, match="p"):
            storage.remove(tmp_path / "p")
        assert everything(tmp_path) == ["p/a"]

    def test_missing_bucket_raises(self, s3_bucket: Location) -> None:
        with pytest.raises(StorageError, match="missing"):
            storage.remove(storage.locate(f"{s3_bucket}-missing/key"))


class TestListing:
    def test_files_and_folders_are_listed_separately_and_sorted(self, bucket: Location) -> None:
        for key in ("p/b.json", "p/a.json", "p/deep/c.json", "p/.hidden/d.json", "pq/e.json"):
            storage.write_bytes(bucket / key, b"")
        assert storage.file_names(bucket / "p") == ["a.json", "b.json"]
        assert storage.folder_names(bucket / "p") == [".hidden", "deep"]
        assert storage.folder_names(bucket) == ["p", "pq"]

    def test_walk_has_the_same_order_in_folders_and_on_s3(self, bucket: Location) -> None:
        keys = ["p.json", "p/a-b/x", "p/a.json", "p/a/b/c.json", "p/a/b0", "p/a0", "p/é", "p/日本/x", "pq/e.json"]
        for key in reversed(keys):
            storage.write_bytes(bucket / key, key.encode())
        files = list(storage.walk(bucket))
        assert [storage.key_under(file.location, bucket) for file in files] == keys
        assert [file.size for file in files] == [len(key.encode()) for key in keys]
        below = [storage.key_under(file.location, bucket) for file in storage.walk(bucket / "p")]
        assert below == [key for key in keys if key.startswith("p/")]
        assert list(storage.walk(bucket / "none")) == []

    @settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(keys=st.sets(st.lists(PART, min_size=1, max_size=3).map(tuple), max_size=8))
    def test_a_folder_is_walked_in_the_order_of_s3(
        self, tmp_path_factory: pytest.TempPathFactory, keys: set[tuple[str, ...]]
    ) -> None:
        folder = tmp_path_factory.mktemp("walk")
        folders = {key[:length] for key in keys for length in range(1, len(key))}
        expected = sorted(("/".join(key) for key in keys - folders), key=str.encode)
        for key in expected:
            storage.write_bytes(folder / key, b"")
        assert [storage.key_under(file.location, folder) for file in storage.walk(folder)] == expected

    def test_version_changes_with_the_content(self, bucket: Location) -> None:
        versions = set()
        for content in (b"one", b"two", b"three"):
            storage.write_bytes(bucket / "x", content)
            [first], [again] = storage.walk(bucket), storage.walk(bucket)
            assert first == again
            versions.add(first.version)
        assert len(versions) == 3

    def test_stored_returns_a_file_as_walk_yields_it(self, bucket: Location) -> None:
        before = datetime.now(UTC) - timedelta(seconds=2)
        storage.write_bytes(bucket / "a" / "x", b"12345")
        [walked] = storage.walk(bucket)
        file = storage.stored(bucket / "a" / "x")
        assert (file.location, file.size, file.version) == (walked.location, 5, walked.version)
        assert before < walked.modified < datetime.now(UTC) + timedelta(seconds=2)
        assert abs(file.modified - walked.modified) < timedelta(seconds=1)  # S3 gives one of the two in whole seconds
        for missing in ("a", "b"):
            with pytest.raises(FileNotFoundError):
                storage.stored(bucket / missing)

    def test_version_of_an_open_file_is_that_of_walk(self, tmp_path: Path) -> None:
        (tmp_path / "x").write_bytes(b"content")
        [walked] = storage.walk(tmp_path)
        with (tmp_path / "x").open("rb") as file:
            assert storage.version_of(os.fstat(file.fileno())) == walked.version

    def test_links_are_walked_as_files_and_never_as_folders(self, tmp_path: Path) -> None:
        storage.write_bytes(tmp_path / "elsewhere" / "x", b"12345")
        bucket = tmp_path / "bucket"
        bucket.mkdir()
        (bucket / "loop").symlink_to(bucket)
        (bucket / "folder").symlink_to(tmp_path / "elsewhere")
        (bucket / "file").symlink_to(tmp_path / "elsewhere" / "x")
        (bucket / "broken").symlink_to(tmp_path / "nowhere")
        os.mkfifo(bucket / "pipe")
        sizes = {file.location.name: file.size for file in storage.walk(bucket)}
        assert sizes.keys() == {"broken", "file"}
        assert sizes["file"] == 5

    def test_folder_removed_during_a_walk_is_skipped(self, tmp_path: Path) -> None:
        for key in ("a/x", "b/y", "c/z"):
            storage.write_bytes(tmp_path / key, b"")
        walking = storage.walk(tmp_path)
        assert next(walking).location == tmp_path / "a" / "x"
        storage.remove_folder(tmp_path / "b")
        assert [file.location for file in walking] == [tmp_path / "c" / "z"]

    def test_unreadable_folder_raises_instead_of_being_empty(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        storage.write_bytes(tmp_path / "closed" / "x", b"")
        real = os.scandir

        def refused(folder: Path) -> object:
            if folder.name == "closed":
                raise PermissionError(13, "Permission denied", str(folder))
            return real(folder)

        monkeypatch.setattr(os, "scandir", refused)
        with pytest.raises(StorageError, match="closed"):
            list(storage.walk(tmp_path))

    def test_size_of_a_folder_or_missing_file_raises(self, bucket: Location) -> None:
        storage.write_bytes(bucket / "p" / "x", b"12345")
        assert storage.size(bucket / "p" / "x") == 5
        for missing in (bucket / "p", bucket / "none", bucket / "p" / "x" / "below"):
            with pytest.raises(FileNotFoundError):
                storage.size(missing)

    def test_file_above_the_limit_is_rejected_with_its_size(self, bucket: Location) -> None:
        storage.write_bytes(bucket / "p" / "x", b"12345")
        assert storage.read_bytes(bucket / "p" / "x", 5) == b"12345"
        with pytest.raises(TooLarge, match="x: the file has 5 bytes, the limit is 4") as caught:
            storage.read_bytes(bucket / "p" / "x", 4)
        assert caught.value.size == 5
        for missing in (bucket / "p", bucket / "none", bucket / "p" / "x" / "below"):
            with pytest.raises(FileNotFoundError):
                storage.read_bytes(missing, 0)

    def test_missing_folder_is_empty(self, bucket: Location) -> None:
        storage.write_bytes(bucket / "x", b"")
        assert storage.file_names(bucket / "none") == storage.folder_names(bucket / "none") == []

    def test_listing_of_several_pages_is_complete(self, s3_bucket: Location) -> None:
        def limit_to_three(params: dict[str, object], **_: object) -> None:
            params["MaxKeys"] = 3

        client = S3Client()
        client.client.meta.events.register("provide-client-params.s3.ListObjectsV2", limit_to_three)
        folder = client.CloudPath(str(s3_bucket)) / "many"
        keys = [f"{i:02d}" for i in range(10)]
        for key in keys:
            storage.write_bytes(folder / key, b"")
        assert storage.file_names(folder) == keys
        assert [file.location.name for file in storage.walk(folder)] == keys
        storage.remove_folder(folder)
        assert everything(s3_bucket) == []

    def test_folder_created_in_a_console_is_not_a_file(self, s3_bucket: Location) -> None:
        s3_bucket.client.client.put_object(Bucket=s3_bucket.bucket, Key="ana/")  # type: ignore[union-attr]
        assert storage.file_names(s3_bucket / "ana") == []
        assert storage.folder_names(s3_bucket) == ["ana"]

    def test_folder_is_removed_with_its_content_only(self, bucket: Location) -> None:
        for key in ("p/a", "p/deep/b", "pq/c"):
            storage.write_bytes(bucket / key, b"")
        storage.remove_folder(bucket / "p")
        storage.remove_folder(bucket / "p")
        assert everything(bucket) == ["pq/c"]
        assert storage.folder_names(bucket) == ["pq"]


class TestConditionalCreate:
    def test_only_the_first_create_writes_the_file(self, bucket: Location) -> None:
        assert storage.create(bucket / "ana" / "name", b"first")
        assert not storage.create(bucket / "ana" / "name", b"second")
        assert storage.read_bytes(bucket / "ana" / "name") == b"first"
        assert everything(bucket) == ["ana/name"]

    def test_one_of_many_concurrent_creates_returns_true(self, bucket: Location) -> None:
        threads = 8
        start = threading.Barrier(threads)

        def attempt(number: int) -> bool:
            start.wait()
            return storage.create(bucket / "name", str(number).encode())

        with ThreadPoolExecutor(threads) as pool:
            created = list(pool.map(attempt, range(threads)))
        assert created.count(True) == 1
        assert storage.read_bytes(bucket / "name") == str(created.index(True)).encode()
        assert everything(bucket) == ["name"]

    def test_conflict_on_s3_is_retried(self, s3_bucket: Location, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        with in_conflict(s3_bucket, times=3) as requests:
            assert storage.create(s3_bucket / "name", b"x")
        assert storage.read_bytes(s3_bucket / "name") == b"x"
        assert len(requests) == 3

    def test_permanent_conflict_raises_instead_of_returning_false(
        self, s3_bucket: Location, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        with in_conflict(s3_bucket, times=1000), pytest.raises(StorageError, match="conflict"):
            storage.create(s3_bucket / "name", b"x")


SWAPPING = """
import sys
from pathlib import Path
from sightline import atomic
path, wins = Path(sys.argv[1]), 0
sys.stdin.read()
while wins < int(sys.argv[2]):
    old = path.read_bytes()
    wins += atomic.swap(path, old, b"%d" % (int(old) + 1))
"""


class TestSwap:
    def test_swap_replaces_only_the_expected_content(self, bucket: Location) -> None:
        file = bucket / "models" / "current.json"
        assert storage.swap(file, None, b"1")
        assert not storage.swap(file, None, b"2")
        assert not storage.swap(file, b"0", b"2")
        assert storage.read_bytes(file) == b"1"
        assert storage.swap(file, b"1", b"2")
        assert storage.read_bytes(file) == b"2"
        assert everything(bucket) == ["models/current.json"]
        assert storage.file_names(bucket / "models") == ["current.json"]

    def test_swap_of_a_missing_file_returns_false(self, bucket: Location) -> None:
        storage.write_bytes(bucket / "file", b"")
        for missing in (bucket / "no" / "such", bucket / "none", bucket / "file" / "below"):
            assert not storage.swap(missing, b"", b"x")
        assert everything(bucket) == ["file"]

    def test_swap_in_a_missing_bucket_raises(self, s3_bucket: Location) -> None:
        for old in (None, b"1"):
            with pytest.raises(StorageError, match="missing"):
                storage.swap(storage.locate(f"{s3_bucket}-missing/key"), old, b"2")

    def test_swap_of_a_folder_raises(self, tmp_path: Path) -> None:
        (tmp_path / "p").mkdir()
        with pytest.raises(StorageError, match="p"):
            storage.swap(tmp_path / "p", b"", b"x")

    def test_one_of_twenty_concurrent_swaps_returns_true(self, bucket: Location) -> None:
        threads = 20
        start = threading.Barrier(threads)
        storage.write_bytes(bucket / "x", b"old")

        def attempt(number: int) -> bool:
            start.wait()
            return storage.swap(bucket / "x", b"old", str(number).encode())

        with ThreadPoolExecutor(threads) as pool:
            won = list(pool.map(attempt, range(threads)))
        assert won.count(True) == 1
        assert storage.read_bytes(bucket / "x") == str(won.index(True)).encode()
        assert everything(bucket) == ["x"]

    def test_threads_that_repeat_their_swaps_lose_no_count(self, bucket: Location) -> None:
        storage.write_bytes(bucket / "count", b"0")

        def count_up(_: int) -> None:
            while not storage.swap(
                bucket / "count", old := storage.read_bytes(bucket / "count"), b"%d" % (int(old) + 1)
            ):
                pass

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(count_up, range(12)))
        assert storage.read_bytes(bucket / "count") == b"12"

    @pytest.mark.integration
    def test_processes_that_repeat_their_swaps_lose_no_count(self, tmp_path: Path) -> None:
        storage.write_bytes(tmp_path / "count", b"0")
        command = [sys.executable, "-c", SWAPPING, str(tmp_path / "count"), "50"]
        processes = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(20)]
        for process in processes:
            assert process.stdin
            process.stdin.close()
        assert [process.wait() for process in processes] == [0] * 20
        assert storage.read_bytes(tmp_path / "count") == b"1000"
        assert everything(tmp_path) == ["count"]

    @pytest.mark.parametrize("now", [b"theirs", b"old", None])
    def test_file_changed_before_the_lock_is_read_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now: bytes | None
    ) -> None:
        storage.write_bytes(tmp_path / "x", b"old")
        real, calls = fcntl.flock, []

        def changed_first(file: object, operation: int) -> None:
            if not calls:
                calls.append(operation)
                (tmp_path / "x").unlink()
                if now is not None:
                    storage.write_bytes(tmp_path / "x", now)
            real(file, operation)  # type: ignore[arg-type]

        monkeypatch.setattr(fcntl, "flock", changed_first)
        assert storage.swap(tmp_path / "x", b"old", b"new") is (now == b"old")
        assert [path.read_bytes() for path in tmp_path.iterdir()] == {
            b"theirs": [b"theirs"], b"old": [b"new"], None: []
        }[now]  # fmt: skip

    @pytest.mark.parametrize("now", [b"theirs", None])
    def test_object_changed_before_the_put_is_not_overwritten(self, s3_bucket: Location, now: bytes | None) -> None:
        storage.write_bytes(s3_bucket / "x", b"old")
        events = s3_bucket.client.client.meta.events  # type: ignore[union-attr]

        def changed_first(**_: object) -> None:
            events.unregister("before-send.s3.PutObject", changed_first)
            storage.remove(s3_bucket / "x") if now is None else storage.write_bytes(s3_bucket / "x", now)

        events.register("before-send.s3.PutObject", changed_first)
        assert not storage.swap(s3_bucket / "x", b"old", b"new")
        assert everything(s3_bucket) == (["x"] if now else [])
        assert not now or storage.read_bytes(s3_bucket / "x") == now

    def test_conflict_on_s3_makes_swap_return_false(self, s3_bucket: Location, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        storage.write_bytes(s3_bucket / "x", b"old")
        with in_conflict(s3_bucket, times=1):
            assert not storage.swap(s3_bucket / "x", b"old", b"new")
        assert storage.read_bytes(s3_bucket / "x") == b"old"

    def test_failed_swap_leaves_the_old_file_and_no_lock(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        storage.write_bytes(tmp_path / "x", b"old")

        def disk_full(self: Path, target: Path) -> Path:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", disk_full)
            with pytest.raises(StorageError, match="No space left"):
                storage.swap(tmp_path / "x", b"old", b"new")
        assert everything(tmp_path) == ["x"]
        assert storage.swap(tmp_path / "x", b"old", b"new")


@contextmanager
def in_conflict(bucket: Location, times: int) -> Iterator[list[str]]:
    """Make the service answer the next ``times`` puts with a conflict."""
    requests: list[str] = []

    class Raw:
        def stream(self) -> list[bytes]:
            return [b"<Error><Code>ConditionalRequestConflict</Code><Message>in conflict</Message></Error>"]

    def respond(request: AWSPreparedRequest, **_: object) -> AWSResponse | None:
        if len(requests) == times:
            return None
        requests.append(request.url)
        return AWSResponse(request.url, 409, {}, Raw())

    events = bucket.client.client.meta.events  # type: ignore[union-attr]
    events.register("before-send.s3.PutObject", respond)
    yield requests
    events.unregister("before-send.s3.PutObject", respond)


HALF_WRITTEN = """
import os, sys
from pathlib import Path
from sightline import atomic
with atomic.replacing(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    print("writing", flush=True)
    sys.stdin.read()
"""


@pytest.mark.integration
class TestKilledWriters:
    @pytest.fixture
    def writer(self, tmp_path: Path) -> subprocess.Popen[str]:
        """A process that has written half of ``clip.mp4``, and completes it when its input is closed."""
        process = subprocess.Popen(
            [sys.executable, "-c", HALF_WRITTEN, str(tmp_path / "clip.mp4")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout
        assert process.stdout.readline() == "writing\n"
        return process

    def test_partial_file_is_not_listed(self, tmp_path: Path, writer: subprocess.Popen[str]) -> None:
        assert storage.file_names(tmp_path) == []
        assert list(storage.walk(tmp_path)) == []
        assert list(tmp_path.glob("*.mp4")) == []
        writer.communicate("")
        assert storage.file_names(tmp_path) == ["clip.mp4"]

    def test_sweep_does_not_disturb_an_active_writer(self, tmp_path: Path, writer: subprocess.Popen[str]) -> None:
        storage.sweep(tmp_path)
        assert len(everything(tmp_path)) == 1
        writer.communicate("")
        assert everything(tmp_path) == ["clip.mp4"]
        assert (tmp_path / "clip.mp4").read_bytes() == b"half"

    def test_sweep_removes_the_partial_file_of_a_killed_writer(
        self, tmp_path: Path, writer: subprocess.Popen[str]
    ) -> None:
        storage.write_bytes(tmp_path / "complete.json", b"{}")
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        assert len(everything(tmp_path)) == 2
        storage.sweep(tmp_path)
        assert everything(tmp_path) == ["complete.json"]


def test_failed_write_leaves_only_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage.write_bytes(tmp_path / "x", b"old")

    def disk_full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", disk_full)
    with pytest.raises(StorageError, match="No space left"):
        storage.write_bytes(tmp_path / "x", b"new")
    assert everything(tmp_path) == ["x"]
    assert storage.read_bytes(tmp_path / "x") == b"old"


def test_writer_swept_before_its_lock_starts_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = fcntl.flock, []

    def swept_first(file: object, operation: int) -> None:
        if not calls:
            calls.append(operation)
            for partial in tmp_path.iterdir():
                partial.unlink()
        real(file, operation)  # type: ignore[arg-type]

    monkeypatch.setattr(fcntl, "flock", swept_first)
    storage.write_bytes(tmp_path / "x", b"new")
    assert everything(tmp_path) == ["x"]
