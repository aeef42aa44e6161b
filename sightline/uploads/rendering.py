"""Alerts about uploads."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from sightline.alerts import Alert
from sightline.uploads.record import MAX_ATTEMPTS

__all__ = ["given_up_alert"]


def given_up_alert(last_runs: Mapping[str, str]) -> Alert | None:
    """Return the alert about uploads that no further run is started for; None if there are none.

    ``last_runs`` maps an upload's URI to the id of its last run. The same uploads with the same runs are one event.
    """
    if not last_runs:
        return None
    pairs = "\n".join(f"{uri} {run}" for uri, run in last_runs.items())
    count, pronoun = ("1 upload", "it") if len(last_runs) == 1 else (f"{len(last_runs):,} uploads", "them")
    return Alert.listing(
        [{"upload": uri, "last run": run} for uri, run in last_runs.items()],
        key=f"given up {sha256(pairs.encode()).hexdigest()}",
        kind="failure",
        title=f"{count} given up: {MAX_ATTEMPTS} runs did not process {pronoun}",
        facts={"fix": "Find out why the runs ended, then run sweep-uploads with --retry-failed"},
    )
