"""The objects of a bucket, and its multipart uploads in progress, in a folder."""

from __future__ import annotations

import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

from moto.s3.models import FakeBucket, FakeKey
from moto.s3.utils import _VersionedKeyStore
from requests.structures import CaseInsensitiveDict

from deployments.local_aws.bodies import is_stored, read_item, restored_upload, write_item
from deployments.local_aws.files import dump, load, synchronize, write_file

__all__ = ["BucketFolder", "object_name"]

_UPLOAD = "upload"  # the file that describes a multipart upload, beside its parts


def object_name(key: str) -> str:
    """Return the name of an object's file."""
    return sha256(key.encode()).hexdigest()


class BucketFolder:
    """A bucket in a folder: one file per object, and one folder per upload with a file per part."""

    def __init__(self, folder: Path, bucket: FakeBucket) -> None:
        self._bucket = bucket
        self._keys = bucket.keys = _TrackedKeys(bucket.keys)
        self._objects, self._uploads = folder / "objects", folder / "uploads"
        for path in (self._objects, self._uploads):
            path.mkdir(parents=True, exist_ok=True)
        synchronize(folder)

    def restore(self) -> None:
        """Restore the objects and uploads."""
        for path in self._objects.iterdir():
            item = read_item(path, self._bucket.name)
            self._keys[item.name] = item
        self._keys.changed.clear()
        for path in self._uploads.iterdir():
            if (path / _UPLOAD).exists():
                self._restore_upload(path)
            else:  # its creation was not acknowledged
                shutil.rmtree(path)

    def write_changes(self) -> None:
        """Write what changed since the last call. Raises ``OSError``."""
        changed = {key: self._objects / object_name(key) for key in self._keys.changed}
        self._keys.changed.clear()
        try:
            self._write_objects(changed)
        except OSError:
            # The client gets an error, so nobody may see the change.
            for key, path in changed.items():
                dict.pop(self._keys, key, None)
                if path.exists():
                    self._keys[key] = read_item(path, self._bucket.name)
            self._keys.changed.clear()
            raise
        self._write_uploads()

    def _write_objects(self, changed: dict[str, Path]) -> None:
        for key, path in changed.items():
            item = self._keys.get(key)
            if isinstance(item, FakeKey):
                write_item(path, item)
            else:  # deleted, or the latest version is a delete marker
                path.unlink(missing_ok=True)
        if changed:
            synchronize(self._objects)

    def _write_uploads(self) -> None:
        uploads = self._bucket.multiparts
        for upload in uploads.values():
            path = self._uploads / upload.id
            if not (path / _UPLOAD).exists():
                path.mkdir(exist_ok=True)
                fields = {name: getattr(upload, name) for name in ("key_name", "storage", "tags", "sse_encryption")}
                write_file(path / _UPLOAD, dump(fields | {"metadata": dict(upload.metadata)}))
                synchronize(path)
                synchronize(self._uploads)
            for part in upload.parts.values():
                if not is_stored(part):
                    write_item(path / str(part.name), part)
                    synchronize(path)
        for path in self._uploads.iterdir():
            if path.name not in uploads:
                shutil.rmtree(path)
                synchronize(self._uploads)

    def _restore_upload(self, path: Path) -> None:
        fields = load((path / _UPLOAD).read_bytes())
        upload = restored_upload(path.name, fields["key_name"])
        for name, value in fields.items():
            setattr(upload, name, value)
        upload.metadata = CaseInsensitiveDict(fields["metadata"])
        upload.partlist = sorted(int(part.name) for part in path.iterdir() if part.name != _UPLOAD)
        upload.parts = {number: read_item(path / str(number), self._bucket.name) for number in upload.partlist}
        self._bucket.multiparts[upload.id] = upload


class _TrackedKeys(_VersionedKeyStore):
    """The objects of a bucket by key, with the keys that changed since they were written."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.changed: set[str] = set(self)

    def __setitem__(self, key: str, value: Any) -> None:
        self.changed.add(key)
        super().__setitem__(key, value)

    def setlist(self, key: str, list_: Any) -> None:
        self.changed.add(key)
        super().setlist(key, list_)

    def pop(self, key: str) -> None:  # type: ignore[override]
        self.changed.add(key)
        super().pop(key)
