"""The known differences between sightline and FFmpeg. Each is checked: one that no longer differs fails its test."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from tests.sightline.media.conformance.case import Case


@dataclass(frozen=True)
class Difference:
    """``pattern``: of the ids of the cases, as in file names; ``check``: one of ``compare.CHECKS``."""

    pattern: str
    check: str
    reason: str


EXCEPTIONS: tuple[Difference, ...] = ()


def excepting(case: Case) -> list[Difference]:
    """Return the exceptions for ``case``."""
    return [known for known in EXCEPTIONS if fnmatchcase(case.id, known.pattern)]
