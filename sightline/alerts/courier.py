"""Taking an alert, and those that wait, to every channel; a channel that fails costs nothing but a warning."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Thread
from typing import TypeAlias

from sightline import storage
from sightline.alerts.alert import Alert
from sightline.alerts.outbox import Claim, Outbox, Undelivered
from sightline.clock import now_in_utc
from sightline.errors import InvalidInput, InvalidSetting, StorageError
from sightline.storage import Location

__all__ = ["Courier", "Send"]

Send: TypeAlias = Callable[[str, Alert], None]
"""Sends the alert to the channel of this name; raises where it cannot, ``InvalidSetting`` where trying is no use."""

_WAITING_PER_RUN = 100
_FAILURES_OF_A_CHANNEL = 3  # in a row; what else waits for it is left to the next run


@dataclass(frozen=True)
class Courier:
    """Delivers through ``send``, each call of which may take ``timeout`` seconds, to ``channels``.

    A channel that fails is tried again after each of ``waits`` seconds; then the alert stays in the outbox. ``warn``
    is told of it in a sentence, ``reason_of`` makes one of an exception.
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
        """Deliver what waits, then the alert; the channels that have been told of it now. Raises for no channel."""
        settled: dict[str, bool] = {}
        try:
            self._through(self._open_outbox(), alert, settled)
        except (StorageError, FileNotFoundError) as error:
            self.warn(
                f"the outbox {self.root} cannot be used, so an alert that fails is not kept, and one "
                f"may come twice: {error}. Mend it or point OUTBOX_BUCKET elsewhere"
            )
            for channel in self.channels:
                if channel not in settled:
                    reason = self._try(channel, alert, self.waits)
                    settled[channel] = reason is None
                    if reason is not None:
                        self.warn(f"{channel}: {reason}; the alert {alert.title!r} is lost to it")
        return tuple(channel for channel, told in settled.items() if told)

    def _open_outbox(self) -> Outbox:
        longest = sum(self.waits) + self.timeout * (len(self.waits) + 1)
        return Outbox(storage.locate(self.root), lease=timedelta(seconds=longest + 60), now=self.now)

    def _through(self, outbox: Outbox, alert: Alert, settled: dict[str, bool]) -> None:
        for old in outbox.sweep():
            self.warn(f"{old.file.name}: an alert of {old.at:%Y-%m-%d} could not be delivered in 30 days; given up")
        # Written down first, so that a process killed from here on has lost nothing.
        own = {channel: outbox.post(alert, channel) for channel in self.channels}
        self._deliver_waiting(outbox, exclude={posted.entry for posted in own.values() if posted})
        for channel, posted in own.items():
            claim = self._claim(outbox, posted) if posted else None
            if claim is None:
                settled[channel] = False
                continue
            reason = self._try(channel, claim.alert, self.waits)
            settled[channel] = reason is None
            self._settle(outbox, claim, reason)

    def _deliver_waiting(self, outbox: Outbox, exclude: set[str]) -> None:
        """Each is tried once: that it waited for this run was the delay."""
        failures: dict[str, int] = {}
        tried = 0
        for each in outbox.waiting(self.channels):
            if each.entry in exclude or failures.get(each.channel_hash, 0) == _FAILURES_OF_A_CHANNEL:
                continue
            if tried == _WAITING_PER_RUN:
                break
            if claim := self._claim(outbox, each):
                tried += 1
                reason = self._try(claim.channel, claim.alert, ())
                failures[each.channel_hash] = 0 if reason is None else failures.get(each.channel_hash, 0) + 1
                self._settle(outbox, claim, reason)

    def _claim(self, outbox: Outbox, undelivered: Undelivered) -> Claim | None:
        try:
            return outbox.claim(undelivered)
        except InvalidInput as damaged:
            self.warn(str(damaged))
            return None

    def _settle(self, outbox: Outbox, claim: Claim, reason: str | None) -> None:
        if reason is None:
            outbox.delivered(claim)
            return
        self.warn(
            f"{claim.channel}: {reason}. The alert {claim.alert.title!r} is kept in {storage.uri_of(outbox.root)}, and "
            f"the next run tries again (failed {claim.lease.attempt} so far)"
        )
        outbox.failed(claim, reason)

    def _try(self, channel: str, alert: Alert, waits: tuple[float, ...]) -> str | None:
        """Why the channel could not be told; None where it was."""
        reason = None
        for wait in (0.0, *waits):
            time.sleep(wait)
            try:
                self._within_timeout(channel, alert)
            except Exception as error:  # Whatever a channel does, the run goes on; the warning says what it was.
                reason = " ".join(self.reason_of(error).split()) or type(error).__name__
                if isinstance(error, InvalidSetting):
                    break
            else:
                return None
        return reason

    def _within_timeout(self, channel: str, alert: Alert) -> None:
        """Send, in a thread that is left behind where it hangs: a mail server that says nothing would hold the run."""
        outcome: Future[None] = Future()

        def send() -> None:
            try:
                self.send(channel, alert)
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
            raise TimeoutError(f"no answer in {self.timeout:g} s") from error
