"""``python -m deployments.bootstrap``: create the resources on a Prefect server that the flows need.

The resources are work pools, blocks and automations. They are defined by the YAML files of this package and by the
environment. Running the bootstrap again changes only what differs.
"""

from __future__ import annotations

from deployments.bootstrap.resources import Change, ChangeType
from deployments.bootstrap.run import bootstrap

__all__ = ["Change", "ChangeType", "bootstrap"]
