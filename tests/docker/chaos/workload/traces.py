"""Traces of the executions of a piece of work, as objects whose names state everything.

They are written in the flow's container and counted from outside:

- ``start-TIME-EXECUTION``: an execution has started. A run that is retried has several.
- ``step-TIME-EXECUTION``: it has made progress.
- ``effect``: the result, made by a conditional create.
- ``again-EXECUTION``: an execution tried to make the result although there was one.
- ``fixed``: the cause of a failure is removed; this is written from outside.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["AGAIN", "EFFECT", "FIXED", "FOLDER", "START", "STEP", "Traces"]

FOLDER = "chaos"
"""The folder of the traces in RESULTS_BUCKET; a subfolder for each piece of work."""
START, STEP, EFFECT, AGAIN, FIXED = "start", "step", "effect", "again", "fixed"


@dataclass(frozen=True)
class Traces:
    """The traces of one piece of work. Times are in nanoseconds."""

    executions: tuple[str, ...]
    steps: Mapping[str, tuple[int, ...]]
    """The times of the steps by execution."""
    is_done: bool
    repeats: int
    """Executions that tried to make the result again."""

    @classmethod
    def of(cls, names: Iterable[str]) -> Traces:
        """Return the traces with these names, in any order."""
        executions, steps, is_done, repeats = [], defaultdict(list), False, 0
        for name in sorted(names):
            kind, _, rest = name.partition("-")
            time, _, execution = rest.partition("-")
            if kind == START:
                executions.append(execution)
            elif kind == STEP:
                steps[execution].append(int(time))
            elif kind == AGAIN:
                repeats += 1
            else:
                is_done = is_done or name == EFFECT
        return cls(tuple(executions), {name: tuple(times) for name, times in steps.items()}, is_done, repeats)

    @property
    def overlap(self) -> bool:
        """Whether two executions worked at the same time."""
        periods = sorted((times[0], times[-1]) for times in self.steps.values())
        return any(begin < end for (_, end), (begin, _) in pairwise(periods))
