"""``python -m flows.local_server``: prepare a database, so that the first start is short. ``make setup`` runs it."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from flows.local_server.database import keep_as_template, template

__all__ = ["main"]


def main() -> None:
    """Prepare the database of the installed version of Prefect, unless that was done before."""
    if template().exists():
        return
    try:
        with tempfile.TemporaryDirectory() as home:
            database = Path(home) / "prefect.db"
            for name in [name for name in os.environ if name.startswith("PREFECT_")]:
                del os.environ[name]
            os.environ |= {"PREFECT_HOME": home, "DO_NOT_TRACK": "1"}
            asyncio.run(_create_tables())
            keep_as_template(database)
    except OSError as error:
        print(f"{template()} was not prepared, so the first command takes longer: {error}", file=sys.stderr)


async def _create_tables() -> None:
    from prefect.plugins import load_prefect_collections
    from prefect.server.database import provide_database_interface
    from prefect.server.models.block_registration import run_block_auto_registration

    load_prefect_collections()  # which have block types of their own
    database = provide_database_interface()
    await database.create_db()
    async with await database.session() as session:
        await run_block_auto_registration(session=session)
    await (await database.engine()).dispose()


if __name__ == "__main__":
    main()
