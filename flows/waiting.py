"""What a command waits for, on standard error, until its run logs or shows its progress."""

from __future__ import annotations

import sys
import threading
import time
from typing import TextIO

__all__ = ["Waiting"]

_REFRESH_SECONDS = 0.5
_CLEAR = "\r\x1b[2K"


class Waiting:
    """A line with the present step and its duration, which only a terminal shows, and sentences for every output."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._lock = threading.Lock()
        self._said = ""
        self._step: str | None = None
        self._since = 0.0
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def step(self, what: str) -> None:
        """Show what is being waited for from now on."""
        if not self._stream.isatty() or self._ended.is_set():
            return
        with self._lock:
            self._step, self._since = what, time.monotonic()
            self._draw()
        if self._thread is None:
            self._thread = threading.Thread(target=self._refresh, daemon=True)
            self._thread.start()

    def say(self, text: str) -> None:
        """Print a sentence, unless it was the last one."""
        with self._lock:
            if text != self._said:
                self._said = text
                self._write(f"{_CLEAR if self._step else ''}sightline: {text}\n")

    def stop(self) -> None:
        """Remove the line for good."""
        with self._lock:
            if self._step is not None:
                self._write(_CLEAR)
            self._step = None
            self._ended.set()

    def _refresh(self) -> None:
        while not self._ended.wait(_REFRESH_SECONDS):
            with self._lock:
                self._draw()

    def _draw(self) -> None:
        if self._step is not None:
            self._write(f"{_CLEAR}sightline: waiting for {self._step} ... {time.monotonic() - self._since:.0f} s")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
