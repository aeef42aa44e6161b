"""The cost of surviving a power failure. Run by ``make bench``.

Every file is synced before its name appears, and its folder before the writer returns (``sightline.atomic``). In one
run, on the disk of ``benchmarks/out``:

- the wall time of ``classify_images`` on 1,000 images, over that of the same run with a sync that does nothing. The
  model is the small network of ``benchmarks.images --no-pretrained``: with a slower one, the share of the disk is
  smaller. Target: at most 1.1.
- the wall time of ``process_video`` on the clip of ``benchmarks.video``, over that without a sync. Target: at most 1.1.

Also printed: the number of syncs and the sum of their durations, which includes those of concurrent writers. The two
runs of a pair follow each other, in alternating order; a ratio is the median over the ratios of the pairs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import threading
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks import images, video
from benchmarks._server import BenchServer, run_child, serve

OUT = Path(__file__).parent / "out"
_IMAGES = 1_000
_KINDS = {"images": "an image run", "session": "a session"}


def main() -> None:
    """Measure, print the ratios, and write the figures to ``benchmarks/out/fsync.json``."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--child", choices=_KINDS, help=argparse.SUPPRESS)
    arguments.add_argument("--without", action="store_true", help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.child:
        print(json.dumps(_run(options.child, synced=not options.without)))
    else:
        _measure(options.rounds)


def _measure(rounds: int) -> None:
    images._make_images(_IMAGES)
    images._make_model(pretrained=False)
    video._clip("720p")
    os.environ["TMPDIR"] = str(OUT)  # The results are written below it; /tmp may be in memory.
    result: dict[str, Any] = {}
    with serve() as server:
        for kind, name in _KINDS.items():
            pairs = [_pair(kind, number, server) for number in range(rounds)]
            ratio = statistics.median(pair["with"]["seconds"] / pair["without"]["seconds"] for pair in pairs)
            syncs = statistics.median(pair["with"]["syncs"] for pair in pairs)
            seconds = statistics.median(pair["with"]["sync_seconds"] for pair in pairs)
            print(f"{name} with syncs over without: {ratio:.3f} (target 1.1); {syncs:.0f} syncs, {seconds:.2f} s")
            result[kind] = {"ratio": ratio, "syncs": syncs, "sync_seconds": seconds, "pairs": pairs}
    (OUT / "fsync.json").write_text(json.dumps(result, indent=2))


def _pair(kind: str, number: int, server: BenchServer) -> dict[str, Any]:
    pair = {}
    for which in ("with", "without") if number % 2 == 0 else ("without", "with"):
        option = ["--without"] if which == "without" else []
        pair[which] = run_child("benchmarks.fsync", ["--child", kind, *option], server)
        server.wait_until_idle()
    print(
        f"{_KINDS[kind]}, pair {number + 1}: {pair['with']['seconds']:.2f} s, without {pair['without']['seconds']:.2f}"
    )
    return pair


def _run(kind: str, *, synced: bool) -> dict[str, float]:
    durations: list[float] = []
    lock, fsync = threading.Lock(), os.fsync

    def sync(descriptor: int) -> None:
        start = time.perf_counter()
        if synced:
            fsync(descriptor)
        with lock:
            durations.append(time.perf_counter() - start)

    with patch("os.fsync", sync):
        if kind == "images":
            run = images._run_flow(_IMAGES, images._models(pretrained=False))
        else:
            run = video.run_flow(OUT / "clip.mp4")
    return {"seconds": run["seconds"], "syncs": len(durations), "sync_seconds": sum(durations)}


if __name__ == "__main__":
    main()
