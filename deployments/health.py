"""``python -m deployments.health``: the health check of the images.

It requests ``HEALTH_URL`` if that is set, else the health endpoint of Prefect's API, which every flow run needs.
"""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request

__all__ = ["main"]

_TIMEOUT = 5  # seconds


def main() -> int:
    """Return 0 after a successful response, else 1. The error goes to standard error, which Docker stores."""
    api = os.environ.get("PREFECT_API_URL")
    url = os.environ.get("HEALTH_URL") or (f"{api}/health" if api else None)
    if url is None:
        return 0  # a command run by hand, without a server
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=_TIMEOUT):
            return 0
    except (urllib.error.URLError, TimeoutError, ValueError) as error:
        print(f"{url}: the health check failed: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
