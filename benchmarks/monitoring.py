"""Cost of a monitoring report. Run by ``make bench``.

The capture files are generated, cover a month, and hold no images. Every measurement runs in its own process:

- seconds from 100,000 events in a folder to the written report, including the imports. Target: 20.
- peak memory at 1,000,000 events over that at 10,000. Target: 1.2. Reading is a stream; only the eight bytes per event
  that recognise duplicates grow with the number of events.

Every figure is the median over consecutive rounds. The generated files are stored in ``benchmarks/out``.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

OUT = Path(__file__).parent / "out" / "captures"
EVENTS, FEW, MANY = 100_000, 10_000, 1_000_000
START, SPAN = datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=30)
_PER_FILE = 256


def main() -> None:
    """Measure, print the figures, and write them to ``benchmarks/out/monitoring.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.events:
        print(json.dumps(_report(options.events)))
        return
    for count in (FEW, EVENTS, MANY):
        _write_captures(count)
    rounds = [{count: _measure(count) for count in (FEW, EVENTS, MANY)} for _ in range(options.rounds)]
    result: dict[str, Any] = {
        "seconds": statistics.median(figures[EVENTS]["seconds"] for figures in rounds),
        "memory_ratio": statistics.median(figures[MANY]["peak_mib"] / figures[FEW]["peak_mib"] for figures in rounds),
        "peak_mib": {
            str(count): statistics.median(figures[count]["peak_mib"] for figures in rounds) for count in (FEW, MANY)
        },
        "seconds_of_many": statistics.median(figures[MANY]["seconds"] for figures in rounds),
    }
    print(f"{EVENTS:,} events, read and reported: {result['seconds']:.1f} s (target 20)")
    print(f"{MANY:,} events, read and reported: {result['seconds_of_many']:.1f} s")
    peaks = " over ".join(f"{result['peak_mib'][str(count)]:.0f} MiB" for count in (MANY, FEW))
    print(f"peak memory at {MANY:,} events over that at {FEW:,}: {result['memory_ratio']:.2f} (target 1.2), {peaks}")
    (OUT.parent / "monitoring.json").write_text(json.dumps(result, indent=2))


def _write_captures(count: int) -> None:
    """Write capture files of ``count`` predictions, drawn from those of the vehicles model on its test set."""
    import numpy as np

    from sightline.monitoring import CaptureEvent, write_capture
    from sightline.registry import BASELINE, Baseline, Registry

    target = OUT / str(count)
    if target.exists():
        return
    print(f"generating {count:,} events ...", flush=True)
    OUT.mkdir(parents=True, exist_ok=True)
    registry = Registry(OUT / "models")
    data = registry.read(registry.record("vehicles"), BASELINE)
    assert data
    rows = Baseline.load(data).probabilities.astype(float)
    sampled = rows[np.random.default_rng(0).integers(0, len(rows), count)].tolist()
    with tempfile.TemporaryDirectory(dir=OUT) as name:
        for begin in range(0, count, _PER_FILE):
            at = START + SPAN * begin / count
            write_capture(
                Path(name) / "all", "vehicles", "v1",
                (
                    CaptureEvent(UUID(int=begin + number), at, "text/csv", b"0.1,0.2", tuple(row), seconds=0.01)
                    for number, row in enumerate(sampled[begin : begin + _PER_FILE])
                ),
                at=at, file_id=UUID(int=begin),
            )  # fmt: skip
        (Path(name) / "all").rename(target)


def _measure(count: int) -> dict[str, float]:
    """Measure in a new process, because peak memory never falls within a process."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.monitoring", "--events", str(count)]
    completed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return {**json.loads(completed.stdout), "seconds": time.perf_counter() - start}


def _report(count: int) -> dict[str, float]:
    from sightline.monitoring import build_report, read_window, watch_model, write_report
    from sightline.registry import Registry

    until = START + SPAN
    with tempfile.TemporaryDirectory() as name:
        model = watch_model(Registry(OUT / "models"), "vehicles", OUT / str(count), START, until)
        window = read_window(model, OUT / str(count), START, until)
        report = write_report(build_report(window), window, Path(name))
    assert report.events == count
    return {"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


if __name__ == "__main__":
    main()
