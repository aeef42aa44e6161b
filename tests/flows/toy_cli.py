"""The command line of the toy flows: ``python -m tests.flows.toy_cli FLOW …``."""

from __future__ import annotations

from flows.__main__ import main
from flows.catalogue import FlowEntry

TOYS = (
    FlowEntry("add-up", "tests.flows.toys:add_up", "Add the parts up.", ("sums",)),
    FlowEntry("refuse", "tests.flows.toys:refuse", "Refuse the video."),
    FlowEntry("crash-after-retry", "tests.flows.toys:crash_after_retry", "Fail at both attempts."),
)

if __name__ == "__main__":
    main(catalogue=TOYS)
