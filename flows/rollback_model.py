"""Rollback of a model: an earlier version becomes the current one again."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from sightline.names import ModelName
from tasks.support.flow import sightline_flow
from tasks.training import move_pointer_back, report_rollback


class RollbackResult(BaseModel):
    """The version that is current now, and the one that was current before; None if there was none."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: int
    before: int | None


@sightline_flow(name="rollback-model", flow_run_name="roll {name} back")
def rollback_model(name: str, *, to: Annotated[int, Field(ge=1)] | None = None) -> RollbackResult:
    """Make an earlier version of a model the current one again.

    Args:
        name: The model's name in the registry, as NAME or NAME/VERSION.
        to: The version. By default the one in the name, or the one that was current before this one.
    """
    model = ModelName.of(name, to)
    before, pointer = move_pointer_back(model)
    report_rollback(model.unversioned.with_version(pointer.version), before)
    return RollbackResult(name=model.name, version=pointer.version, before=before)
