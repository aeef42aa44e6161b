"""What the HTTP service makes of a model's speed. Run by ``make bench``.

With the vehicles model that comes along, the service a process of its own, and callers in this one who each send one
32x32 PNG as base64 and then the next, over connections that stay open, in one run:

- requests a second, and the median and 95th percentile of their milliseconds, at 1, 8 and 32 callers; over the images a
  second of the bare model, given as many at once as the service gives it.
- the same at 32 callers over a service that gives the model one image at a time. Target: at least 1.5, on 2 cores.
  Beside it the processor milliseconds of each service a request, which other work on the machine does not change much.

What batching can gain is a matter of the model: beside these, the bare models' images a second at 32 at once over one
by one, for vehicles and for a ranking model (ResNet18 as ONNX at 224x224, seeded random weights, whose speed is that of
trained ones). Of a request to rank a photo, finding the people takes nearly all the time.

The measurements of a round follow one another, service against service; each figure is the median over the rounds, each
ratio over the rounds' own ratios. Only 127.0.0.1 is called.
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
    """Measure, print the figures, and leave them in ``benchmarks/out/api.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--bare", choices=sorted(_MODELS), help=argparse.SUPPRESS)
    parser.add_argument("--models", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        ask = _MODELS[options.bare](options.models)
        for _ in sys.stdin:
            rates = {"single": _rate(ask, 1, options.seconds), "batched": _rate(ask, BATCH, options.seconds)}
            print(json.dumps(rates), flush=True)
        return
    with tempfile.TemporaryDirectory() as folder:
        result = _measure(Path(folder), options.rounds, options.seconds)
    for name in _MODELS:
        print(
            f"bare {name}: {result[f'{name}_batched']:.0f} images a second, {BATCH} at once, "
            f"{result[f'{name}_batched'] / result[f'{name}_single']:.2f} times those one by one"
        )
    for clients in CLIENTS:
        print(
            f"{clients:2d} callers: {result[f'rate_{clients}']:.0f} requests a second, "
            f"{result[f'over_bare_{clients}']:.2f} of the bare model; "
            f"p50 {result[f'p50_{clients}']:.1f} ms, p95 {result[f'p95_{clients}']:.1f} ms"
        )
    print(f"batches over one at a time, 32 callers: {result['batching']:.2f} (target at least 1.5)")
    print(f"processor time a request: {result['cpu']:.1f} ms, one at a time {result['cpu_one_at_a_time']:.1f} ms")
    OUT.mkdir(exist_ok=True)
    (OUT / "api.json").write_text(json.dumps(result, indent=2))


def _measure(folder: Path, rounds: int, seconds: float) -> dict[str, Any]:
    _prepare(folder)
    body = json.dumps({"images": [b64encode(_picture()).decode()]}).encode()
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
    """A service that is running."""

    port: int
    pid: int

    def cpu_seconds(self) -> float:
        """The processor time that it has used so far, Linux only."""
        ticks = [int(field) for field in Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[11:13]]
        return sum(ticks) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Load:
    """What callers saw: ``milliseconds`` of each request. ``cpu``: the service's processor seconds, for all of them."""

    seconds: float
    cpu: float
    milliseconds: list[float]

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.milliseconds) / self.seconds

    @property
    def cpu_milliseconds(self) -> float:
        """Processor milliseconds of the service, a request."""
        return 1e3 * self.cpu / len(self.milliseconds)

    def percentile(self, percent: int) -> float:
        """So many percent of the requests took no longer, in milliseconds."""
        return statistics.quantiles(self.milliseconds, n=100)[percent - 1]


def _load(service: _Service, body: bytes, clients: int, seconds: float) -> Load:
    """Let so many callers ask for so long. Written to sockets as bytes: a client library would need a core itself."""
    head = f"POST /classify HTTP/1.1\r\nHost: {_HOST}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    request = head.encode() + b"\r\n\r\n" + body
    taken: list[float] = []

    async def call(end: float) -> None:
        reader, writer = await asyncio.open_connection(_HOST, service.port)
        while (start := time.perf_counter()) < end:
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            length = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            content = await reader.readexactly(length)
            if not answer.startswith(b"HTTP/1.1 200 "):
                raise SystemExit(f"the service answered {content.decode()}")
            taken.append(1e3 * (time.perf_counter() - start))
        writer.close()

    async def all_of_them() -> float:
        start = time.perf_counter()
        await asyncio.gather(*(call(start + seconds) for _ in range(clients)))
        return time.perf_counter() - start

    before = service.cpu_seconds()
    took = asyncio.run(all_of_them())
    return Load(took, service.cpu_seconds() - before, taken)


@contextmanager
def _service(folder: Path, **settings: str) -> Iterator[_Service]:
    """The service in a process of its own, ready."""
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
                    raise SystemExit("the service did not start. `make api` says why")
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
    """The bare model in a process of its own, where nothing else has threads; measures whenever it is called."""
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
        asked, answered = process.stdin, process.stdout
        assert asked
        assert answered

        def measure() -> dict[str, float]:
            print("", file=asked, flush=True)
            return {f"{name}_{kind}": rate for kind, rate in json.loads(answered.readline()).items()}

        yield measure
        asked.close()


def _rate(ask: Callable[[int], object], count: int, seconds: float) -> float:
    ask(count)
    asked, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        ask(count)
        asked += count
    return asked / (time.perf_counter() - start)


def _vehicles(folder: Path) -> Callable[[int], object]:
    import numpy as np

    from sightline.registry import Registry
    from sightline.vision import Limits, decode, load_classifier

    classifier = load_classifier(Registry(folder), "vehicles")
    pixels = decode(_picture(), classifier.input, Limits()).pixels
    return lambda count: classifier.predict(np.stack([pixels] * count))


def _ranking(folder: Path) -> Callable[[int], object]:
    import numpy as np

    from sightline.ranking.model import MODEL_FILE, Ranker, open_session
    from sightline.registry import Registry
    from sightline.training.ranking.featurize import image_input

    # The registry has no model of the sort: a record of another serves for what Ranker reads of it.
    record = Registry(folder).record("vehicles").model_copy(update={"input": image_input(224)})
    ranker = Ranker(record, open_session(folder / MODEL_FILE))
    crop = np.random.default_rng(0).integers(0, 255, (300, 180, 3), np.uint8)
    return lambda count: ranker.scores([crop] * count)


_MODELS = {"vehicles": _vehicles, "ranking": _ranking}


def _prepare(folder: Path) -> None:
    """A registry with the vehicles model, and the ONNX file of a ranking model beside it."""
    import numpy as np

    from sightline.registry import Registry
    from sightline.training.ranking.export import export_ranker
    from sightline.training.ranking.featurize import save_backbone
    from sightline.vision.heads import LinearHead

    Registry(folder).record("vehicles")
    save_backbone(folder, pretrained=False, seed=0)
    weights = np.random.default_rng(0).normal(0, 0.05, (1, 512))
    LinearHead(weights, np.zeros(1)).save(folder / LinearHead.FILE)
    export_ranker(folder, folder, folder, side=224)


def _picture() -> bytes:
    import numpy as np
    from PIL import Image

    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


if __name__ == "__main__":
    main()
