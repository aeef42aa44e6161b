"""How ``classify_images`` scales to 100,000 images on one machine. Not part of ``make bench``: it runs for hours.

The images are distinct 32x64 JPEGs in the local S3 (``deployments.local_aws``), the model is the posture preset's small
network with seeded random weights. For each task runner (threads, Dask and Ray on local processes) and each number of
images, one run measures:

- images per second of wall time, and per processor second of the flow with all its worker processes.
- the peak memory of these processes (proportional set size, sampled).
- the processor seconds of the Prefect server until it is idle, per chunk of 64 images, and the growth of its SQLite
  database per chunk.
- the processor seconds of the local S3 per image.

Every figure is followed by its ratio to that of the fewest images. A run ends with the right number of records, or the
benchmark fails. Linux only.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image

from benchmarks._server import BenchServer, serve
from benchmarks.images import _make_model, _models

ROOT = Path(__file__).resolve().parent.parent
OUT = Path(__file__).parent / "out"
CHUNK, SIZE = 64, (32, 64)
RUNNERS = ("threads", "dask", "ray")
_SET_CHILD_SUBREAPER = 36  # of prctl(2)
_KEYS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": "us-east-1"}


def main() -> None:
    """Measure, print the figures, and write them to ``benchmarks/out/scale.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument("--runners", nargs="+", choices=RUNNERS, default=list(RUNNERS))
    parser.add_argument("--child", help=argparse.SUPPRESS)  # the folder with the images of one run
    options = parser.parse_args()
    if options.child:
        print(json.dumps(_run_flow(options.child)))
        return
    OUT.mkdir(exist_ok=True)
    _make_model(pretrained=False)
    counts = sorted(options.images)
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="sightline-scale-") as name, _local_s3(Path(name)) as (store, url):
        _upload(url, counts)
        for runner in options.runners:
            for count in counts:
                with serve() as server:
                    results.append({"runner": runner, "images": count} | _measure(runner, count, server, store, url))
                print(_line(results[-1], next(first for first in results if first["runner"] == runner)), flush=True)
                (OUT / "scale.json").write_text(json.dumps(results, indent=2))


def _measure(runner: str, count: int, server: BenchServer, store: psutil.Process, url: str) -> dict[str, float]:
    database = Path(server.environment["PREFECT_HOME"])
    server.wait_until_idle()
    before, in_store, size = server.cpu_seconds(), _seconds(store), _database_bytes(database)
    environment = server.environment | _KEYS | {
        "AWS_ENDPOINT_URL": url,
        "NO_PROXY": "127.0.0.1",
        "TASK_RUNNER": runner,
        "MODEL_BUCKET": str(_models(pretrained=False)),
        "RESULTS_BUCKET": f"s3://results/{runner}",  # or the next runner would find the results of this one
        "CAPTURE_BUCKET": "s3://capture",
        "FLOW_TIMEOUT_SECONDS": str(24 * 3600),
        "RAY_USAGE_STATS_ENABLED": "0",
    }  # fmt: skip
    command = [sys.executable, "-m", "benchmarks.scale", "--child", f"s3://models/images/{count}/"]
    completed = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, check=False)
    if completed.returncode:
        raise SystemExit(f"the run with {runner} failed:\n{completed.stderr[-3000:]}")
    flow = json.loads(completed.stdout.splitlines()[-1])
    if flow["classified"] != count:
        raise SystemExit(f"{flow['classified']} of {count} images were classified in this run")
    server.wait_until_idle(1800)
    chunks = -(-count // CHUNK)
    return {
        "images a second": count / flow["seconds"],
        "images a processor second": count / flow["processor"],
        "peak MiB": flow["peak_mib"],
        "server ms a chunk": 1e3 * (server.cpu_seconds() - before) / chunks,
        "database KiB a chunk": (_database_bytes(database) - size) / 1024 / chunks,
        "S3 ms an image": 1e3 * (_seconds(store) - in_store) / count,
    }


def _line(result: dict[str, Any], first: dict[str, Any]) -> str:
    figures = (
        f"{name} {value:.2f} ({value / first[name]:.2f})"
        for name, value in result.items()
        if name not in ("runner", "images")
    )
    return f"{result['runner']}, {result['images']:,} images: {', '.join(figures)}"


def _run_flow(source: str) -> dict[str, Any]:
    """Run the command of a user, and return its counts, its seconds and the memory of all its processes."""
    if ctypes.CDLL(None, use_errno=True).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")
    command = [sys.executable, "-m", "flows", "classify-images", source, "--model=posture", f"--chunk-size={CHUNK}"]
    start, peak = time.perf_counter(), 0.0
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen([*command, "--json"], stdout=output)
        while process.poll() is None:
            peak = max(peak, _memory())
            time.sleep(0.5)
        seconds = time.perf_counter() - start
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} failed")
        output.seek(0)
        result = json.loads(output.read())
    while True:  # the processes of a cluster that still end
        try:
            os.wait()
        except ChildProcessError:
            break
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    classified = result["images"] - result["rejected"] if result["processed"] else 0
    return {"classified": classified, "seconds": seconds, "processor": used.ru_utime + used.ru_stime, "peak_mib": peak}


def _memory() -> float:
    """Return the proportional set size of all processes below this one, in MiB."""
    total = 0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            total += process.memory_full_info().pss
    return total / (1 << 20)


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _database_bytes(home: Path) -> int:
    return sum(file.stat().st_size for file in home.glob("prefect.db*"))


@contextmanager
def _local_s3(folder: Path) -> Iterator[tuple[psutil.Process, str]]:
    """Run the local S3 inside the context; yield its process and its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    command = [sys.executable, "-m", "deployments.local_aws", str(folder / "aws"), str(port)]
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while True:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the local S3 does not answer:\n{(folder / 'log.txt').read_text()[-3000:]}")
            time.sleep(0.1)
        yield psutil.Process(process.pid), f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


def _upload(url: str, counts: list[int]) -> None:
    """Store the images in folders that are named after the numbers of images in them."""
    import boto3

    os.environ |= _KEYS
    s3 = boto3.client("s3", endpoint_url=url)
    print(f"storing {sum(counts):,} images ...", flush=True)

    def put(number: int, count: int) -> None:
        s3.put_object(Bucket="models", Key=f"images/{count}/{number:06d}.jpg", Body=_image(number))

    for count in counts:
        with ThreadPoolExecutor(4) as pool:
            for _ in pool.map(put, range(count), [count] * count):
                pass


def _image(number: int) -> bytes:
    """Return a JPEG of blurred noise; every number has another one."""
    coarse = np.random.default_rng(number).integers(0, 255, (8, 4), np.uint8)
    buffer = BytesIO()
    Image.fromarray(coarse).resize(SIZE, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
