"""What was measured about one fault, and the table of all faults."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.docker.stack import ROOT

__all__ = ["STUCK_SECONDS", "Table", "Verdict"]

STUCK_SECONDS = 120.0
"""A run that makes no progress for longer, after the fault is over, is stuck."""

_FILE = ROOT / "benchmarks" / "out" / "chaos.json"


@dataclass
class Verdict:
    """The measurements about one fault. ``lost``, ``duplicated`` and ``stuck`` describe the violations.

    Attributes:
        fault: What was broken.
        attempts: The work items that were exposed to it.
        faults: How often it was injected; several items may be exposed to the same fault.
        expected: The number of alerts per channel that this must cause.
        alerts: The number of alerts by channel.
        titles: The titles of the alerts, for a person who reads a violation.
        error: Why the measurement could not be completed.
    """

    fault: str
    attempts: int = 0
    faults: int = 0
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    expected: int = 0
    alerts: dict[str, int] = field(default_factory=dict)
    titles: list[str] = field(default_factory=list)
    error: str = ""
    order: int = 0
    commit: str = ""

    def violations(self) -> list[str]:
        """Return what must not have happened."""
        found = [f"{kind}: {item}" for kind in ("lost", "duplicated", "stuck") for item in getattr(self, kind)]
        found += [
            f"{count} alerts by {channel}, expected {self.expected}: {self.titles}"
            for channel, count in self.alerts.items()
            if count != self.expected
        ]
        if not self.attempts and not self.error:
            found.append("nothing was exposed to the fault")
        return [*found, self.error] if self.error else found

    def row(self) -> tuple[str, ...]:
        """Return the cells of the table's row."""
        counts = sorted(set(self.alerts.values()))
        alerts = "?" if self.error else " / ".join(map(str, counts))
        return (
            self.fault + (" (not measured completely)" if self.error else ""),
            _exposure(self.faults, self.attempts),
            str(len(self.lost)),
            str(len(self.duplicated)),
            str(len(self.stuck)),
            f"{alerts} of {self.expected}",
        )


class Table:
    """The verdicts of this session and, for faults that were not injected in it, of earlier ones."""

    HEADER = ("fault", "attempts", "lost", "duplicated", "stuck > 2 min", "alerts per channel")

    def __init__(self, file: Path = _FILE) -> None:
        self._file = file
        self.commit = _commit()

    def add(self, verdict: Verdict) -> None:
        """Store a verdict. It replaces an earlier one of the same fault."""
        verdict.commit = self.commit
        stored = {**self._stored(), verdict.fault: asdict(verdict)}
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps(stored, indent=1), "utf-8")
        self._file.with_suffix(".md").write_text(self.render(), "utf-8")

    def render(self) -> str:
        """Return the table as Markdown."""
        verdicts = sorted((Verdict(**fields) for fields in self._stored().values()), key=lambda item: item.order)
        lines = [self.HEADER, ("---", *["---:"] * (len(self.HEADER) - 1)), *(verdict.row() for verdict in verdicts)]
        return "".join(f"| {' | '.join(cells)} |\n" for cells in lines) + _origin(verdicts)

    def _stored(self) -> dict[str, Any]:
        return dict(json.loads(self._file.read_text("utf-8"))) if self._file.exists() else {}


def _exposure(faults: int, attempts: int) -> str:
    return str(attempts) if attempts <= faults else f"{attempts} in {faults} {'fault' if faults == 1 else 'faults'}"


def _origin(verdicts: Iterable[Verdict]) -> str:
    commits = sorted({verdict.commit for verdict in verdicts})
    return f"\nMeasured at {', '.join(commits)} on {os.cpu_count()} cores.\n"


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
