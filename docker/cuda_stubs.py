"""Stubs of the CUDA libraries that PyTorch is linked against, so that it runs on a CPU without them.

PyTorch's wheel for Linux is linked against 2.5 GB of CUDA libraries. ``import torch`` needs them, but they are called
only on a GPU. One small library replaces them all: every function that PyTorch imports fails with a message that names
the image to use. The CUDA runtime is not replaced: it reports to PyTorch that there is no GPU.

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
    """Write the stubs of the CUDA libraries that the libraries in the folder are linked against."""
    files = sorted(libraries.glob("*.so*"))
    functions = {name for file in files for name in undefined(file) if FUNCTION.fullmatch(name)}
    needed = {name for file in files for name in linked(file) if LIBRARY.fullmatch(name)}
    if not functions or not needed:
        sys.exit(f"{libraries} has no library that is linked against CUDA: the stubs are no longer needed")
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "stub.c"
        source.write_text(HEAD + "".join(map(stub, sorted(functions))))
        run("gcc", "-shared", "-fPIC", "-O1", "-o", str(output / STUB), str(source))
    for name in needed:
        (output / name).symlink_to(STUB)
    print(f"{len(functions)} functions of {', '.join(sorted(needed))}")


def stub(name: str) -> str:
    """Return the function in C. It returns 1, an error code in all of these libraries, or an error text."""
    if name.endswith(("String", "LastError")):
        return f"const char *{name}() {{ return why; }}\n"
    return f'long {name}() {{ return fail("{name}"); }}\n'


def undefined(library: Path) -> list[str]:
    """Return the undefined symbols of the library."""
    return [
        line.split()[-1].partition("@")[0] for line in run("nm", "-D", "--undefined-only", str(library)).splitlines()
    ]


def linked(library: Path) -> list[str]:
    """Return the libraries that the library is linked against."""
    return re.findall(r"\(NEEDED\).*\[(.+)\]", run("readelf", "-d", str(library)))


def run(*command: str) -> str:
    """Run the command and return its standard output."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
