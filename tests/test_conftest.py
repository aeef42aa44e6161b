"""The environment that conftest.py guarantees to all tests."""

from __future__ import annotations

import pytest

from tests.flows.toys import add_up


def test_flow_without_the_server_fixture_starts_no_server() -> None:
    with pytest.raises(ValueError, match="No Prefect API URL provided"):
        add_up("stones")
