"""What the tests are promised of their surroundings."""

from __future__ import annotations

import pytest

from tests.flows.toys import add_up


def test_a_test_that_did_not_ask_for_a_server_cannot_start_one() -> None:
    with pytest.raises(ValueError, match="No Prefect API URL provided"):
        add_up("stones")
