"""The share of the cases in which sightline agrees with FFmpeg, with every difference.

``python -m tests.sightline.media.conformance [--short] [--reader ffmpeg] [PATTERN …]``
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from dataclasses import asdict
from fnmatch import fnmatchcase
from pathlib import Path

from tests.sightline.media.conformance import subject
from tests.sightline.media.conformance.case import Case
from tests.sightline.media.conformance.compare import CHECKS, compare
from tests.sightline.media.conformance.design import read_cases
from tests.sightline.media.conformance.exceptions import excepting
from tests.sightline.media.conformance.generate import generate


def main() -> None:
    """Run the chosen cases and print the differences, then the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("patterns", nargs="*", default=["*"], help="patterns of ids, such as 'mkv-*-rot90'")
    parser.add_argument("--short", action="store_true", help="only the cases of make test")
    parser.add_argument("--reader", choices=("sightline", "ffmpeg"), default="sightline", help="what is compared")
    arguments = parser.parse_args()
    short, long = read_cases()
    cases = [case for case in (short if arguments.short else short + long)
             if any(fnmatchcase(case.id, pattern) for pattern in arguments.patterns)]  # fmt: skip
    reader = subject.Isolated(getattr(subject, arguments.reader))
    differing: dict[Case, dict[str, str]] = {}
    for case in cases:
        with tempfile.TemporaryDirectory() as folder:
            path = generate(case, Path(folder))
            if differences := compare(path, reader):
                differing[case] = differences
                known = {difference.check: difference.reason for difference in excepting(case)}
                for check, text in differences.items():
                    print(f"{case.id}  {check}: {text}{f'  ({known[check]})' if check in known else ''}", flush=True)
    reader.close()
    _print_shares(cases, differing)


def _print_shares(cases: list[Case], differing: dict[Case, dict[str, str]]) -> None:
    agreeing = len(cases) - len(differing)
    print(f"\n{agreeing} of {len(cases)} agree ({agreeing / max(len(cases), 1):.1%})")
    failed = Counter(check for differences in differing.values() for check in differences)
    print("differences:", ", ".join(f"{check} {failed[check]}" for check in CHECKS))
    used = Counter(value for case in cases for value in asdict(case).items())
    wrong = Counter(value for case in differing for value in asdict(case).items())
    for (dimension, value), count in wrong.most_common(12):
        print(f"  {dimension} {value}: {count} of {used[dimension, value]} differ")


if __name__ == "__main__":
    main()
