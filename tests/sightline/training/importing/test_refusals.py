"""A model file that is more than weights and trees is refused by name, and runs nothing."""

from __future__ import annotations

import collections
import io
import os
import pickle
import pickletools
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from _compat_pickle import REVERSE_IMPORT_MAPPING, REVERSE_NAME_MAPPING
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline.errors import InvalidInput
from sightline.training.importing import worker
from sightline.training.importing.pickles import Refused, read_pickle
from sightline.training.importing.sandbox import read_contents, read_file


@pytest.fixture(autouse=True)
def _no_remains(tmp_path: Path) -> Iterator[None]:
    yield
    shutil.rmtree(tmp_path)


class Call:
    """Pickles as a call of ``function`` with ``arguments``."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def hostile(mark: Path) -> dict[str, tuple[Any, str]]:
    """Return objects that would create ``mark``, each with the name that is refused."""
    command = f"touch {mark}"
    return {
        "os.system": (Call(os.system, command), f"{os.system.__module__}.system"),
        "builtins.eval": (Call(eval, f"open({str(mark)!r}, 'w')"), "builtins.eval"),
        "builtins.exec": (Call(exec, f"open({str(mark)!r}, 'w')"), "builtins.exec"),
        "builtins.getattr": (Call(getattr, Call(__import__, "os"), "system"), "builtins.getattr"),
        "subprocess": (Call(subprocess.Popen, ["touch", str(mark)]), "subprocess.Popen"),
        "chain": (Call(map, Call(eval, "print"), Call(collections.deque, [command])), "builtins.map"),
        "nested": ({"model": [1, {"scaler": Call(os.system, command)}]}, f"{os.system.__module__}.system"),
        "in an array": (np.array([Call(os.system, command)], dtype=object), f"{os.system.__module__}.system"),
        "code of numpy": (Call(np.load, str(mark)), "numpy.load"),
        "a partial": (collections.OrderedDict(a=Call(io.open, str(mark), "w")), "io.open"),
    }


NAMES = tuple(hostile(Path("x")))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_reader_refuses_a_call_by_name(name: str, protocol: int, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    content, refused = hostile(mark)[name]
    if protocol < 3:  # The names of Python 2.
        module, _, function = refused.rpartition(".")
        module, function = REVERSE_NAME_MAPPING.get(
            (module, function), (REVERSE_IMPORT_MAPPING.get(module, module), function)
        )
        refused = f"{module}.{function}"
    with pytest.raises(Refused, match=f"^{re.escape(refused)}$"):
        read_pickle(pickle.dumps(content, protocol))
    assert not mark.exists()


@pytest.mark.parametrize("name", NAMES)
def test_pickle_that_would_run_code_is_refused_by_name(name: str, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    content, refused = hostile(mark)[name]
    with pytest.raises(InvalidInput, match=f"contains {re.escape(refused)}, which is not imported"):
        read_contents("model.pkl", pickle.dumps(content))
    assert not mark.exists()


@pytest.mark.parametrize(
    ("legacy", "name"),
    [
        (False, "os.system"),
        (True, "nested"),
        pytest.param(False, "builtins.eval", marks=pytest.mark.soak),
        pytest.param(False, "nested", marks=pytest.mark.soak),
        pytest.param(True, "os.system", marks=pytest.mark.soak),
        pytest.param(True, "builtins.eval", marks=pytest.mark.soak),
    ],
)
def test_torch_file_that_would_run_code_is_refused_by_name(name: str, legacy: bool, tmp_path: Path) -> None:
    import torch

    mark = tmp_path / "ran"
    content, refused = hostile(mark)[name]
    file = tmp_path / "model.pth"
    torch.save(
        {"state_dict": {"weight": torch.zeros(2), "x": content}}, file, _use_new_zipfile_serialization=not legacy
    )
    with pytest.raises(InvalidInput) as caught:
        read_contents("model.pth", file.read_bytes())
    assert refused.rpartition(".")[2] in str(caught.value)
    assert not mark.exists()


def test_pickled_network_is_refused_with_the_fix(tmp_path: Path) -> None:
    import torch
    from torchvision.models import resnet18

    torch.save(resnet18(), tmp_path / "model.pth")
    with pytest.raises(InvalidInput, match=r"torchvision\.models\.resnet\.ResNet.*state_dict\(\)"):
        read_contents("model.pth", (tmp_path / "model.pth").read_bytes())


def nested(depth: int) -> bytes:
    """Return a pickle of a few hundred bytes whose key takes 2 ** depth steps to hash."""
    code = b"\x80\x02)"  # an empty tuple
    for _ in range(depth):
        code += b"2\x86"  # DUP, TUPLE2
    return code.replace(b"\x80\x02)", b"\x80\x02})") + b"K\x01s."


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (nested(80), "more than 2 seconds of processor time"),
        (b"\x80\x04cbuiltins\nbytearray\n\x8a\x06\x00\x00\x00\x00\x00\x01\x85R.", "MiB of memory"),
        (pickle.dumps(Call(np.zeros(1).__reduce__()[0], np.ndarray, (1 << 40,), b"d")), "memory|valid"),
        (b"\x80\x04" + b"\x8c\x01a\x94" * 3 + b"\x93.", "valid|is not imported"),
        (b"\x80\x04P1\n.", "valid|outside the pickle"),
        (b"\x80\x04\x8c\x01x\x94Q.", "a reference to an object outside the pickle"),
        (b"\x80\x04\x82\x01.", "valid"),
        (b"", "valid"),
        (b"hello", "valid"),
        (pickle.dumps([[]] * 3)[:-1], "valid"),
        (pickle.dumps({"model": 3}), "a dict without estimators"),
        (pickle.dumps(pickletools.opcodes[:1]), r"pickletools\.OpcodeInfo"),
    ],
    ids=["endless", "allocation", "huge array", "stack", "persistent text", "persistent", "extension", "empty", "text",
         "cut off", "no estimator", "class"],
)  # fmt: skip
def test_exhausting_or_broken_pickle_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        read_contents("model.pkl", data, seconds=2)


def test_torch_file_with_more_values_than_it_stores_is_refused(tmp_path: Path) -> None:
    import torch

    torch.save({"a": torch.zeros(1).expand(1 << 40)}, tmp_path / "model.pth")
    with pytest.raises(InvalidInput, match="a, a tensor of 1099511627776 values that stores fewer"):
        read_contents("model.pth", (tmp_path / "model.pth").read_bytes())


def test_compressed_bomb_in_a_torch_file_is_refused(tmp_path: Path) -> None:
    import torch

    torch.save({"a": torch.zeros(4)}, tmp_path / "model.pth")
    with zipfile.ZipFile(tmp_path / "model.pth") as intact, zipfile.ZipFile(tmp_path / "bomb.pth", "w") as bomb:
        for entry in intact.namelist():
            content = bytes(2 << 30) if entry.endswith("data/0") else intact.read(entry)
            bomb.writestr(entry, content, zipfile.ZIP_DEFLATED, 1)
    with pytest.raises(InvalidInput):
        read_contents("model.pth", (tmp_path / "bomb.pth").read_bytes(), memory=1 << 30)


@pytest.mark.parametrize("uri", ["model.joblib", "model", "model.pkl.gz", "s3://models/model.h5"])
def test_file_of_another_kind_is_refused(uri: str) -> None:
    with pytest.raises(InvalidInput, match=r"ends in one of \.pth, \.pt, \.pkl, \.pickle"):
        read_file(uri)


RESTRICTED = {
    "start a program": "import os; assert os.system('true') != 0; os.fork()",
    "write a file": "open('written', 'w')",
    "read a file": "open('/etc/passwd')",
    "use the network": "import socket; socket.socket()",
    "resolve a name": "import socket; socket.getaddrinfo('localhost', 80); socket.create_connection(('127.0.0.1', 9))",
    "use more memory": "bytearray(4 << 30)",
    "compute without end": "while True: pass",
    "lift the limits": "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)); open('/etc/passwd')",
    "become root again": "import os; assert os.getuid() != 0; os.setuid(0)",
}


@pytest.mark.skipif(sys.platform != "linux", reason="macOS does not limit the address space")
@pytest.mark.parametrize("what", RESTRICTED)
def test_code_that_runs_in_the_restricted_process_can_do_nothing(what: str, tmp_path: Path) -> None:
    """As if a file had overcome the reader."""
    code = f"import os, socket, resource\nfrom {worker.__name__} import restrict\nrestrict(1 << 30, 2)\n"
    code += f"try:\n    exec({RESTRICTED[what]!r})\n"
    code += "except (OSError, MemoryError, ValueError): os._exit(7)\nos._exit(0)"
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PATH": os.environ["PATH"]}
    ended = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=False)
    assert ended.returncode == (-signal.SIGKILL if what == "compute without end" else 7)
    assert list(tmp_path.iterdir()) == []
