"""Keep MediaPipe's notices on starting off stderr."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile

# What MediaPipe 0.10.21 prints each time a graph starts, whatever it runs on: absl's informational lines, and notices
# about the form of its own model files.
_NOTICE = re.compile(
    rb"^I\d{4} |^INFO: Created TensorFlow Lite|^WARNING: All log messages before absl::InitializeLog"
    rb"|inference_feedback_manager\.cc|landmark_projection_calculator\.cc"
)
_one_at_a_time = threading.Lock()


@contextmanager
def startup_notices_hidden() -> Iterator[None]:
    """Hold stderr back, then pass on all of it but the known notices; after an exception, the notices as well.

    The notices come from C++ before its log is set up, where no logging level or variable reaches them: only the file
    descriptor does. It belongs to the whole process, so the block is to be short.
    """
    with _one_at_a_time, TemporaryFile() as held:
        sys.stderr.flush()
        stderr = os.dup(2)
        os.dup2(held.fileno(), 2)
        notices_too = True
        try:
            yield
            notices_too = False
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            held.seek(0)
            for line in held:
                if notices_too or not _NOTICE.search(line):
                    os.write(2, line)
