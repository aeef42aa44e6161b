"""The restricted process: ``python -m sightline.training.importing.worker KIND MEMORY CPU`` reads a file from stdin.

It writes ``+`` and the contents as safetensors, or ``-`` and the reason for the refusal. What it may do is taken away
before the first byte of the file is interpreted: see :func:`restrict`.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import sys
from pathlib import Path

__all__ = ["main", "restrict"]

_NOBODY = 65534


def main() -> None:
    """Read one file, and write what is imported from it."""
    kind, memory, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # Prints of libraries do not mix with the output.
    data = sys.stdin.buffer.read()
    from safetensors.numpy import save

    from sightline.training.importing import contents
    from sightline.training.importing.pickles import Refused

    read = {"torch": contents.read_torch, "pickle": contents.read_estimators}[kind]
    _load_libraries(kind, data)
    restrict(memory, seconds)
    try:
        arrays, values = read(data)
        answer = b"+" + save(dict(arrays), {"values": json.dumps(values, allow_nan=False)})
    except Refused as refused:
        answer = f"-{refused}".encode(errors="replace")
    except MemoryError:
        answer = f"-more than the {memory >> 20} MiB of memory that it may use".encode()
    except Exception as error:  # An invalid file raises any kind; the traceback would name only our own lines.
        answer = f"-contents that are not valid ({type(error).__name__}: {str(error)[:200]})".encode(errors="replace")
    output.write(answer)
    output.flush()
    os._exit(0)  # Nothing of the file's contents runs at the end, such as a destructor.


def restrict(memory: int, seconds: int) -> None:
    """Leave the process only its memory, its open pipes, and the processor for a while; none of it can be undone.

    ``memory``: bytes in addition to those in use. ``seconds``: of processor time in addition to those used. Without
    file descriptors nothing can be opened and no socket created, so there is no network; without write permission and
    processes nothing can be written or started. The address space is limited on Linux only: macOS ignores the limit.
    """
    if sys.platform == "linux":
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        _limit(resource.RLIMIT_AS, used + memory)
    spent = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, int(spent.ru_utime + spent.ru_stime) + 1 + seconds)
    if os.geteuid() == 0:  # The limits do not hold for root.
        with contextlib.suppress(PermissionError):  # Without the capability to change it, root has no other either.
            os.setgroups([])
            os.setgid(_NOBODY)
            os.setuid(_NOBODY)
    for kind in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC, resource.RLIMIT_NOFILE):
        _limit(kind, 0)


def _limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (limit, limit))


def _load_libraries(kind: str, data: bytes) -> None:
    """Import and use once what reading ``data`` needs: afterwards no file can be opened."""
    if kind == "torch":
        import torch

        buffer = io.BytesIO()
        torch.save({"weights": torch.zeros(1)}, buffer)
        torch.load(io.BytesIO(buffer.getvalue()), weights_only=True)["weights"].numpy()
        for kind_of_number in (torch.float16, torch.bfloat16, torch.float64):
            torch.ones(64, dtype=kind_of_number).float()
        with contextlib.suppress(Exception):
            torch.load(io.BytesIO(b"x"), weights_only=True)
        return
    # Importing XGBoost takes longer than reading a forest. A pickle of boosted trees contains the name of their class.
    if b"xgboost" not in data:
        return
    import numpy as np
    import xgboost

    from sightline.vision.ubjson import check_ubjson

    booster = xgboost.train({"nthread": 1}, xgboost.DMatrix(np.eye(2), np.arange(2)), 1)
    handle = bytearray(booster.__getstate__()["handle"])
    check_ubjson(bytes(handle))
    restored = xgboost.Booster()
    restored.__setstate__({"handle": handle})
    restored.save_raw("ubj")


if __name__ == "__main__":
    main()
