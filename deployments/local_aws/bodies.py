"""Files of objects and parts: a line with the attributes, and the body, which moto reads from the file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import FakeKey, FakeMultipart
from requests.structures import CaseInsensitiveDict

from deployments.local_aws.files import dump, load, write_file

__all__ = ["is_stored", "read_item", "restored_upload", "use_file", "write_item"]

_REGION = "us-east-1"
_ATTRIBUTES = (
    "_etag", "_storage_class", "encryption", "kms_key_id",
    "checksum_algorithm", "checksum_value", "checksum_type", "checksum_parts",
)  # fmt: skip


class _StoredBody:
    """The body of an object or part in its file. It replaces moto's buffer."""

    def __init__(self, path: Path, start: int) -> None:
        self._path, self._start, self._position = path, start, 0

    def seek(self, position: int) -> None:
        """Set the position of the next read."""
        self._position = position

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes, by default all."""
        with self._path.open("rb") as file:
            file.seek(self._start + self._position)
            content = file.read(size)
        self._position += len(content)
        return content

    def close(self) -> None:
        """Do nothing: the file is open only during a read."""


def is_stored(item: FakeKey) -> bool:
    """Return whether the object or part is in a file."""
    return isinstance(item._value_buffer, _StoredBody)


def write_item(path: Path, item: FakeKey) -> None:
    """Write an object or part. Its folder has to be synchronized."""
    etag = item.etag.strip('"')  # computed by this access if it was not
    fields: dict[str, Any] = {name: getattr(item, name) for name in _ATTRIBUTES} | {"_etag": etag}
    fields |= {"key": item.name, "modified": item.last_modified.isoformat(), "metadata": dict(item.metadata)}
    if item.multipart:
        fields["upload"] = {"id": item.multipart.id, "parts": item.multipart.partlist}
    head = dump(fields) + b"\n"
    body: Any = item._value_buffer
    body.seek(0)
    write_file(path, head, body)
    use_file(item, path, len(head))


def use_file(item: FakeKey, path: Path, start: int) -> None:
    """Let moto read the body from the file."""
    item._value_buffer.close()
    item._value_buffer = _StoredBody(path, start)  # type: ignore[assignment]
    item.contentsize = path.stat().st_size - start


def read_item(path: Path, bucket: str) -> FakeKey:
    """Return the object or part in the file."""
    with path.open("rb") as file:
        head = file.readline()
    fields = load(head)
    item = FakeKey(fields["key"], b"", DEFAULT_ACCOUNT_ID, _REGION, bucket_name=bucket)
    use_file(item, path, len(head))
    item.last_modified = datetime.fromisoformat(fields["modified"])
    item._metadata.update(fields["metadata"])
    for name in _ATTRIBUTES:
        setattr(item, name, fields[name])
    if "upload" in fields:  # a client may complete it again, if it did not receive the response
        item.multipart = restored_upload(fields["upload"]["id"], fields["key"])
        item.multipart.partlist = fields["upload"]["parts"]
    return item


def restored_upload(identifier: str, key: str) -> FakeMultipart:
    """Return a multipart upload with a given identifier."""
    upload = FakeMultipart(key, CaseInsensitiveDict(), DEFAULT_ACCOUNT_ID, _REGION)
    upload.id = identifier
    return upload
