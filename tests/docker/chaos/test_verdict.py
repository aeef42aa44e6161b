"""After all faults: no alert came late or without a cause."""

from __future__ import annotations

import pytest

from tests.docker.chaos.measure import Chaos

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]


@pytest.mark.chaos(attempts=1, short=True)
def test_every_alert_belongs_to_a_fault(chaos: Chaos) -> None:
    """An alert that arrives during the next measurement is counted there; this finds those that come between."""
    assert chaos.stray_alerts() == []
