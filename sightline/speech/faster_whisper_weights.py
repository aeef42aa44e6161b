"""CTranslate2 models of Whisper: downloaded into Hugging Face's cache, and loaded once per process."""

from __future__ import annotations

import os
import threading
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from sightline.errors import TranscriberUnavailable
from sightline.speech.alignment import better_aligned
from sightline.speech.model_files import model_stamp

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

# Without it, a firewall that drops packets would delay the error message by minutes.
_CONNECT_TIMEOUT = 20

# Without tokenizer.json, faster-whisper would download one.
_FILES = ("config.json", "model.bin", "tokenizer.json")

_loading = threading.Lock()
_loaded: dict[tuple[Path, str], tuple[str, WhisperModel]] = {}


def load_weights(model: str, device: str | None) -> WhisperModel:
    """Load ``model``, one of faster-whisper's names or a CTranslate2 folder, on ``device`` (cpu, cuda or cuda:1).

    A named model that is not in the cache is downloaded. A folder that has changed is loaded again. Raises
    ``TranscriberUnavailable`` if the model is unavailable or not a Whisper model.
    """
    with _loading:
        folder = Path(model).absolute() if Path(model).is_dir() else _find_or_download(model)
        if missing := [name for name in _FILES if not (folder / name).is_file()]:
            raise TranscriberUnavailable(
                f"{model}: the folder is not a CTranslate2 model of Whisper, because it has no {', '.join(missing)}. "
                "ct2-transformers-converter writes one with --copy_files tokenizer.json preprocessor_config.json"
            )
        key = (folder, device or _best_device())
        stamp = model_stamp(folder)
        if key not in _loaded or _loaded[key][0] != stamp:
            _loaded[key] = (stamp, _load(model, *key))
        return _loaded[key][1]


def _best_device() -> str:
    import ctranslate2

    return "cuda" if ctranslate2.get_cuda_device_count() else "cpu"


def _load(model: str, folder: Path, device: str) -> WhisperModel:
    from faster_whisper import WhisperModel

    kind, _, number = device.partition(":")
    numbers = "float16" if kind == "cuda" else "int8"
    try:
        with better_aligned(folder) as aligned:
            return WhisperModel(str(aligned), kind, int(number or 0), numbers, local_files_only=True)
    except MemoryError:
        raise
    # CTranslate2 and tokenizers raise RuntimeError, ValueError and plain Exception for invalid files.
    except Exception as error:
        raise TranscriberUnavailable(
            f"{model}: faster-whisper could not load {folder} on {device} ({error}). "
            "The folder has to be a Whisper model that was converted for CTranslate2"
        ) from error


def _find_or_download(model: str) -> Path:
    """Return the folder of a named model in Hugging Face's cache."""
    # huggingface_hub reads it when it is imported.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from faster_whisper import available_models, download_model
    from huggingface_hub.errors import LocalEntryNotFoundError

    if model not in available_models():
        raise TranscriberUnavailable(
            f"{model}: no such folder, and faster-whisper has no model of that name. "
            f"Use one of {', '.join(available_models())}, or a folder with a CTranslate2 model"
        )
    try:
        folder = Path(download_model(model, local_files_only=True))
        # A download that was interrupted leaves a folder with some of the files. Each of them is complete.
        if all((folder / name).is_file() for name in _FILES):
            return folder
    except LocalEntryNotFoundError:
        pass
    return _download(model)


def _download(model: str) -> Path:
    from faster_whisper import download_model
    from faster_whisper.utils import _MODELS
    from huggingface_hub import constants, hf_hub_url

    repository = _MODELS[model]
    try:
        if not constants.HF_HUB_OFFLINE:
            url = hf_hub_url(repository, "config.json")
            urllib.request.urlopen(url, timeout=_CONNECT_TIMEOUT).close()  # noqa: S310 - an address of the hub
        return Path(download_model(model))
    except MemoryError:
        raise
    # The hub's library raises errors of its HTTP client, which has changed from version to version.
    except Exception as error:
        cache = Path(constants.HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}"
        raise TranscriberUnavailable(
            f"faster-whisper's model {model!r} is not in the cache {cache} and could not be downloaded ({error}). "
            f"There are three solutions: (1) connect to the network once, or copy a folder with "
            f"{', '.join(_FILES)} of {repository} to this machine and name it with --whisper-model FOLDER; "
            f"(2) use --transcriber pocketsphinx, which needs no network; "
            f"(3) use --transcript FILE with a WebVTT, SRT or Whisper JSON file"
        ) from error
