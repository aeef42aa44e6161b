"""The first answer from a cold start. Run by ``make bench``. Linux only.

Every figure is in processor seconds, user and system, of a command and all processes that it starts and stops. Ratios
are between measurements of one round; the figure is the median over the rounds.

- ``import``: ``python -c "import prefect"``, the unit of the next five.
- ``help``: ``sightline classify-images --help``.
- ``first``: ``sightline classify-images`` on one image of 32 pixels, with an empty home and no Prefect server or
  database. A server that the command leaves running counts, until it is idle. Target: 6.
- ``next``: the same command with another image. Target: 2.5.
- ``running``: the same with a server that was started before. ``server``: what that server needs for it.
- ``monitor``: ``sightline monitor-model`` on 200 captured events, with a running server. Target: 3.
- ``video``: ``sightline process-video`` on 8 s of 1280x720 with a transcript and a running server, relative to ffmpeg,
  which decodes the clip, draws and encodes it, plus a program that runs MediaPipe's bare tracker. Target: 1.6.
- ``api``: the memory (proportional set size) of ``make api`` with the model vehicles loaded. ``--before FOLDER``
  measures the same with an earlier version of the code. Target: 0.5 of it.

The last three commands run in a home in which a command ran before, so that the caches of libraries exist.

``--code FOLDER`` measures another version of the code instead of this one.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil

from benchmarks._server import serve

ROOT = Path(__file__).resolve().parent.parent
OUT = Path(__file__).parent / "out"
EVENTS, CLIP_SECONDS, CLIP_SIZE = 200, 8, (1280, 720)
TARGETS = {"first": 6.0, "next": 2.5, "monitor": 3.0, "video": 1.6, "api": 0.5}
_SET_CHILD_SUBREAPER = 36  # of prctl(2)
_READY_SECONDS = 120
_IDLE_SECONDS = 0.1  # processor seconds per second of a server without work

Figures = dict[str, float]


def main() -> None:
    """Measure, print the figures, and write them to ``benchmarks/out/cold.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=("images", "monitor", "video", "api"), help="measure only these")
    parser.add_argument("--code", type=Path, default=ROOT, help="a checkout of the code to measure")
    parser.add_argument("--before", type=Path, help="a checkout of earlier code, to compare the memory of the service")
    options = parser.parse_args()
    _adopt_orphans()
    OUT.mkdir(exist_ok=True)
    parts: dict[str, Callable[[Path], Figures]] = {
        "images": _measure_images,
        "monitor": _measure_monitor,
        "video": _measure_video,
        "api": lambda code: _measure_api(code, options.before),
    }
    rounds: dict[str, list[Figures]] = {name: [] for name in parts if options.only is None or name in options.only}
    for _ in range(options.rounds):
        for name, figures in rounds.items():
            figures.append(parts[name](options.code.resolve()))
            print(f"{name}: " + ", ".join(f"{what} {value:.2f}" for what, value in figures[-1].items()), flush=True)
    medians = {
        what: statistics.median(figure[what] for figure in figures)
        for figures in rounds.values()
        for what in figures[0]
    }
    print()
    for what, value in medians.items():
        print(f"{what:24s} {value:8.2f}" + (f"   (target {TARGETS[what]:g})" if what in TARGETS else ""))
    (OUT / "cold.json").write_text(json.dumps({"medians": medians, "rounds": rounds}, indent=2))


def _measure_images(code: Path) -> Figures:
    with tempfile.TemporaryDirectory(prefix="sightline-cold-") as name:
        home = Path(name)
        commands = [_sightline("classify-images", image) for image in _images(home / "images", 4)]
        cold, seconds = _environment(code, home), {"import": _import_seconds(code, home)}
        seconds["help"], _ = _run(_sightline("classify-images", "--help"), cold)
        if (code / "flows" / "local_server").exists():  # as make setup does
            _run([sys.executable, "-m", "flows.local_server"], cold)
        first, left_over = _run(commands[0], cold)
        seconds["first"] = first + left_over
        seconds["next"], _ = _run(commands[1], cold)
        _end_left_over()
        with serve() as server:
            served = _environment(code, home, server.environment["PREFECT_API_URL"])
            _run(commands[2], served)
            seconds["running"], seconds["server"] = _run(commands[3], served)
    return _over_import(seconds)


def _measure_monitor(code: Path) -> Figures:
    with tempfile.TemporaryDirectory(prefix="sightline-cold-") as name, serve() as server:
        home = Path(name)
        captures = _captures(home / "captures")
        environment = _environment(code, home, server.environment["PREFECT_API_URL"])
        command = _sightline("monitor-model", "vehicles", "--capture", captures)
        _run(command, environment)
        return _over_import({"import": _import_seconds(code, home), "monitor": _run(command, environment)[0]})


def _measure_video(code: Path) -> Figures:
    from benchmarks.video import transcript

    clip = OUT / "clip-cold.mp4"
    if not clip.exists():
        from demo.clip import build_clip

        speech = ROOT / "demo" / "speech.ogg"
        build_clip(clip.with_suffix(".part.mp4"), speech, seconds=CLIP_SECONDS, size=CLIP_SIZE).rename(clip)
    with tempfile.TemporaryDirectory(prefix="sightline-cold-") as name, serve() as server:
        home = Path(name)
        words = home / "words.vtt"
        words.write_text(transcript(CLIP_SECONDS))
        bare = _environment(ROOT, home)
        tracker = [sys.executable, "-m", "benchmarks.video", "--tracker", str(clip)]
        ffmpeg = [sys.executable, "-m", "benchmarks.video", "--ffmpeg", str(clip)]
        _run(tracker, bare)
        seconds = {"ffmpeg s": _run(ffmpeg, bare)[0], "tracker s": _run(tracker, bare)[0]}
        environment = _environment(code, home, server.environment["PREFECT_API_URL"])
        command = _sightline("process-video", clip, "--patient", "ana", "--transcript", words)
        flow, _ = _run(command, environment)
    return {"flow s": flow, **seconds, "video": flow / sum(seconds.values())}


def _measure_api(code: Path, before: Path | None) -> Figures:
    now = _api_mib(code)
    if before is None:
        return {"api MiB": now}
    earlier = _api_mib(before.resolve())
    return {"api MiB": now, "api MiB before": earlier, "api": now / earlier}


def _api_mib(code: Path) -> float:
    """Return the memory of the service with vehicles loaded and one image classified."""
    import httpx

    with tempfile.TemporaryDirectory(prefix="sightline-cold-") as name:
        home = Path(name)
        (image,) = _images(home / "images", 1)
        port = _free_port()
        environment = _environment(code, home) | {"PORT": str(port), "API_MODELS": '["vehicles"]'}
        process = subprocess.Popen([sys.executable, "-m", "api"], env=environment, cwd=code, stderr=subprocess.DEVNULL)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                _wait_until_ready(client, process)
                payload = {"images": [b64encode(image.read_bytes()).decode()]}
                answer = client.post("/classify", params={"model": "vehicles"}, json=payload)
                answer.raise_for_status()
            return float(sum(part.memory_full_info().pss for part in _with_children(process.pid)) / (1 << 20))
        finally:
            process.terminate()
            process.wait(60)


def _wait_until_ready(client: Any, process: subprocess.Popen[bytes]) -> None:
    import httpx

    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(httpx.TransportError):  # it does not listen yet
            if client.get("/ready").status_code == httpx.codes.OK:
                return
        time.sleep(0.2)
    raise SystemExit(f"the service was not ready after {_READY_SECONDS} s")


def _over_import(seconds: Figures) -> Figures:
    """Return the seconds, and the ratio of each to that of the import under its own name."""
    ratios = {what: value / seconds["import"] for what, value in seconds.items() if what != "import"}
    return {f"{what} s": value for what, value in seconds.items()} | ratios


def _import_seconds(code: Path, home: Path) -> float:
    return _run([sys.executable, "-c", "import prefect"], _environment(code, home))[0]


def _sightline(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "flows", *map(str, arguments)]


def _environment(code: Path, home: Path, server: str | None = None) -> dict[str, str]:
    """Return the variables of a user with this home, who uses this version of the code."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    buckets = {name: str(home / name) for name in ("MODEL_BUCKET", "RESULTS_BUCKET", "CAPTURE_BUCKET", "VIDEO_BUCKET")}
    return {
        **kept,
        **buckets,
        "PATIENTS_BUCKET": str(home / "PATIENTS_BUCKET"),
        "HOME": str(home),
        "PREFECT_HOME": str(home / ".prefect"),
        "PYTHONPATH": str(code),
        **({"PREFECT_API_URL": server} if server else {}),
    }


def _run(command: Sequence[str], environment: dict[str, str]) -> tuple[float, float]:
    """Run the command. Return its processor seconds, and those of servers that it uses or leaves running."""
    servers = _seconds_of_running()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command, env=environment, cwd=environment["PYTHONPATH"], stdout=subprocess.DEVNULL, stderr=errors
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            raise SystemExit(f"{' '.join(command)} failed:\n{errors.read().decode()[-3000:]}")
    before = _seconds_of_running()
    while True:
        time.sleep(1)
        now = _seconds_of_running()
        if now - before < _IDLE_SECONDS:
            return used.ru_utime + used.ru_stime, now - servers
        before = now


def _seconds_of_running() -> float:
    """Return the processor seconds so far of all running processes that this one and its children started."""
    total = 0.0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def _adopt_orphans() -> None:
    """Become the parent of processes whose parent ends, such as a server that a command leaves running."""
    if ctypes.CDLL(None, use_errno=True).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def _end_left_over() -> None:
    """End the processes that the commands left running, because their home is removed next."""
    left_over = psutil.Process().children(recursive=True)
    for process in left_over:
        process.terminate()
    _, alive = psutil.wait_procs(left_over, 30)
    for process in alive:
        process.kill()


def _with_children(pid: int) -> Iterator[psutil.Process]:
    process = psutil.Process(pid)
    yield process
    yield from process.children(recursive=True)


def _free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _images(folder: Path, count: int) -> list[Path]:
    import numpy as np
    from PIL import Image

    folder.mkdir()
    files = [folder / f"{number}.png" for number in range(count)]
    for number, file in enumerate(files):
        Image.fromarray(np.random.default_rng(number).integers(0, 256, (32, 32, 3), np.uint8)).save(file)
    return files


def _captures(folder: Path) -> Path:
    """Write captures of predictions that are drawn from those of the vehicles model on its test set."""
    import numpy as np

    from sightline.monitoring import CaptureEvent, write_capture
    from sightline.registry import BASELINE, Baseline, Registry

    registry = Registry(OUT / "models")
    data = registry.read(registry.record("vehicles"), BASELINE)
    assert data
    rows = Baseline.load(data).probabilities.astype(float)
    sampled = rows[np.random.default_rng(0).integers(0, len(rows), EVENTS)].tolist()
    at = datetime.now(UTC) - timedelta(days=1)
    events = (
        CaptureEvent(UUID(int=number), at, "text/csv", b"0.1,0.2", tuple(row), seconds=0.01)
        for number, row in enumerate(sampled)
    )
    write_capture(folder, "vehicles", "v1", events, at=at, file_id=UUID(int=0))
    return folder


if __name__ == "__main__":
    main()
