"""Faults while a review waits for a person."""

from __future__ import annotations

import time

import pytest

from tests.docker.chaos.measure import Chaos

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.mark.chaos(attempts=5)
def test_suspended_reviews_can_be_answered_after_the_server_was_killed(chaos: Chaos, attempts: int) -> None:
    """What the server notes in memory about a suspended run must not matter, also minutes later."""
    with chaos.measure("Server killed 16 s after a review was suspended", 6) as measured:
        measured.expect(1)
        reviews = chaos.works("chaos-review", attempts)
        chaos.stack.await_states([review.run for review in reviews], "Suspended")
        time.sleep(16)
        with measured.outage("server"):
            pass
        time.sleep(570)
        for review in reviews:
            chaos.stack.answer(review.run)
        measured.judge_works(reviews)
