"""Tracking of several people, of whom one is the patient. Run by ``python -m benchmarks.people``.

Two hundred clips of two to four people are composed from seeds: cut-outs of real people walk past each other, hide each
other, leave and return (:mod:`benchmarks._people`). Where everyone is, and how much of them is visible, is known. On
these clips, in one run:

- IDF1 and HOTA (TrackEval) over all clips. Targets: at least 0.95 and 0.80.
- the share of clips in which the patient has one number from start to end. Target: at least 97 %.
- the same for other associations of the same detections, all people found in each frame
  (:mod:`benchmarks._people.association`), and for a perfect association: what the detections allow.
- on clips of one person, the share of frames with a pose, and the difference of the joints from those of the
  single-person tracker. Targets: no fewer frames, and 0.5 pixels.
- processor seconds per frame by the number of people, relative to the single-person tracker's on the same frames.

The patient is the person who is seen longest and largest. Two hundred clips are 25,000 frames, which take about two
processor hours; most of it are the detections for the other associations, which ``--no-baselines`` leaves out. Clips,
detections and the models' answers are stored in a folder for temporary files, or in that of the variable
``SIGHTLINE_BENCH_CACHE``: later runs ask the models only what no earlier one asked, and take a tenth of the time.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from benchmarks._people import FPS, compose
from benchmarks._people.association import baselines
from benchmarks._people.metrics import SHARES, check_trackeval, combine
from benchmarks._people.trial import OURS, PERFECT, SingleTrial, Trial, run_single, run_trial

OUT = Path(__file__).parent / "out"
CLIPS = 200
_COLUMNS = (
    "IDF1",
    "HOTA",
    "DetA",
    "AssA",
    "LocA",
    "OKS",
    "recall",
    "precision",
    "switches",
    "patient kept",
    "patient found",
)
_COST_CLIPS = 5

T = TypeVar("T")


def main() -> None:
    """Measure, print the tables, and write the figures to ``benchmarks/out/people.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=CLIPS, help="the number of clips, from the first seed on")
    parser.add_argument("--seeds", type=int, nargs="*", help="these clips instead")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--singles", type=int, help="clips of one person; a fifth of the others by default")
    parser.add_argument("--no-baselines", action="store_true", help="only this project's tracker")
    parser.add_argument("--no-cost", action="store_true", help="do not measure processor seconds")
    options = parser.parse_args()
    check_trackeval()
    if missing := {"ByteTrack", "OC-SORT"} - set(baselines()):
        print(f"without the package trackers, {' and '.join(sorted(missing))} are not measured")
    seeds = list(range(options.clips)) if options.seeds is None else options.seeds
    result: dict[str, Any] = {"clips": {}, "table": {}}
    trials = _parallel(_trial, [(seed, not options.no_baselines) for seed in seeds], options.workers, "clips")
    if trials:
        result["table"] = _table(trials)
        result["situations"] = _situations(trials)
        result["clips"] = {trial.seed: _summary(trial) for trial in trials}
    count = len(seeds) // 5 if options.singles is None else options.singles
    if singles := _parallel(run_single, list(range(count)), options.workers, "clips of one person"):
        result["singles"] = _singles(singles)
    if not options.no_cost:
        result["cost"] = _cost()
    OUT.mkdir(exist_ok=True)
    (OUT / "people.json").write_text(json.dumps(result, indent=2))


def _trial(arguments: tuple[int, bool]) -> Trial:
    return run_trial(*arguments)


def _parallel(work: Callable[[Any], T], items: Sequence[Any], workers: int, title: str) -> list[T]:
    results: list[T] = []
    if not items:
        return results
    with multiprocessing.get_context("spawn").Pool(max(1, workers), maxtasksperchild=20) as pool:
        for result in pool.imap(work, items):
            results.append(result)
            print(f"\r{len(results)} of {len(items)} {title}", end="", flush=True)
    print()
    return results


def _table(trials: Sequence[Trial]) -> dict[str, dict[str, dict[str, float]]]:
    """Print and return the results of all clips by the way of tracking."""
    frames = sum(trial.frames for trial in trials)
    print(f"\n{len(trials)} clips, {frames} frames at {FPS} a second, 2 to 4 people")
    tables: dict[str, dict[str, dict[str, float]]] = {}
    for share in SHARES:
        print(f"\n{f'visible from {share:.0%} on':20s}", *(f"{name:>13s}" for name in _COLUMNS))
        table = tables[str(share)] = {}
        for name in trials[0].scores[share]:
            table[name] = combine({str(trial.seed): trial.scores[share][name] for trial in trials})
            print(
                f"{name:20s}",
                *(f"{table[name][column]:13{'.0f' if column == 'switches' else '.3f'}}" for column in _COLUMNS),
            )
    print("targets for sightline, from 30 % on: IDF1 0.95, HOTA 0.80, patient kept 0.97")
    return tables


def _situations(trials: Sequence[Trial]) -> dict[str, dict[str, float]]:
    """Print and return our results, or else the perfect association's, by what happens in the clips."""
    share = SHARES[0]
    name = OURS if OURS in trials[0].scores[share] else PERFECT
    groups = {tag: [trial for trial in trials if tag in trial.tags] for trial in trials for tag in trial.tags}
    groups |= {f"{n} people": [trial for trial in trials if trial.people == n] for n in (2, 3, 4)}
    groups["the patient is away"] = [trial for trial in trials if trial.away >= 1]
    groups["all without same clothes"] = [trial for trial in trials if "same clothes" not in trial.tags]
    print(f"\n{name} by situation")
    results = {}
    for tag, members in sorted(groups.items()):
        if members:
            results[tag] = {"clips": len(members)} | combine(
                {str(trial.seed): trial.scores[share][name] for trial in members}
            )
            row = results[tag]
            print(
                f"{tag:30s} {len(members):4d} clips  IDF1 {row['IDF1']:.3f}  HOTA {row['HOTA']:.3f}  "
                f"switches {row['switches']:4.0f}  patient kept {row['patient kept']:.3f}"
            )
    lost = [trial.seed for trial in trials if not trial.scores[share][name].kept]
    print(f"the patient is not kept in the clips {lost}")
    return results


def _summary(trial: Trial) -> dict[str, Any]:
    scores = {
        name: {
            "IDF1": float(score.metrics["Identity"]["IDF1"]),
            "HOTA": float(score.metrics["HOTA"]["HOTA"].mean()),
            "switches": int(score.metrics["CLEAR"]["IDSW"]),
            "patient kept": score.kept,
            "patient found": score.found / max(1, score.frames),
        }
        for name, score in trial.scores[SHARES[0]].items()
    }
    return {
        "people": trial.people,
        "situations": trial.tags,
        "frames": trial.frames,
        "patient away": trial.away,
    } | scores


def _singles(trials: Sequence[SingleTrial]) -> dict[str, Any]:
    """Print and return what the tracker of several people changes for one person."""
    frames = sum(trial.frames for trial in trials)
    result: dict[str, Any] = {"clips": len(trials), "frames": frames}
    print(f"\n{len(trials)} clips of one person, {frames} frames in which they are visible")
    for name in trials[0].found:
        result[name] = {
            "found": sum(trial.found[name] for trial in trials) / max(1, frames),
            "error": float(np.nanmean([trial.error[name] for trial in trials])),
        }
        print(
            f"  {name}: a pose in {result[name]['found']:.2%} of the frames, "
            f"{result[name]['error']:.2f} pixels from the labelled joints"
        )
    if differences := np.concatenate([trial.difference for trial in trials]).tolist():
        near = float(np.mean(np.array(differences) <= 0.5))
        result |= {"within half a pixel": near, "difference": float(np.mean(differences))}
        result["lost"] = [trial.seed for trial in trials if trial.found["after"] < trial.found["before"]]
        result["others"] = sum(trial.extra for trial in trials)
        print(
            f"  joints after and before: {result['difference']:.2f} pixels apart, {near:.2%} within 0.5; fewer poses "
            f"in the clips {result['lost']}; {result['others']} poses of other people"
        )
    return result


def _cost() -> dict[str, Any]:
    """Print and return the processor seconds of our tracker, over those of the single-person tracker.

    Clips are measured one at a time: the five first of each number of people.
    """
    from benchmarks._people.cost import ratios

    chosen: dict[int, list[int]] = {1: list(range(_COST_CLIPS)), 2: [], 4: []}
    for seed in range(CLIPS):
        wanted = chosen.get(len(compose(seed).actors))
        if wanted is not None and len(wanted) < _COST_CLIPS:
            wanted.append(seed)
    result = {}
    for people, seeds in chosen.items():
        result[str(people)] = ratios(people, seeds)
        figures = result[str(people)]
        print(
            f"{people} people: {1e3 * figures['after']:.1f} processor ms per frame, {figures['ratio']:.2f} times the "
            f"single-person tracker's"
        )
    return result


if __name__ == "__main__":
    main()
