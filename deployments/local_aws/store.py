"""The state of moto's S3 and SQS in a folder, which only this process may use."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.sqs.models import sqs_backends

from deployments.local_aws.buckets import BucketFolder
from deployments.local_aws.conversion import convert_index
from deployments.local_aws.files import PART, synchronize
from deployments.local_aws.messages import MessageFolder

__all__ = ["REGION", "Store"]

REGION = "us-east-1"


class Store:
    """Writes what requests change to the folder, and restores it.

    ``buckets/NAME/`` has the objects of a bucket, ``queues/NAME/`` the messages of a queue, and ``temporary/`` moto's
    files during a request.
    """

    def __init__(self, folder: Path, queues: Iterable[str]) -> None:
        self._folder, self._root = folder, folder / "buckets"
        self._s3 = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
        self._buckets: dict[str, BucketFolder] = {}
        sqs = sqs_backends[DEFAULT_ACCOUNT_ID][REGION]
        self._queues = [MessageFolder(folder / "queues" / name, sqs.queues[name]) for name in queues]

    def restore(self) -> None:
        """Restore the buckets and messages in the folder."""
        self._root.mkdir(parents=True, exist_ok=True)
        for part in self._folder.rglob(f"*{PART}"):
            part.unlink()
        temporary = self._folder / "temporary"  # not /tmp, which may be in memory
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        tempfile.tempdir = str(temporary)
        convert_index(self._folder, self._root)
        for path in self._root.iterdir():
            if path.name not in self._s3.buckets:
                self._s3.create_bucket(path.name, REGION)
        self._add_buckets()
        for bucket in self._buckets.values():
            bucket.restore()
        for queue in self._queues:
            queue.restore()
        for path in (self._root, self._folder / "queues", self._folder):
            synchronize(path)

    def write_changes(self) -> None:
        """Write what changed since the last call. Raises ``OSError``, for example if the disk is full."""
        self._add_buckets()
        for name in self._buckets.keys() - self._s3.buckets.keys():
            shutil.rmtree(self._root / name)
            synchronize(self._root)
            del self._buckets[name]
        for bucket in self._buckets.values():
            bucket.write_changes()
        for queue in self._queues:
            queue.write_changes()

    def _add_buckets(self) -> None:
        for name in self._s3.buckets.keys() - self._buckets.keys():
            folder = BucketFolder(self._root / name, self._s3.buckets[name])
            synchronize(self._root)
            self._buckets[name] = folder
