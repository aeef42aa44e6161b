"""Whisper's weights: found in its cache or fetched into it, and loaded once a process."""

from __future__ import annotations

import http.client
import os
import tempfile
import threading
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from sightline.errors import TranscriberUnavailable

if TYPE_CHECKING:
    from whisper import Whisper

# Without it, a firewall that drops packets would hold a run for minutes before it can be told of the ways out.
_CONNECT_SECONDS = 20

_loading = threading.Lock()
_loaded: dict[tuple[str, Path, str], tuple[int, Whisper]] = {}


def load_weights(model: str, device: str) -> Whisper:
    """Whisper's ``model``, one of its names or the path of a checkpoint, on the torch ``device``.

    A named model that is not in the cache is fetched into it. A checkpoint that has changed is loaded again. Raises
    ``TranscriberUnavailable`` where the weights cannot be had, or are not those of a Whisper model.
    """
    with _loading:
        named = model in _names()
        checkpoint = model if named else str(Path(model).absolute())
        written = 0 if named or not Path(checkpoint).is_file() else Path(checkpoint).stat().st_mtime_ns
        key = (checkpoint, cache_folder(), device)
        if key not in _loaded or _loaded[key][0] != written:
            _loaded[key] = (written, _load(*key))
        return _loaded[key][1]


def cache_folder() -> Path:
    """The folder in which Whisper keeps its weights."""
    # As in whisper.load_model, which offers no way to ask.
    return Path(os.getenv("XDG_CACHE_HOME") or Path.home() / ".cache") / "whisper"


def _names() -> list[str]:
    import whisper

    return list(whisper.available_models())


def _load(checkpoint: str, folder: Path, device: str) -> Whisper:
    import whisper

    if checkpoint in _names():
        _make_available(checkpoint, folder)
    elif not Path(checkpoint).is_file():
        raise TranscriberUnavailable(
            f"{checkpoint}: there is no such file, and whisper has no model of that name. "
            f"Choose one of {', '.join(_names())}, or give the path of a checkpoint (.pt)"
        )
    try:
        return whisper.load_model(checkpoint, device=device, download_root=str(folder))
    except MemoryError:
        raise
    # torch and pickle between them raise a dozen kinds of error for a file that is not what it should be.
    except Exception as error:
        raise TranscriberUnavailable(
            f"{checkpoint}: whisper could not load it on {device} ({error!r}). "
            "A checkpoint is what torch.save wrote of {'dims': …, 'model_state_dict': …}"
        ) from error


def _make_available(model: str, folder: Path) -> None:
    import whisper

    from sightline.storage import content_hash

    # whisper has no public way to ask where a model comes from and goes to, nor to fetch without loading.
    url = whisper._MODELS[model]
    target = folder / url.rsplit("/", 1)[-1]
    checksum = url.split("/")[-2]
    if target.is_file() and content_hash(target) == checksum:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Whisper writes in place; fetched beside and renamed, a broken fetch leaves nothing, and two processes that
        # start at once do not write into one file.
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=folder) as beside:
            urllib.request.urlopen(url, timeout=_CONNECT_SECONDS).close()  # noqa: S310 - whisper's own address
            whisper._download(url, beside, in_memory=False)
            (Path(beside) / target.name).replace(target)
    except (OSError, RuntimeError, http.client.HTTPException) as error:
        raise TranscriberUnavailable(
            f"whisper's weights {model!r} are not on this machine and could not be fetched ({error}). "
            f"There are three ways out: (1) let this machine reach the network once, or put the weights file at "
            f"{target}; (2) --transcriber pocketsphinx, which needs no network; "
            f"(3) --transcript FILE, a WebVTT, SRT or Whisper JSON file"
        ) from error
