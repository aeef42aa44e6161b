"""Suppress MediaPipe's startup notices on stderr."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile

# MediaPipe 0.10.21 prints these whenever a graph starts: absl's informational lines, and notices about the format of
# its own model files.
_NOTICE = re.compile(
    rb"^I\d{4} |^INFO: Created TensorFlow Lite|^WARNING: All log messages before absl::InitializeLog"
    rb"|inference_feedback_manager\.cc|landmark_projection_calculator\.cc"
)
_lock = threading.Lock()


@contextmanager
def startup_notices_hidden() -> Iterator[None]:
    """Buffer stderr, then write it without the known notices; after an exception, with them.

    The notices come from C++ before its log is set up, so no logging level or variable suppresses them, only the file
    descriptor. It belongs to the whole process, so keep the block short.
    """
    with _lock, TemporaryFile() as buffer:
        sys.stderr.flush()
        stderr = os.dup(2)
        os.dup2(buffer.fileno(), 2)
        show_notices = True
        try:
            yield
            show_notices = False
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            buffer.seek(0)
            for line in buffer:
                if show_notices or not _NOTICE.search(line):
                    os.write(2, line)
