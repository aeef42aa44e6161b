"""``python -m deployments.health``: the images' health check.

Asks ``HEALTH_URL`` where it is set, and else whether Prefect's API, without which a flow run can tell nobody what it
does, is within reach.
"""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request

__all__ = ["main"]

_SECONDS = 5


def main() -> int:
    """0 where the answer is a good one. What is wrong goes to standard error, which Docker keeps."""
    api = os.environ.get("PREFECT_API_URL")
    url = os.environ.get("HEALTH_URL") or (f"{api}/health" if api else None)
    if url is None:
        return 0  # A command that is run by hand has nobody to answer to.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=_SECONDS):
            return 0
    except (urllib.error.URLError, TimeoutError, ValueError) as error:
        print(f"{url} does not answer as it should: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
