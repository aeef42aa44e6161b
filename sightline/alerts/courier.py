"""Delivery of alerts to every channel. A channel that fails causes a warning, never an exception."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event, Thread
from typing import TypeAlias

from sightline import storage
from sightline.alerts.alert import Alert
from sightline.alerts.outbox import Delivery, Outbox, Undelivered
from sightline.clock import now_in_utc
from sightline.errors import InvalidInput, InvalidSetting, StorageError
from sightline.storage import Location

__all__ = ["Courier", "Send"]

Send: TypeAlias = Callable[[str, Alert, Event], None]
"""Send an alert to the channel of this name; raise if that fails, ``InvalidSetting`` if a retry is useless.

The event is set when the call is abandoned after its timeout: what waited until then, for example for the server that
stores the channel's address, must not send any more, because the retry sends.
"""

_WAITING_PER_RUN = 100
_MAX_FAILURES = 3  # of a channel, in a row; its other alerts are left to the next run


@dataclass(frozen=True)
class Courier:
    """Delivers alerts to ``channels`` by calling ``send``, with a timeout of ``timeout`` seconds per call.

    A failed delivery is retried after each of the pauses in ``waits``, in seconds; then the alert stays in the outbox
    ``root``. ``warn`` logs a warning about the failure; ``reason_of`` returns an exception's text for it.
    """

    root: str | Location
    channels: tuple[str, ...]
    send: Send
    warn: Callable[[str], None]
    reason_of: Callable[[Exception], str] = str
    waits: tuple[float, ...] = (1.0, 5.0)
    timeout: float = 30.0
    now: Callable[[], datetime] = now_in_utc

    def deliver(self, alert: Alert) -> tuple[str, ...]:
        """Deliver the waiting alerts, then this one; return the channels that accepted it. Warn about the others."""
        settled: dict[str, bool] = {}
        try:
            self._deliver_via_outbox(self._open_outbox(), alert, settled)
        except (StorageError, FileNotFoundError) as error:
            self.warn(
                f"the outbox {self.root} cannot be used, so alerts that fail are lost, and an alert "
                f"may be sent twice: {error}. Fix it, or set OUTBOX_BUCKET to another location"
            )
            for channel in self.channels:
                if channel not in settled:
                    reason = self._attempt(channel, alert, self.waits)
                    settled[channel] = reason is None
                    if reason is not None:
                        self.warn(f"{channel}: {reason}; the alert {alert.title!r} is lost for this channel")
        return tuple(channel for channel, accepted in settled.items() if accepted)

    def relay(self) -> tuple[Alert, ...]:
        """Deliver the alerts that other processes posted, and all that wait; return the newly addressed ones.

        Without channels nothing is done: posted alerts stay in the outbox until there is a channel.
        """
        addressed: tuple[Alert, ...] = ()
        if not self.channels:
            return addressed
        try:
            with storage.failing_fast():  # The next call follows.
                outbox = self._open_outbox()
                addressed = self._address(outbox)
                self._deliver_waiting(outbox, exclude=set())
        except (StorageError, FileNotFoundError) as error:
            self.warn(f"the outbox {self.root} cannot be used, so its alerts wait for the next attempt: {error}")
        return addressed

    def try_once(self, channel: str, alert: Alert) -> str | None:
        """Send the alert to the channel without the outbox; return why that failed, None if the channel accepted it."""
        return self._attempt(channel, alert, ())

    def _open_outbox(self) -> Outbox:
        longest = sum(self.waits) + self.timeout * (len(self.waits) + 1)
        return Outbox(storage.locate(self.root), lease=timedelta(seconds=longest + 60), now=self.now)

    def _deliver_via_outbox(self, outbox: Outbox, alert: Alert, settled: dict[str, bool]) -> None:
        for expired in outbox.sweep():
            self.warn(f"{expired.file.name}: dropped, after 30 days without a delivery since {expired.at:%Y-%m-%d}")
        self._address(outbox)
        # Stored first, so a process killed from here on loses nothing.
        posted_alerts = {channel: outbox.post(alert, channel) for channel in self.channels}
        self._deliver_waiting(outbox, exclude={posted.entry for posted in posted_alerts.values() if posted})
        for channel, posted in posted_alerts.items():
            delivery = self._take(outbox, posted) if posted else None
            if delivery is None:
                settled[channel] = False
                continue
            reason = self._attempt(channel, delivery.alert, self.waits)
            settled[channel] = reason is None
            self._settle(outbox, delivery, reason)

    def _address(self, outbox: Outbox) -> tuple[Alert, ...]:
        addressed = []
        for file in outbox.unaddressed():
            try:
                addressed.append(outbox.address(file, self.channels))
            except InvalidInput as damaged:
                self.warn(str(damaged))
        return tuple(filter(None, addressed))

    def _deliver_waiting(self, outbox: Outbox, exclude: set[str]) -> None:
        """Attempt each delivery once: the time since the last run was the pause."""
        failures: dict[str, int] = {}
        attempts = 0
        for waiting in outbox.waiting(self.channels):
            channel = waiting.channel_hash
            if waiting.entry in exclude or failures.get(channel, 0) == _MAX_FAILURES:
                continue
            if attempts == _WAITING_PER_RUN:
                break
            if delivery := self._take(outbox, waiting):
                attempts += 1
                reason = self._attempt(delivery.channel, delivery.alert, ())
                failures[channel] = 0 if reason is None else failures.get(channel, 0) + 1
                self._settle(outbox, delivery, reason)

    def _take(self, outbox: Outbox, undelivered: Undelivered) -> Delivery | None:
        try:
            return outbox.take(undelivered)
        except InvalidInput as damaged:
            self.warn(str(damaged))
            return None

    def _settle(self, outbox: Outbox, delivery: Delivery, reason: str | None) -> None:
        if reason is None:
            outbox.delivered(delivery)
            return
        self.warn(
            f"{delivery.channel}: {reason}. The alert {delivery.alert.title!r} stays in {storage.uri_of(outbox.root)}, "
            f"and the next run retries (failed attempts: {delivery.lease.attempt})"
        )
        outbox.failed(delivery, reason)

    def _attempt(self, channel: str, alert: Alert, waits: tuple[float, ...]) -> str | None:
        """Return why the channel did not accept the alert; None if it did."""
        reason = None
        for wait in (0.0, *waits):
            time.sleep(wait)
            try:
                self._within_timeout(channel, alert)
            except Exception as error:  # Whatever a channel raises, the run continues; a warning names it.
                reason = " ".join(self.reason_of(error).split()) or type(error).__name__
                if isinstance(error, InvalidSetting):
                    break
            else:
                return None
        return reason

    def _within_timeout(self, channel: str, alert: Alert) -> None:
        """Send in a thread that is abandoned after the timeout, so a silent mail server cannot block the run."""
        outcome: Future[None] = Future()
        abandoned = Event()

        def send() -> None:
            try:
                self.send(channel, alert, abandoned)
            except BaseException as error:
                outcome.set_exception(error)
            else:
                outcome.set_result(None)

        Thread(target=copy_context().run, args=(send,), name=f"alert to {channel}", daemon=True).start()
        try:
            outcome.result(self.timeout)
        except TimeoutError as error:
            if outcome.done():
                raise
            abandoned.set()
            raise TimeoutError(f"no answer in {self.timeout:g} s") from error
