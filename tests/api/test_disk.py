"""No request writes to disk."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.api.serving import BRIGHT, DARK, Running

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = {
    "os.mkdir",
    "os.rename",
    "os.link",
    "os.symlink",
    "os.remove",
    "os.truncate",
    "shutil.copyfile",
    "tempfile.mkstemp",
}

written: list[str] | None = None


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Record files that are opened for writing. An audit hook cannot be removed; it does nothing outside the test."""
    if written is None:
        return
    if event in CHANGES or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING):
        written.append(f"{event} {arguments}")


def test_no_request_writes_a_file(running: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("work", "temporary")]
    for folder in folders:
        folder.mkdir()
    monkeypatch.chdir(folders[0])
    monkeypatch.setenv("TMPDIR", str(folders[1]))  # for code that is not Python
    monkeypatch.setattr(tempfile, "tempdir", str(folders[1]))
    sys.addaudithook(_watch)
    requests: list[tuple[str, Any]] = [
        ("/classify", {"images": [DARK, BRIGHT, "no base64!"]}),
        ("/posture", {"images": [DARK]}),
        ("/predict", {"body": {"images": [DARK]}}),
        ("/image-ranking/running-style", {"image_base64": BRIGHT}),
        ("/lower-body", {"image_base64": BRIGHT}),
        ("/classify", {"images": ["x" * 900_000]}),
        ("/classify", {"images": ["x" * 1_100_000]}),
    ]
    global written  # noqa: PLW0603
    written = []
    try:
        statuses = [running.client.post(path, json=payload).status_code for path, payload in requests]
        pages = [running.client.get(path).status_code for path in ("/", "/docs", "/metrics", "/ready", "/openapi.json")]
    finally:
        recorded, written = written, None
    assert statuses == [200, 200, 200, 200, 404, 422, 413]
    assert set(pages) == {200}
    assert recorded == []
    assert [list(folder.iterdir()) for folder in folders] == [[], []]
    # The hook does record a write.
    written = recorded
    (tmp_path / "x").write_bytes(b"")
    recorded, written = written, None
    assert len(recorded) == 1
