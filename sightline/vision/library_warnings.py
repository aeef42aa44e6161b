"""The warnings that libraries give about an image, collected for its record instead of printed without its name."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

__all__ = ["collected_warnings"]

_thread = threading.local()
_lock = threading.Lock()


@contextmanager
def collected_warnings() -> Iterator[list[str]]:
    """Collect the warnings of Pillow on this thread, each text once.

    ``warnings.catch_warnings`` would change the whole process, where several threads decode images.
    """
    _install()
    outer, texts = getattr(_thread, "texts", None), []  # type: ignore[var-annotated]
    _thread.texts = texts
    try:
        yield texts
    finally:
        _thread.texts = outer


def _install() -> None:
    """Send warnings to the thread that collects them; all others go where they went before."""
    shown = warnings.showwarning
    if getattr(shown, "collects", False):
        return
    with _lock:
        shown = warnings.showwarning
        if getattr(shown, "collects", False):
            return
        from PIL import Image

        # By default Python shows a warning once for each line of code, so only of the first image.
        warnings.filterwarnings("always", module=r"PIL\.")
        # The limit on pixels rejects large images; Pillow's error for even larger ones remains.
        warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            texts: list[str] | None = getattr(_thread, "texts", None)
            if texts is None:
                shown(message, category, filename, lineno, file, line)
            elif (text := " ".join(str(message).split())) not in texts:
                texts.append(text)

        hook: Any = show
        hook.collects = True
        warnings.showwarning = hook
