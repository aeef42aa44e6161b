"""Which Prefect server a command uses if PREFECT_API_URL and LOCAL_SERVER are not set."""

from __future__ import annotations

from typing import Any

import pytest
from prefect.settings import (
    PREFECT_API_DATABASE_CONNECTION_URL,
    PREFECT_SERVER_ALLOW_EPHEMERAL_MODE,
    get_current_settings,
    temporary_settings,
)

from flows.command_server import default_kind


@pytest.mark.parametrize(
    ("ci", "changes", "kind"),
    [
        ("", {}, "persistent"),
        ("false", {}, "persistent"),
        ("true", {}, "temporary"),
        ("", {PREFECT_API_DATABASE_CONNECTION_URL: "sqlite+aiosqlite:////tmp/own.db"}, "temporary"),
        ("", {PREFECT_SERVER_ALLOW_EPHEMERAL_MODE: False}, "off"),
    ],
)
def test_server_is_shared_except_in_ci_and_with_own_settings(
    ci: str, changes: dict[Any, Any], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", ci)
    # The server that other tests share has its own database.
    updates = {PREFECT_SERVER_ALLOW_EPHEMERAL_MODE: True, **changes}
    with temporary_settings(updates, restore_defaults={PREFECT_API_DATABASE_CONNECTION_URL} - changes.keys()):
        assert default_kind(get_current_settings()) == kind
