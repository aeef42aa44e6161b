"""Speed of the HTTP service compared with the bare model. Run by ``make bench``.

The service runs the bundled vehicles model in its own process. Every caller in this process sends one 32x32 PNG as
base64 after another, over a connection that stays open. One run measures:

- requests per second, and the median and 95th percentile of their latency, with 1, 8 and 32 callers; and the ratio of
  that rate to the images per second of the bare model in batches of 32, the service's largest batch. Target with 32
  callers: at least 0.8. On a machine with other work, the ratio of the processor seconds is more reliable: those of the
  bare model per image, over those of the service per request.
- the rate with batching over the rate without, with 32 callers. Target: at least 1.5, on 2 cores. The processor time
  per request of both services is printed too, because other work on the machine affects it less.

The gain of batching depends on the model. Therefore the rate of the bare model in batches of 32 over its rate one by
one is printed for two models: vehicles, and a ranking model (ResNet18 as ONNX at 224x224 with seeded random weights,
which is as fast as with trained ones). In a request to rank a photo, finding the people takes nearly all the time.

Every round measures the services in turn. Every figure is the median over the rounds, every ratio the median of the
rounds' ratios. Only 127.0.0.1 is called.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

OUT = Path(__file__).parent / "out"
CLIENTS = (1, 8, 32)
BATCH = 32
_HOST = "127.0.0.1"
_WARM_UP = 2.0  # seconds of load before anything is counted


def main() -> None:
    """Measure, print the figures, and write them to ``benchmarks/out/api.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0, help="duration of a measurement")
    parser.add_argument("--bare", choices=sorted(_MODELS), help=argparse.SUPPRESS)
    parser.add_argument("--models", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        predict = _MODELS[options.bare](options.models)
        for _ in sys.stdin:
            single, _ = _rate(predict, 1, options.seconds)
            batched, milliseconds = _rate(predict, BATCH, options.seconds)
            print(json.dumps({"single": single, "batched": batched, "cpu": milliseconds}), flush=True)
        return
    with tempfile.TemporaryDirectory() as folder:
        result = _measure(Path(folder), options.rounds, options.seconds)
    for name in _MODELS:
        print(
            f"bare {name}: {result[f'{name}_batched']:.0f} images per second in batches of {BATCH}, "
            f"{result[f'{name}_batched'] / result[f'{name}_single']:.2f} times the rate one by one"
        )
    for clients in CLIENTS:
        print(
            f"{clients:2d} callers: {result[f'rate_{clients}']:.0f} requests per second, "
            f"{result[f'over_bare_{clients}']:.2f} of the bare model; "
            f"p50 {result[f'p50_{clients}']:.1f} ms, p95 {result[f'p95_{clients}']:.1f} ms"
        )
    print(f"with batching over without, 32 callers: {result['batching']:.2f} (target at least 1.5)")
    print(f"processor time per request: {result['cpu']:.1f} ms, {result['cpu_one_at_a_time']:.1f} ms without batching")
    print(
        f"processor time of the bare model over that of a request: {result['cpu_over_bare']:.2f} (target at least 0.8)"
    )
    OUT.mkdir(exist_ok=True)
    (OUT / "api.json").write_text(json.dumps(result, indent=2))


def _measure(folder: Path, rounds: int, seconds: float) -> dict[str, Any]:
    _prepare(folder)
    body = json.dumps({"images": [b64encode(_image()).decode()]}).encode()
    with ExitStack() as stack:
        batching = stack.enter_context(_service(folder))
        single = stack.enter_context(_service(folder, API_MAX_BATCH="1", API_MAX_WAIT_MS="0"))
        bare = [stack.enter_context(_bare(name, folder, seconds)) for name in _MODELS]
        for service in (batching, single):
            _load(service, body, CLIENTS[-1], _WARM_UP)
        figures = []
        for number in range(rounds):
            figure = {name: rate for measure in bare for name, rate in measure().items()}
            figure |= _loads(batching, single, body, seconds, figure["vehicles_batched"])
            figure["cpu_over_bare"] = figure["vehicles_cpu"] / figure["cpu"]
            print(
                f"round {number + 1}: " + ", ".join(f"{name} {value:.2f}" for name, value in figure.items()), flush=True
            )
            figures.append(figure)
    medians = {name: statistics.median(figure[name] for figure in figures) for name in figures[0]}
    return {**medians, "rounds": figures}


def _loads(batching: _Service, single: _Service, body: bytes, seconds: float, bare: float) -> dict[str, float]:
    figure: dict[str, float] = {}
    for clients in CLIENTS:
        load = _load(batching, body, clients, seconds)
        figure |= {
            f"rate_{clients}": load.rate,
            f"p50_{clients}": load.percentile(50),
            f"p95_{clients}": load.percentile(95),
            f"over_bare_{clients}": load.rate / bare,
        }
    one_at_a_time = _load(single, body, CLIENTS[-1], seconds)
    figure |= {"cpu": load.cpu_milliseconds, "cpu_one_at_a_time": one_at_a_time.cpu_milliseconds}
    figure["rate_one_at_a_time"] = one_at_a_time.rate
    figure["batching"] = figure[f"rate_{CLIENTS[-1]}"] / figure["rate_one_at_a_time"]
    return figure


@dataclass(frozen=True)
class _Service:
    """A running service."""

    port: int
    pid: int

    def cpu_seconds(self) -> float:
        """Return the processor time that the process has used so far. Linux only."""
        ticks = [int(field) for field in Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[11:13]]
        return sum(ticks) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Load:
    """The latency of every request in milliseconds, and the service's processor seconds for all of them."""

    seconds: float
    cpu: float
    milliseconds: list[float]

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.milliseconds) / self.seconds

    @property
    def cpu_milliseconds(self) -> float:
        """Processor milliseconds of the service per request."""
        return 1e3 * self.cpu / len(self.milliseconds)

    def percentile(self, percent: int) -> float:
        """Return this percentile of the latency, in milliseconds."""
        return statistics.quantiles(self.milliseconds, n=100)[percent - 1]


def _load(service: _Service, body: bytes, clients: int, seconds: float) -> Load:
    """Send requests from several callers. They write bytes to sockets: a client library would use a full core."""
    head = f"POST /classify HTTP/1.1\r\nHost: {_HOST}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    request = head.encode() + b"\r\n\r\n" + body
    latencies: list[float] = []

    async def call(end: float) -> None:
        reader, writer = await asyncio.open_connection(_HOST, service.port)
        while (start := time.perf_counter()) < end:
            writer.write(request)
            head_bytes = await reader.readuntil(b"\r\n\r\n")
            length = int(head_bytes.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            content = await reader.readexactly(length)
            if not head_bytes.startswith(b"HTTP/1.1 200 "):
                raise SystemExit(f"the service responded with {content.decode()}")
            latencies.append(1e3 * (time.perf_counter() - start))
        writer.close()

    async def call_all() -> float:
        start = time.perf_counter()
        await asyncio.gather(*(call(start + seconds) for _ in range(clients)))
        return time.perf_counter() - start

    before = service.cpu_seconds()
    duration = asyncio.run(call_all())
    return Load(duration, service.cpu_seconds() - before, latencies)


@contextmanager
def _service(folder: Path, **settings: str) -> Iterator[_Service]:
    """Run the service in its own process, and wait until it is ready."""
    with socket.create_server((_HOST, 0)) as free:
        port = int(free.getsockname()[1])
    environment = {
        **os.environ,
        "PORT": str(port),
        "MODEL_BUCKET": str(folder),
        "API_MODELS": '["vehicles"]',
        **settings,
    }
    with subprocess.Popen([sys.executable, "-m", "api"], env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 900
            while not _is_ready(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit("the service did not start. Run `make api` to see the error")
                time.sleep(0.5)
            yield _Service(port, process.pid)
        finally:
            process.terminate()


def _is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://{_HOST}:{port}/ready", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def _bare(name: str, folder: Path, seconds: float) -> Iterator[Callable[[], dict[str, float]]]:
    """Run the bare model in its own process, without other threads; yield a function that measures it."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.api",
        "--bare",
        name,
        "--models",
        str(folder),
        "--seconds",
        str(seconds),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin
        assert stdout

        def measure() -> dict[str, float]:
            print("", file=stdin, flush=True)
            return {f"{name}_{kind}": rate for kind, rate in json.loads(stdout.readline()).items()}

        yield measure
        stdin.close()


def _rate(predict: Callable[[int], object], count: int, seconds: float) -> tuple[float, float]:
    """Return the images per second, and the processor milliseconds per image."""
    predict(count)
    images, start, processor = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - start < seconds:
        predict(count)
        images += count
    return images / (time.perf_counter() - start), 1e3 * (time.process_time() - processor) / images


def _vehicles(folder: Path) -> Callable[[int], object]:
    import numpy as np

    from sightline.registry import Registry
    from sightline.vision import Limits, decode, load_classifier

    classifier = load_classifier(Registry(folder), "vehicles")
    pixels = decode(_image(), classifier.input, Limits()).pixels
    return lambda count: classifier.predict(np.stack([pixels] * count))


def _ranking(folder: Path) -> Callable[[int], object]:
    import numpy as np

    from sightline.ranking.model import MODEL_FILE, Ranker, open_session
    from sightline.registry import Registry
    from sightline.training.ranking.featurize import image_input

    # The registry has no ranking model: the record of another model has the fields that Ranker reads.
    record = Registry(folder).record("vehicles").model_copy(update={"input": image_input(224, "resnet18")})
    ranker = Ranker(record, open_session(folder / MODEL_FILE))
    crop = np.random.default_rng(0).integers(0, 255, (300, 180, 3), np.uint8)
    return lambda count: ranker.scores([crop] * count)


_MODELS = {"vehicles": _vehicles, "ranking": _ranking}


def _prepare(folder: Path) -> None:
    """Create a registry with the vehicles model, and the ONNX file of a ranking model next to it."""
    import numpy as np

    from sightline.registry import Registry
    from sightline.training.ranking.export import export_ranker
    from sightline.training.ranking.featurize import save_backbone
    from sightline.vision.heads import LinearHead

    Registry(folder).record("vehicles")
    save_backbone(folder, "resnet18", pretrained=False, seed=0)
    weights = np.random.default_rng(0).normal(0, 0.05, (1, 512))
    LinearHead(weights, np.zeros(1)).save(folder / LinearHead.FILE)
    export_ranker(folder, folder, folder, backbone="resnet18", side=224)


def _image() -> bytes:
    import numpy as np
    from PIL import Image

    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


if __name__ == "__main__":
    main()
