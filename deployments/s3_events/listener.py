"""From the queue to the server: a message is deleted only after the server has taken what it tells."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event as Flag

from deployments.s3_events.events import Event, object_created, poison, upload_of
from deployments.s3_events.health import Pulse
from deployments.s3_events.messages import ObjectCreated, Poison, read_message
from deployments.s3_events.metrics import Metrics
from deployments.s3_events.prefect_api import Away, PrefectApi, Refused
from deployments.s3_events.sqs import AWS_ERRORS, Message, Queue
from sightline.uploads import Intakes

__all__ = ["Backoff", "Listener"]

_logger = logging.getLogger(__name__)
_BODY = 200  # characters of a message that a log line shows


@dataclass(frozen=True)
class Backoff:
    """Waits between tries, in seconds: each about twice as long as the one before, up to ``longest``."""

    first: float = 0.5
    longest: float = 60.0

    def wait(self, tries: int) -> float:
        """After so many tries, from 1; a random half of it is left out, so that listeners do not come all at once."""
        return min(self.longest, self.first * 2.0 ** min(tries - 1, 32)) * random.uniform(0.5, 1)  # noqa: S311


@dataclass(frozen=True)
class _Told:
    """What a message tells the server. ``keep``: the queue's own redrive policy has to deal with it."""

    message: Message
    events: tuple[Event, ...]
    keep: bool = False
    objects: tuple[tuple[ObjectCreated, str], ...] = ()
    """Each object with its kind."""


@dataclass
class Listener:
    """Takes messages until ``stop`` is set, then finishes what it holds, or gives it back."""

    queue: Queue
    api: PrefectApi
    intakes: Intakes
    pulse: Pulse
    metrics: Metrics
    stop: Flag
    backoff: Backoff = field(default_factory=Backoff)

    def run(self) -> None:
        """Listen. Ends when it is told to stop, and never because a service is away."""
        failed = 0
        while not self.stop.is_set():
            try:
                messages = self.queue.receive()
            except AWS_ERRORS as error:
                failed += 1
                self._trouble("sqs", str(error), failed)
                self.stop.wait(self.backoff.wait(failed))
                continue
            failed = 0
            self.metrics.up.labels("sqs").set(1)
            self.pulse.beat()
            if messages:
                self.metrics.received.inc(len(messages))
                try:
                    self._deliver([self._read(message) for message in messages])
                except AWS_ERRORS as error:
                    # They come again when their time is over, and what the server has taken of them costs nothing.
                    self._trouble("sqs", str(error), 1)
                    self.stop.wait(self.backoff.wait(1))

    def _read(self, message: Message) -> _Told:
        try:
            created = read_message(message.body)
        except Poison as reason:
            return self._bury(message, str(reason))
        taken = []
        for each in created:
            if upload := upload_of(each, self.intakes):
                taken.append((each, upload))
            else:
                self.metrics.ignored.inc()
                _logger.info("No rule takes an object", extra={"uri": f"s3://{each.bucket}/{each.key}"})
        events = tuple(object_created(each, upload) for each, upload in taken)
        return _Told(message, events, objects=tuple((each, upload.kind) for each, upload in taken))

    def _bury(self, message: Message, reason: str) -> _Told:
        """A message that nobody can do anything with is out of the way, and somebody hears of it."""
        self.metrics.poison.inc()
        is_buried = self._is_buried(message, reason)
        kept = str(self.queue.dead_letters) if is_buried else "in the queue, for its redrive policy"
        told = {"message_id": message.id, "reason": reason, "kept": kept, "body": message.body[:_BODY]}
        _logger.error("A message tells of nothing", extra=told)
        # One that stays comes again, until the queue's own policy takes it away: once is enough to tell of it.
        is_known = not is_buried and message.receives > 1
        return _Told(message, () if is_known else (poison(self.queue.url, message, reason, kept),), keep=not is_buried)

    def _is_buried(self, message: Message, reason: str) -> bool:
        if not self.queue.dead_letters:
            return False
        try:
            self.queue.bury(message, reason)
        except AWS_ERRORS as error:  # The others of the batch are none the worse for it.
            self._trouble("sqs", f"{self.queue.dead_letters}: {error}", 1)
            return False
        return True

    def _deliver(self, told: Sequence[_Told]) -> None:
        """Have the server take it all, however long that takes, and then delete the messages."""
        self.metrics.held.set(len(told))
        tries = 0
        while events := [event for each in told for event in each.events]:
            try:
                self.api.post(events)
            except Refused as refused:
                self._sort_out(told, str(refused))
                return
            except Away as away:
                tries += 1
                self._trouble("prefect", str(away), tries)
                if self.stop.is_set():
                    self._give_back(told)
                    return
                delay = self.backoff.wait(tries)
                told = self._hold(told, delay)
                self.pulse.beat()
                self.stop.wait(delay)
                continue
            self.metrics.up.labels("prefect").set(1)
            break
        self._finish(told)

    def _sort_out(self, told: Sequence[_Told], reason: str) -> None:
        """Some of it the server will never take: that message is no better than one that tells of nothing."""
        if len(told) > 1:
            for each in told:
                self._deliver([each])
            return
        [only] = told
        if only.objects:
            buried = self._bury(only.message, f"the server refuses what it tells: {reason}")
            self._deliver([buried])
            return
        _logger.error("The server refuses an alert", extra={"message_id": only.message.id, "reason": reason})
        self._finish(told)

    def _hold(self, told: Sequence[_Told], delay: float) -> list[_Told]:
        """Keep the messages from other listeners while the server is away, as far as SQS lets one."""
        gone = self.queue.keep_for([each.message for each in told], delay + self.queue.visibility_seconds)
        if gone:
            _logger.warning("Messages are held no longer, and will come again", extra={"messages": gone})
        held = [each for each in told if each.message.id not in gone]
        self.metrics.held.set(len(held))
        return held

    def _give_back(self, told: Sequence[_Told]) -> None:
        self.queue.keep_for([each.message for each in told], 0)
        self.metrics.returned.inc(len(told))
        self.metrics.held.set(0)
        _logger.info("Messages are given back", extra={"messages": [each.message.id for each in told]})

    def _finish(self, told: Sequence[_Told]) -> None:
        done = [each.message for each in told if not each.keep]
        failed = self.queue.delete(done)
        if failed:
            _logger.warning("Messages could not be deleted, and will come again", extra={"messages": failed})
        self.metrics.deleted.inc(len(done) - len(failed))
        self.metrics.held.set(0)
        now = datetime.now(UTC)
        for created, kind in (each for one in told for each in one.objects):
            lag = max(0.0, (now - created.at).total_seconds())
            self.metrics.posted.labels(kind).inc()
            self.metrics.lag.observe(lag)
            uri = f"s3://{created.bucket}/{created.key}"
            told_of = {"uri": uri, "etag": created.etag, "kind": kind, "lag_seconds": round(lag, 3)}
            _logger.info("The server knows of an object", extra=told_of)

    def _trouble(self, service: str, reason: str, tries: int) -> None:
        self.metrics.failures.labels(service).inc()
        self.metrics.up.labels(service).set(0)
        _logger.warning("A service is away", extra={"service": service, "reason": reason, "tries": tries})
