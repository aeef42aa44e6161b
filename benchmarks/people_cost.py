"""What tracking everyone adds to the cost of ``process_video``. Run by ``python -m benchmarks.people_cost``.

On composed clips (:mod:`benchmarks._people`) of one, two and four people, 1280x720 at 30 frames a second, in one run:

- the ratio of the flow's processor seconds to those of the same flow with the single-person tracker
  (:mod:`benchmarks._people.single_tracker`), by the number of people. Targets: 1.10, 1.4 and 2.2.

Both run in turns in one process, after a first run that imports and loads everything. The ratio of a clip is that of
the medians over the rounds; the ratio of a number of people is the median over their clips.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks._people.composer import compose, single
from benchmarks._people.single_tracker import SinglePersonTracker
from benchmarks._server import run_child, serve
from benchmarks.video import run_flow

OUT = Path(__file__).parent / "out"
RATE = 30
CLIPS = {1: (1, 2), 2: (1, 2), 4: (22, 31)}
"""Seeds of clips of 1280x720 by the number of people."""
TARGETS = {1: 1.1, 2: 1.4, 4: 2.2}


def main() -> None:
    """Measure, print the ratios, and write the figures to ``benchmarks/out/people_cost.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--people", type=int, nargs="*", choices=CLIPS, default=list(CLIPS))
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(_measure(options.measure, options.rounds)))
        return
    OUT.mkdir(exist_ok=True)
    figures: dict[str, Any] = {}
    with serve() as server:
        for people in options.people:
            rows = {}
            for seed in CLIPS[people]:
                arguments = ["--measure", str(_clip(people, seed)), "--rounds", str(options.rounds)]
                rows[str(seed)] = row = run_child("benchmarks.people_cost", arguments, server)
                print(
                    f"{people} people, clip {seed}: {row['single']:.2f} processor seconds with the single-person "
                    f"tracker, {row['everyone']:.2f} with everyone: {row['ratio']:.3f}",
                    flush=True,
                )
            ratio = statistics.median(row["ratio"] for row in rows.values())
            print(f"{people} people: {ratio:.2f} (target {TARGETS[people]})\n", flush=True)
            figures[str(people)] = {"ratio": ratio, "clips": rows}
    (OUT / "people_cost.json").write_text(json.dumps(figures, indent=2))


def _clip(people: int, seed: int) -> Path:
    path = OUT / f"clip-{people}-people-{seed}.mp4"
    if not path.exists():
        part = path.with_suffix(".part.mp4")
        (single if people == 1 else compose)(seed).at_rate(RATE).write(part)
        part.rename(path)
    return path


def _measure(clip: Path, rounds: int) -> dict[str, Any]:
    seconds: dict[str, list[float]] = {"single": [], "everyone": []}
    run_flow(clip)
    for _ in range(rounds):
        with patch("sightline.pose.video.PeopleTracker", SinglePersonTracker):
            seconds["single"].append(run_flow(clip)["processor_seconds"])
        seconds["everyone"].append(run_flow(clip)["processor_seconds"])
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return {**medians, "ratio": medians["everyone"] / medians["single"], "rounds": seconds}


if __name__ == "__main__":
    main()
