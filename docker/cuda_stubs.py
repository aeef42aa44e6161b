"""Stand-ins for the CUDA libraries that PyTorch is linked against, so that it runs on a processor without them.

PyTorch's wheel for Linux is linked against 2.5 GB of CUDA libraries, which ``import torch`` needs and which are called
on a GPU only. All of them become one small library, in which every function that PyTorch names fails, and says which
image to take. The CUDA runtime is not among them: it tells PyTorch that there is no GPU.

``python cuda_stubs.py TORCH/lib OUTPUT``; needs gcc, nm and readelf.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

LIBRARY = re.compile(
    r"lib(cublas|cublasLt|cudnn|cufft|cufile|cusolver|cusparse|cusparseLt|nccl|nvrtc|nvshmem_host)\.so\.\d+"
)
FUNCTION = re.compile(r"(cublas|cudnn|cufft|cuFile|cusolver|cusparse|nccl|nvrtc|nvshmem)\w+")
STUB = "libsightline_no_cuda.so"
HEAD = """
#include <stdio.h>
static const char why[] = "this image has no CUDA; build it with VARIANT=cuda";
static long fail(const char *function) { fprintf(stderr, "%s: %s\\n", function, why); return 1; }
"""


def main(libraries: Path, output: Path) -> None:
    """Write the stand-ins for what the libraries in the folder are linked against."""
    files = sorted(libraries.glob("*.so*"))
    functions = {name for each in files for name in undefined(each) if FUNCTION.fullmatch(name)}
    needed = {name for each in files for name in linked(each) if LIBRARY.fullmatch(name)}
    if not functions or not needed:
        sys.exit(f"{libraries} has no library that is linked against CUDA: the stand-ins are not needed any more")
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "stub.c"
        source.write_text(HEAD + "".join(map(stub, sorted(functions))))
        run("gcc", "-shared", "-fPIC", "-O1", "-o", str(output / STUB), str(source))
    for name in needed:
        (output / name).symlink_to(STUB)
    print(f"{len(functions)} functions of {', '.join(sorted(needed))}")


def stub(name: str) -> str:
    """The function in C: 1 is a failure to all of these libraries; some functions give a text in its place."""
    if name.endswith(("String", "LastError")):
        return f"const char *{name}() {{ return why; }}\n"
    return f'long {name}() {{ return fail("{name}"); }}\n'


def undefined(library: Path) -> list[str]:
    """The names that the library expects others to have."""
    return [
        line.split()[-1].partition("@")[0] for line in run("nm", "-D", "--undefined-only", str(library)).splitlines()
    ]


def linked(library: Path) -> list[str]:
    """The libraries that it is linked against."""
    return re.findall(r"\(NEEDED\).*\[(.+)\]", run("readelf", "-d", str(library)))


def run(*command: str) -> str:
    """What the command prints."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
