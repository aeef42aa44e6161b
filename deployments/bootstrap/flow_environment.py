"""The block that holds the environment variables of a work pool's flow runs."""

from __future__ import annotations

from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import Field

__all__ = ["FlowEnvironment"]


class FlowEnvironment(Block):
    """The environment variables of every flow run in a work pool; its name is the pool's name.

    It is a block because a worker merges a run's own variables into variables that are written in the pool, but not
    into a reference to a block.
    """

    _block_type_name: ClassVar[str] = "Flow environment"
    _block_type_slug: ClassVar[str] = "flow-environment"

    variables: dict[str, str | None] = Field(
        description="The variables, by name. An empty value unsets a variable of the worker."
    )
