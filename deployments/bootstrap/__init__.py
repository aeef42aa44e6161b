"""``python -m deployments.bootstrap``: create the resources on a Prefect server that the flows need.

The resources are work pools with their queues, and blocks. They are defined by ``work_pools.yaml``, the catalogue of
flows and the environment. Running the bootstrap again changes only what differs.
"""

from __future__ import annotations

from deployments.bootstrap.resources import Change, ChangeType
from deployments.bootstrap.run import ServerAway, bootstrap

__all__ = ["Change", "ChangeType", "ServerAway", "bootstrap"]
