"""The local S3 and SQS, as the target of a process. It imports nothing else: the process has only their memory."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from deployments.local_aws.__main__ import main

__all__ = ["serve"]


def serve(folder: Path, port: int, file_limit: int | None) -> None:
    """Serve with the output in a log file beside the folder. No file becomes larger than the limit, in bytes."""
    with (folder.parent / "log.txt").open("ab") as log:
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
    if file_limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))
    main(folder, port)
