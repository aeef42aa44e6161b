"""Conversion of folders in the first format: files with bodies, and one index of their attributes."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import FakeKey

from deployments.local_aws.bodies import use_file, write_item
from deployments.local_aws.buckets import object_name
from deployments.local_aws.files import synchronize

__all__ = ["convert_index"]


def convert_index(folder: Path, buckets: Path) -> None:
    """Convert the folder if it has an index. An interrupted conversion is continued at the next start."""
    index = folder / "index.json"
    if not index.exists():
        return
    for name, (bucket, key, etag, modified, content_type) in json.loads(index.read_text("utf-8")).items():
        body, objects = folder / name, buckets / bucket / "objects"
        target = objects / object_name(key)
        if target.exists() and not body.exists():
            continue  # it is converted
        item = FakeKey(key, b"", DEFAULT_ACCOUNT_ID, "us-east-1", etag=etag)
        use_file(item, body, 0)
        item.last_modified = datetime.fromisoformat(modified)
        if content_type:
            item.set_metadata({"Content-Type": content_type})
        objects.mkdir(parents=True, exist_ok=True)
        write_item(target, item)
        for path in (objects, objects.parent, buckets):
            synchronize(path)
        body.unlink()
    for path in folder.iterdir():
        if path.is_file() and path != index:  # a body that was replaced or deleted
            path.unlink()
    index.unlink()
    synchronize(folder)
