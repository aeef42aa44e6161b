"""Reading of an untrusted model file in a restricted process. Only arrays and plain values come back.

The process has none of this one's environment, credentials or open files. It knows a short list of names (see
:mod:`sightline.training.importing.pickles`; torch has its own list for ``weights_only``), calls nothing else, and could
not do anything if it did: see :func:`sightline.training.importing.worker.restrict`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from sightline import storage
from sightline.errors import InvalidInput
from sightline.training.importing.contents import Contents

__all__ = ["MAX_BYTES", "TORCH_SUFFIXES", "read_contents", "read_file"]

TORCH_SUFFIXES = (".pth", ".pt")
"""The suffixes of files that ``torch.save`` wrote."""

MAX_BYTES = 2 << 30
"""The largest file that is read."""

_PICKLE_SUFFIXES = (".pkl", ".pickle")
_SECONDS = 120  # of processor time
_MEMORY, _COPIES = 1 << 30, 6  # bytes, and bytes per byte of the file
_FIX = (
    "Only weights and trees are imported. Save a network as torch.save(model.state_dict(), FILE), and a "
    "RandomForestClassifier or XGBClassifier alone, or with its StandardScaler and LabelEncoder, with pickle.dump"
)


def read_file(uri: str) -> bytes:
    """Return the bytes of a model file of a known kind. Raises ``InvalidInput`` and ``StorageError``."""
    if not uri.lower().endswith(TORCH_SUFFIXES + _PICKLE_SUFFIXES):
        listed = ", ".join(TORCH_SUFFIXES + _PICKLE_SUFFIXES)
        raise InvalidInput(uri, "is not a model file of a known kind", f"Its name ends in one of {listed}")
    try:
        return storage.read_bytes(storage.locate(uri), MAX_BYTES)
    except FileNotFoundError as error:
        raise InvalidInput(uri, "there is no such file", "Give the path or the s3:// URI of the model") from error


def read_contents(uri: str, data: bytes, *, seconds: int = _SECONDS, memory: int | None = None) -> Contents:
    """Return the arrays and values in the file ``data``, whose kind is that of the suffix of ``uri``.

    ``seconds``: the processor time it may take; ``memory``: the bytes it may use, by default more for a larger file.
    Raises ``InvalidInput`` with the name of what was refused.
    """
    kind: Literal["torch", "pickle"] = "torch" if uri.lower().endswith(TORCH_SUFFIXES) else "pickle"
    allowed = _MEMORY + _COPIES * len(data) if memory is None else memory
    answer, status = _run(kind, data, allowed, seconds)
    if answer[:1] == b"-":
        raise InvalidInput(uri, f"contains {answer[1:].decode(errors='replace')}, which is not imported", _FIX)
    if answer[:1] != b"+":
        raise InvalidInput(uri, f"cannot be imported: {_end(status, seconds)}", _FIX)
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays, header = load(answer[1:]), json.loads(answer[9 : 9 + int.from_bytes(answer[1:9], "little")])
        return Contents(arrays, json.loads(header["__metadata__"]["values"]))
    except (SafetensorError, ValueError, KeyError) as error:
        raise InvalidInput(uri, f"cannot be imported: the process that read it answered nonsense ({error})") from error


def _run(kind: str, data: bytes, memory: int, seconds: int) -> tuple[bytes, int]:
    """Return the output of the restricted process, and its exit status."""
    command = [sys.executable, "-P", "-m", "sightline.training.importing.worker", kind, str(memory), str(seconds)]
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        # Threads cannot be started there.
        **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    }
    with TemporaryDirectory(prefix="sightline-", ignore_cleanup_errors=True) as folder:
        file = Path(folder) / "model"
        file.write_bytes(data)
        with (
            file.open("rb") as stdin,
            subprocess.Popen(  # noqa: S603 - a fixed command
                command,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env=environment,
                start_new_session=True,
            ) as process,
        ):
            assert process.stdout  # noqa: S101 - it is a pipe
            # The limit of processor time does not end a process that waits.
            timer = threading.Timer(4 * seconds + 60, process.kill)
            timer.start()
            try:
                answer = process.stdout.read(memory)
                process.kill()  # It has answered, or answers without end.
            finally:
                timer.cancel()
            process.wait()
    return answer, process.returncode


def _end(status: int, seconds: int) -> str:
    if status in (-signal.SIGXCPU, -signal.SIGKILL):
        return f"reading it took more than {seconds} seconds of processor time"
    return f"the process that read it ended with {signal.Signals(-status).name if status < 0 else f'status {status}'}"
