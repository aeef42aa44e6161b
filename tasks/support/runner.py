"""The task runner of mapped tasks: threads, or the processes of a Dask or Ray cluster.

>>> @flow(task_runner=ConfiguredTaskRunner())
... def classify_images(...): ...
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, cast

from prefect.task_runners import ThreadPoolTaskRunner

from sightline.errors import InvalidSetting
from sightline.settings import settings

if TYPE_CHECKING:
    from typing import Self

__all__ = ["ConfiguredTaskRunner"]


class ConfiguredTaskRunner(ThreadPoolTaskRunner[Any]):
    """The task runner that ``TASK_RUNNER`` names when a run starts; threads by default.

    Prefect duplicates the flow's runner for every run, and the duplicate is the runner of that name.
    """

    def duplicate(self) -> Self:
        """Return the runner of one run. Raises ``InvalidSetting`` if its package is not installed."""
        config = settings()
        if config.task_runner == "threads":
            return cast("Self", super().duplicate())
        create_runner = _dask if config.task_runner == "dask" else _ray
        try:
            return cast("Self", create_runner(config.task_runner_address))
        except ImportError as error:
            raise InvalidSetting(
                f"TASK_RUNNER is {config.task_runner}, but prefect-{config.task_runner} is not installed: {error}. "
                f"Install sightline[{config.task_runner}], or build the image with EXTRAS={config.task_runner}"
            ) from error


def _dask(address: str | None) -> Any:
    from prefect_dask import DaskTaskRunner  # type: ignore[attr-defined]  # it has no __all__

    if address is not None:
        return DaskTaskRunner(address=address)
    # A model uses several threads itself, so one worker thread per core is enough.
    return DaskTaskRunner(cluster_kwargs={"n_workers": os.cpu_count() or 1, "threads_per_worker": 1})


def _ray(address: str | None) -> Any:
    from prefect_ray import RayTaskRunner

    return RayTaskRunner(address=address) if address is not None else RayTaskRunner()
