"""The frame of a long-running service: JSON logs, a stop at SIGTERM or Ctrl-C, and an exit status."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable
from threading import Event as Flag

from pydantic import ValidationError

from deployments.observability import log_as_json
from sightline.errors import InvalidSetting, SightlineError
from sightline.settings import Settings, settings

__all__ = ["run_service", "server_url"]

_INVALID_SETTINGS = 2
_FAILED = 1


def run_service(
    name: str,
    serve: Callable[[Settings, Flag], None],
    logger: logging.Logger,
    failures: tuple[type[Exception], ...] = (),
) -> int:
    """Run a service until a signal. Return 0 after it, 1 if the service cannot start, 2 for invalid settings.

    Args:
        name: The name of the service, for its log.
        serve: The service. It returns soon after the flag is set.
        logger: The logger of the service.
        failures: The exceptions of ``serve`` that prevent the start.
    """
    log_as_json()
    stop = Flag()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        serve(settings(), stop)
    except (SightlineError, ValidationError) as error:
        logger.critical("Invalid settings: %s", error)
        return _INVALID_SETTINGS
    except failures as error:
        logger.critical("The %s cannot start: %s", name, error)
        return _FAILED
    logger.info("Stopped")
    return 0


def server_url(config: Settings) -> str:
    """Return the URL of the Prefect server's API. Raises ``InvalidSetting`` if it is not set."""
    if not config.prefect_api_url:
        raise InvalidSetting(
            "PREFECT_API_URL is not set. Set it to the URL of the server's API, such as http://server:4200/api"
        )
    return config.prefect_api_url
