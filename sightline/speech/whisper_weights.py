"""Whisper's weights: downloaded into its cache, and loaded once per process."""

from __future__ import annotations

import http.client
import os
import tempfile
import threading
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from sightline.errors import TranscriberUnavailable
from sightline.speech.alignment import align_better
from sightline.speech.model_files import model_stamp

if TYPE_CHECKING:
    from whisper import Whisper

# Without it, a firewall that drops packets would delay the error message by minutes.
_CONNECT_TIMEOUT = 20

_loading = threading.Lock()
_loaded: dict[tuple[str, Path, str], tuple[str, Whisper]] = {}


def load_weights(model: str, device: str) -> Whisper:
    """Load ``model``, one of Whisper's names or the path of a checkpoint, on the torch ``device``.

    A named model that is not in the cache is downloaded. A checkpoint that has changed is loaded again. Raises
    ``TranscriberUnavailable`` if the weights are unavailable or do not belong to a Whisper model.
    """
    with _loading:
        is_named = model in _model_names()
        checkpoint = model if is_named else str(Path(model).absolute())
        modified = "" if is_named else model_stamp(checkpoint)
        key = (checkpoint, cache_folder(), device)
        if key not in _loaded or _loaded[key][0] != modified:
            _loaded[key] = (modified, _load(*key))
        return _loaded[key][1]


def cache_folder() -> Path:
    """Return the folder of Whisper's weights."""
    # The same rule as in whisper.load_model, which has no public function for it.
    return Path(os.getenv("XDG_CACHE_HOME") or Path.home() / ".cache") / "whisper"


def _model_names() -> list[str]:
    import whisper

    return list(whisper.available_models())


def _load(checkpoint: str, folder: Path, device: str) -> Whisper:
    import whisper

    if checkpoint in _model_names():
        _download_if_missing(checkpoint, folder)
    elif not Path(checkpoint).is_file():
        raise TranscriberUnavailable(
            f"{checkpoint}: no such file, and whisper has no model of that name. "
            f"Use one of {', '.join(_model_names())}, or the path of a checkpoint (.pt)"
        )
    try:
        return align_better(whisper.load_model(checkpoint, device=device, download_root=str(folder)))
    except MemoryError:
        raise
    # torch and pickle raise many kinds of errors for an invalid file.
    except Exception as error:
        raise TranscriberUnavailable(
            f"{checkpoint}: whisper could not load it on {device} ({error!r}). "
            "A checkpoint is a file that torch.save wrote, with {'dims': …, 'model_state_dict': …}"
        ) from error


def _download_if_missing(model: str, folder: Path) -> None:
    import whisper

    from sightline.storage import content_hash

    # whisper has no public functions for the URL and path of a model, nor for a download without loading.
    url = whisper._MODELS[model]
    target = folder / url.rsplit("/", 1)[-1]
    checksum = url.split("/")[-2]
    if target.is_file() and content_hash(target) == checksum:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Whisper writes in place. A temporary folder and a rename leave nothing after an interrupted download, and keep
        # concurrent processes from writing to the same file.
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=folder) as temporary:
            urllib.request.urlopen(url, timeout=_CONNECT_TIMEOUT).close()  # noqa: S310 - an address from whisper's table
            whisper._download(url, temporary, in_memory=False)
            (Path(temporary) / target.name).replace(target)
    except (OSError, RuntimeError, http.client.HTTPException) as error:
        raise TranscriberUnavailable(
            f"whisper's weights {model!r} are not in the cache and could not be downloaded ({error}). "
            f"There are three solutions: (1) connect to the network once, or copy the weights file to {target}; "
            f"(2) use --transcriber pocketsphinx, which needs no network; "
            f"(3) use --transcript FILE with a WebVTT, SRT or Whisper JSON file"
        ) from error
