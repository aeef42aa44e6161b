"""``python -m deployments.bootstrap``: what a Prefect server must hold before the flows can run on it.

Work pools, blocks and automations, made from files of this package and from the environment. Run again, it changes
only what has changed.
"""

from __future__ import annotations

from deployments.bootstrap.changes import Change, Outcome
from deployments.bootstrap.run import bootstrap

__all__ = ["Change", "Outcome", "bootstrap"]
