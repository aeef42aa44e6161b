"""Configurations that must not stop the installation."""

from __future__ import annotations

import pytest

from tests.docker.chaos.measure import Chaos
from tests.docker.chaos.system import unique

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.mark.chaos(attempts=5)
def test_mail_server_without_a_password_is_set_up(chaos: Chaos, attempts: int) -> None:
    """The mail server of these tests has none. An alert afterwards shows that the channels work."""
    with chaos.measure("Mail server without a password", 16) as measured:
        measured.expect(1)
        for _ in range(attempts):
            measured.fault()
            try:
                chaos.stack.compose("run", "--rm", "--no-deps", "setup")
            except AssertionError as error:
                measured.verdict.lost.append(f"the setup failed: {str(error)[-500:]}")
            measured.verdict.attempts += 1
        measured.over()
        chaos.stack.send_message(unique("this is not a notification"))
